package dev.zhulong.evaluate.code;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model's answer to a beginning of Java code, as a whole source. What is in a fence of Markdown counts alone; an answer that writes the class anew is the
 * source, with the imports it was shown; any other goes on where the beginning ends, up to the end of the method that is open there.
 */
public final class JavaAnswer {
    private static final Pattern FENCE = Pattern.compile("```(?:java)?[ \\t]*\\R(.*?)(?:```|\\z)", Pattern.DOTALL);
    private static final Pattern CLASS = Pattern.compile("\\b(?:class|record|interface|enum)\\s+(\\w+)");
    private static final Pattern IMPORT = Pattern.compile("(?m)^\\s*import\\s[^;]+;");

    private JavaAnswer() {}

    /** @param beginning code that the model was shown: imports, and a class with a method whose body is open */
    public static String source(String beginning, String written) {
        Matcher fence = FENCE.matcher(written);
        String code = fence.find() ? fence.group(1) : written;
        Matcher named = CLASS.matcher(beginning);
        if (named.find() && Pattern.compile("\\b(?:class|record|interface|enum)\\s+" + named.group(1) + "\\b").matcher(code).find()) {
            var imports = new StringBuilder();
            IMPORT.matcher(beginning).results().map(result -> result.group().strip()).filter(line -> !code.contains(line)).forEach(line -> imports.append(line).append('\n'));
            return imports + code;
        }
        int open = depth(beginning, 0, -1).depth;
        Scan end = depth(code, open, Math.max(0, open - 1));
        return beginning + code.substring(0, end.at) + "\n}".repeat(Math.max(0, end.depth));
    }

    private record Scan(int at, int depth) {}

    /** Follows the braces that are no part of a text or a comment, from {@code depth} to the end or to behind the brace that closes to {@code until}. */
    private static Scan depth(String code, int depth, int until) {
        for (int i = 0; i < code.length(); i++) {
            char c = code.charAt(i);
            if (code.startsWith("//", i)) {
                int line = code.indexOf('\n', i);
                i = line < 0 ? code.length() : line;
            } else if (code.startsWith("/*", i)) {
                int close = code.indexOf("*/", i + 2);
                i = close < 0 ? code.length() : close + 1;
            } else if (code.startsWith("\"\"\"", i)) {
                i = closing(code, i + 3, "\"\"\"") + 2;
            } else if (c == '"' || c == '\'') {
                i = closing(code, i + 1, Character.toString(c));
            } else if (c == '{') {
                depth++;
            } else if (c == '}' && --depth <= until) {
                return new Scan(i + 1, depth);
            }
        }
        return new Scan(code.length(), depth);
    }

    /** Where {@code mark} stands unescaped; the end of a text that goes on to its line's end, or to the code's. */
    private static int closing(String code, int from, String mark) {
        for (int i = from; i < code.length(); i++) {
            if (code.charAt(i) == '\\') {
                i++;
            } else if (code.startsWith(mark, i) || mark.length() == 1 && code.charAt(i) == '\n') {
                return i;
            }
        }
        return code.length();
    }
}
