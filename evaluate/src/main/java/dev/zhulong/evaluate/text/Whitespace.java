package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.List;

/**
 * White space as Python's {@code str.isspace} knows it, which all reference implementations split and strip by. Java's own notions differ:
 * {@code Character.isWhitespace} leaves out the no-break spaces and U+0085.
 */
final class Whitespace {
    private Whitespace() {}

    static boolean is(int c) {
        if (c <= ' ') {
            return c >= '\t' && c <= '\r' || c >= 0x1c;
        }
        return c >= 0x85 && switch (c) {
            case 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000 -> true;
            default -> c >= 0x2000 && c <= 0x200a;
        };
    }

    /** The words between white space, none of them empty. */
    static List<String> split(CharSequence text) {
        var words = new ArrayList<String>();
        int start = -1;
        for (int i = 0; i < text.length(); i++) {
            if (is(text.charAt(i))) {
                if (start >= 0) {
                    words.add(text.subSequence(start, i).toString());
                    start = -1;
                }
            } else if (start < 0) {
                start = i;
            }
        }
        if (start >= 0) {
            words.add(text.subSequence(start, text.length()).toString());
        }
        return words;
    }

    static String stripTrailing(String text) {
        int end = text.length();
        while (end > 0 && is(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(0, end);
    }

    static String strip(String text) {
        int start = 0;
        while (start < text.length() && is(text.charAt(start))) {
            start++;
        }
        return stripTrailing(text.substring(start));
    }
}
