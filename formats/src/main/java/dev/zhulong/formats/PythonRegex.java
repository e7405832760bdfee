package dev.zhulong.formats;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression in Python's syntax, of a file that a stranger may have written: what Java spells otherwise is translated, and a match that
 * takes too long is given up.
 */
final class PythonRegex {
    private static final int LONGEST = 10_000;
    /** Characters a match may look at; an honest one looks at each of a module's name some dozen times. */
    private static final int MOST_LOOKS = 1_000_000;

    /** How often; another brace stands for itself. */
    private static final Pattern COUNT = Pattern.compile("\\{(\\d+(,\\d*)?|,\\d*)\\}");

    private final String source;
    private final Pattern pattern;

    private PythonRegex(String source, Pattern pattern) {
        this.source = source;
        this.pattern = pattern;
    }

    /** @throws IllegalArgumentException when it is too long, or no regular expression; quotes it */
    static PythonRegex of(String source) {
        return of(source, "", "");
    }

    /** The same between two others, in Java's syntax, as if they were one text. */
    static PythonRegex of(String source, String before, String after) {
        if (source.length() > LONGEST) {
            throw new IllegalArgumentException("a regular expression of " + source.length() + " characters is longer than " + LONGEST + ": "
                    + FormatException.quote(source));
        }
        try {
            return new PythonRegex(source, Pattern.compile(before + translated(source) + after));
        } catch (PatternSyntaxException | StackOverflowError e) {
            throw new IllegalArgumentException("not a regular expression: " + FormatException.quote(source), e);
        }
    }

    /** Whether all of {@code text} is a match. */
    boolean matches(String text) {
        return within(text, Matcher::matches);
    }

    /** What the group {@code name} matched, where {@code text} begins with a match; else null. */
    String group(String name, String text) {
        return within(text, matcher -> matcher.lookingAt() ? matcher.group(name) : null);
    }

    private <T> T within(String text, Function<Matcher, T> match) {
        try {
            return match.apply(pattern.matcher(new Watched(text, new int[1])));
        } catch (TooLong | StackOverflowError e) {
            throw new IllegalArgumentException("the regular expression " + FormatException.quote(source) + " takes too long on " + text
                    + "; name the modules instead", e);
        }
    }

    /** Named groups become plain ones, for Java's names have no underscore; {@code \Z} and a class's open bracket mean other things there. */
    private static String translated(String python) {
        var java = new StringBuilder();
        List<String> groups = new ArrayList<>();
        boolean inClass = false;
        for (int i = 0; i < python.length(); i++) {
            char c = python.charAt(i);
            if (c == '\\' && i + 1 < python.length()) {
                char escaped = python.charAt(++i);
                java.append('\\').append(escaped == 'Z' ? 'z' : escaped);
            } else if (inClass) {
                java.append(c == '[' || c == '&' ? "\\" : "").append(c);
                inClass = c != ']';
            } else if (c == '[') {
                inClass = true;
                java.append(c);
                // a bracket at the beginning of a class is a member of it
                boolean not = python.startsWith("^", i + 1);
                i += not ? 1 : 0;
                java.append(not ? "^" : "");
                if (python.startsWith("]", i + 1)) {
                    java.append("\\]");
                    i++;
                }
            } else if (python.startsWith("(?P<", i) && python.indexOf('>', i) > 0) {
                int end = python.indexOf('>', i);
                groups.add(python.substring(i + 4, end));
                java.append('(');
                i = end;
            } else if (python.startsWith("(?P=", i) && python.indexOf(')', i) > 0) {
                int end = python.indexOf(')', i);
                int group = groups.indexOf(python.substring(i + 4, end)) + 1;
                if (group == 0) {
                    throw new PatternSyntaxException("no such group", python, i);
                }
                java.append("(?:\\").append(group).append(')');
                i = end;
            } else {
                if (c == '(' && !python.startsWith("(?", i)) {
                    groups.add("");
                }
                boolean literal = c == '{' && !COUNT.matcher(python).region(i, python.length()).lookingAt();
                java.append(literal ? "\\{" : python.startsWith("{,", i) ? "{0" : Character.toString(c));
            }
        }
        return java.toString();
    }

    /** Counts looks over all parts of a text. */
    private record Watched(CharSequence text, int[] looks) implements CharSequence {
        @Override
        public char charAt(int index) {
            if (++looks[0] > MOST_LOOKS) {
                throw new TooLong();
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int from, int to) {
            return text.subSequence(from, to);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }

    private static final class TooLong extends RuntimeException {
        TooLong() {
            super(null, null, false, false);
        }
    }
}
