package dev.zhulong.data.clean;

import java.util.List;
import java.util.Locale;
import java.util.Set;

/** What stands before and after a span; every look is bounded, so that a scan of a text stays linear. */
final class Around {

    private static final int CONTEXT = 24;

    private Around() {
    }

    static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    static boolean isAlphanumeric(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
    }

    /** True if a number can begin here: not inside a word, a decimal, a dashed or dotted id or a path. */
    static boolean startsNumber(String text, int start) {
        if (start == 0) {
            return true;
        }
        char c = text.charAt(start - 1);
        if (isAlphanumeric(c) || c == '_' || c == '@' || c == '$' || c == '%' || c == '&' || c == '\\') {
            return false;
        }
        boolean joins = c == '.' || c == '-' || c == '/' || c == '+';
        return !joins || start == 1 || !isAlphanumeric(text.charAt(start - 2));
    }

    /** True if a number can end here. */
    static boolean endsNumber(String text, int end) {
        if (end == text.length()) {
            return true;
        }
        char c = text.charAt(end);
        if (isAlphanumeric(c) || c == '_' || c == '@' || c == '%') {
            return false;
        }
        boolean joins = c == '.' || c == '-' || c == '+' || c == '/';
        return !joins || end + 1 == text.length() || !isAlphanumeric(text.charAt(end + 1));
    }

    /** The end of a run of letters, digits and {@code also}. */
    static int runEnd(String text, int from, String also) {
        int end = from;
        while (end < text.length() && (isAlphanumeric(text.charAt(end)) || also.indexOf(text.charAt(end)) >= 0)) {
            end++;
        }
        return end;
    }

    static boolean startsWord(String text, int start) {
        return start == 0 || !isAlphanumeric(text.charAt(start - 1)) && text.charAt(start - 1) != '_' && text.charAt(start - 1) != '-';
    }

    static boolean isQuoted(String text, int start, int end) {
        return start > 0 && end < text.length() && isQuote(text.charAt(start - 1)) && isQuote(text.charAt(end));
    }

    static boolean isQuote(char c) {
        return c == '"' || c == '\'' || c == '`';
    }

    /** True if one of the (lower-case) words occurs in the 24 characters before, on the same line. */
    static boolean mentionedBefore(String text, int start, List<String> words) {
        int from = Math.max(0, start - CONTEXT);
        for (int i = start - 1; i >= from; i--) {
            if (text.charAt(i) == '\n') {
                from = i + 1;
            }
        }
        String before = text.substring(from, start).toLowerCase(Locale.ROOT);
        for (String word : words) {
            if (before.contains(word)) {
                return true;
            }
        }
        return false;
    }

    /** True if one of the (lower-case) words stands by itself in the 24 characters before. */
    static boolean namedBefore(String text, int start, Set<String> words) {
        String before = text.substring(Math.max(0, start - CONTEXT), start).toLowerCase(Locale.ROOT);
        // placeholders such as <IP_ADDRESS> are one word
        for (String word : before.split("[^\\p{L}0-9_<>]+")) {
            if (words.contains(word)) {
                return true;
            }
        }
        return false;
    }

    /** The last word before the span in lower case, white space and punctuation between them skipped; empty if there is none near. */
    static String wordBefore(String text, int start) {
        int limit = Math.max(0, start - CONTEXT);
        int end = start;
        while (end > limit && !Character.isLetter(text.charAt(end - 1)) && text.charAt(end - 1) != '§'
                && !isDigit(text.charAt(end - 1))) {
            end--;
        }
        int begin = end;
        while (begin > limit && (Character.isLetter(text.charAt(begin - 1)) || text.charAt(begin - 1) == '§')) {
            begin--;
        }
        return text.substring(begin, end).toLowerCase(Locale.ROOT);
    }
}
