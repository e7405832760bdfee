package dev.zhulong.data.clean;

import java.util.List;

/**
 * Tells source code from prose by the look of its lines: how they start (keywords, comment marks), how they end (brace, semicolon)
 * and which operators they hold. A heuristic for texts whose name tells nothing; the first 16,384 characters decide.
 */
final class CodeDetector {

    private static final int SAMPLE = 16_384;
    private static final double CODE_LINE_SHARE = 0.4;

    private static final List<String> STARTS = List.of("import ", "package ", "from ", "def ", "class ", "public ", "private ",
            "protected ", "static ", "final ", "#include", "#define", "#ifdef", "#endif", "return ", "if (", "if(", "else", "elif ",
            "for (", "for(", "while (", "switch ", "case ", "var ", "let ", "const ", "function ", "fn ", "func ", "struct ", "enum ",
            "void ", "int ", "//", "/*", "*/", "@Override", "SELECT ", "INSERT ", "CREATE ", "using ", "namespace ", "try", "except",
            "print(", "self.", "</");
    private static final List<String> OPERATORS = List.of("==", "!=", "->", "=>", "&&", "||", "+=", "::", "();", " = ", "){", ") {", "[]",
            "):");

    private CodeDetector() {
    }

    static boolean looksLikeCode(String text) {
        int end = Math.min(text.length(), SAMPLE);
        int lines = 0;
        int codeLines = 0;
        boolean inComment = false;
        for (int from = 0; from < end;) {
            int to = text.indexOf('\n', from);
            if (to < 0 || to > end) {
                to = end;
            }
            int start = Lines.skipSpace(text, from, to);
            int stop = Lines.trimEnd(text, start, to);
            if (start < stop) {
                lines++;
                inComment |= text.startsWith("/*", start);
                if (inComment || looksLikeCode(text, start, stop)) {
                    codeLines++;
                }
                inComment &= !text.startsWith("*/", stop - 2);
            }
            from = to + 1;
        }
        return lines > 0 && codeLines >= CODE_LINE_SHARE * lines;
    }

    private static boolean looksLikeCode(String text, int start, int stop) {
        char last = text.charAt(stop - 1);
        if (last == '{' || last == '}' || last == ';') {
            return true;
        }
        // A wiki's heading, "== History ==", has operators only.
        if (text.charAt(start) == '=') {
            return false;
        }
        boolean operator = false;
        String line = text.substring(start, stop);
        for (String o : OPERATORS) {
            if (line.contains(o)) {
                operator = true;
                break;
            }
        }
        if (operator) {
            return true;
        }
        // A sentence may well begin with "from" or "class": it ends like a sentence.
        if (last == '.' || last == '!' || last == '?' || last == '。') {
            return false;
        }
        for (String s : STARTS) {
            if (line.startsWith(s)) {
                return stop - start < 100;
            }
        }
        return false;
    }
}
