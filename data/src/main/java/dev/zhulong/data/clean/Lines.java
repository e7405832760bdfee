package dev.zhulong.data.clean;

/** White space at the ends of a line that lies at {@code [from, to)} of a text. */
final class Lines {

    private Lines() {
    }

    static boolean isSpace(char c) {
        return c <= ' ' || c == '\u3000' || c >= 0x80 && Character.isWhitespace(c);
    }

    static int skipSpace(String text, int from, int to) {
        int at = from;
        while (at < to && isSpace(text.charAt(at))) {
            at++;
        }
        return at;
    }

    static int trimEnd(String text, int from, int to) {
        int at = to;
        while (at > from && isSpace(text.charAt(at - 1))) {
            at--;
        }
        return at;
    }
}
