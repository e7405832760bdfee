package dev.zhulong.edge;

/** Text to UTF-8 and back: a fifth of the code that Java's own charsets are in a page. */
final class EdgeUtf8 {
    private static final char REPLACEMENT = '\ufffd';

    private EdgeUtf8() {}

    /** @param text without lone surrogates */
    static byte[] bytes(String text) {
        byte[] out = new byte[3 * text.length()];
        int n = 0;
        for (int i = 0; i < text.length(); i++) {
            int c = text.charAt(i);
            if (c >= 0xd800 && c < 0xdc00 && i + 1 < text.length()) {
                c = (c - 0xd800 << 10) + text.charAt(++i) - 0xdc00 + 0x10000;
            }
            if (c < 0x80) {
                out[n++] = (byte) c;
            } else {
                if (c < 0x800) {
                    out[n++] = (byte) (0xc0 | c >> 6);
                } else {
                    if (c < 0x10000) {
                        out[n++] = (byte) (0xe0 | c >> 12);
                    } else {
                        out[n++] = (byte) (0xf0 | c >> 18);
                        out[n++] = (byte) (0x80 | c >> 12 & 63);
                    }
                    out[n++] = (byte) (0x80 | c >> 6 & 63);
                }
                out[n++] = (byte) (0x80 | c & 63);
            }
        }
        byte[] whole = new byte[n];
        System.arraycopy(out, 0, whole, 0, n);
        return whole;
    }

    /** What is no UTF-8 becomes U+FFFD, a byte at a time. */
    static String text(byte[] utf8) {
        char[] out = new char[utf8.length];
        int n = 0;
        for (int i = 0; i < utf8.length; ) {
            int b = utf8[i++] & 0xff;
            int more = b < 0x80 ? 0 : b >= 0xc2 && b < 0xe0 ? 1 : b >= 0xe0 && b < 0xf0 ? 2 : b >= 0xf0 && b < 0xf5 ? 3 : -1;
            int c = more <= 0 ? b : b & 0x3f >> more;
            int at = i;
            for (int k = 0; k < more && c >= 0; k++) {
                c = at < utf8.length && (utf8[at] & 0xc0) == 0x80 ? c << 6 | utf8[at++] & 63 : -1;
            }
            boolean known = more >= 0 && c >= (more == 2 ? 0x800 : more == 3 ? 0x10000 : 0) && c < 0x110000 && (c < 0xd800 || c >= 0xe000);
            if (!known) {
                out[n++] = REPLACEMENT;
                continue;
            }
            i = at;
            if (c < 0x10000) {
                out[n++] = (char) c;
            } else {
                out[n++] = (char) (0xd7c0 + (c >> 10));
                out[n++] = (char) (0xdc00 | c & 0x3ff);
            }
        }
        return new String(out, 0, n);
    }
}
