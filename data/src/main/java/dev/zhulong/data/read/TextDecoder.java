package dev.zhulong.data.read;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.function.BiConsumer;

/**
 * Bytes to well-formed text: byte order marks are taken off (UTF-8) or obeyed (UTF-16, UTF-32), line ends become {@code \n}, NUL goes, malformed
 * bytes and lone surrogates become U+FFFD. Each repair is reported.
 */
final class TextDecoder {
    private static final int SNIFF = 8192;

    private final BiConsumer<String, String> skipped;
    private final BiConsumer<String, String> repaired;

    /** Told of what could not be read and of what was mended: the reason, then where. */
    TextDecoder(BiConsumer<String, String> skipped, BiConsumer<String, String> repaired) {
        this.skipped = skipped;
        this.repaired = repaired;
    }

    /** NUL in the first 8 KiB means binary, the rule of git and grep, unless a byte order mark explains it. */
    static boolean isBinary(byte[] bytes, int length) {
        if (Encoding.marked(bytes, length) != null) {
            return false;
        }
        for (int i = 0; i < Math.min(length, SNIFF); i++) {
            if (bytes[i] == 0) {
                return true;
            }
        }
        return false;
    }

    /** Whether decoding left so much of a text undecodable that it is in another encoding: more than a tenth is U+FFFD. */
    static boolean isGarbled(String text) {
        int at = text.indexOf('\uFFFD');
        return at >= 0 && text.substring(at).chars().filter(c -> c == '\uFFFD').count() * 10 > text.length();
    }

    /** The text, or null (and reported) when more than a tenth of it would be U+FFFD: then it is not text in this charset. */
    String decode(byte[] bytes, int length, Charset charset, String where) {
        String text = new String(bytes, 0, length, charset);
        if (text.indexOf('\uFFFD') >= 0) {
            long marks = text.chars().filter(c -> c == '\uFFFD').count();
            long honest = charset.equals(StandardCharsets.UTF_8) ? replacementsInUtf8(bytes, length) : 0;
            if (marks > honest) {
                if ((marks - honest) * 10 > text.length()) {
                    skipped.accept("not " + charset.name() + " text", where);
                    return null;
                }
                repaired.accept("malformed " + charset.name() + " replaced by U+FFFD", where);
            }
        }
        return tidy(text, where);
    }

    /** Repairs what may be wrong in text that is already characters. */
    String tidy(String text, String where) {
        if (!text.isEmpty() && text.charAt(0) == '\uFEFF') {
            text = text.substring(1);
            repaired.accept("byte order mark removed", where);
        }
        if (text.indexOf('\r') >= 0) {
            text = text.replace("\r\n", "\n").replace('\r', '\n');
            repaired.accept("carriage returns made line feeds", where);
        }
        if (text.indexOf('\0') >= 0) {
            text = text.replace("\0", "");
            repaired.accept("NUL removed", where);
        }
        int lone = loneSurrogate(text, 0);
        if (lone >= 0) {
            var chars = text.toCharArray();
            for (; lone >= 0; lone = loneSurrogate(text, lone + 1)) {
                chars[lone] = '\uFFFD';
            }
            text = new String(chars);
            repaired.accept("lone surrogates replaced by U+FFFD", where);
        }
        return text;
    }

    private static int loneSurrogate(String text, int from) {
        for (int i = from; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                    i++;
                } else {
                    return i;
                }
            }
        }
        return -1;
    }

    private static long replacementsInUtf8(byte[] bytes, int length) {
        long count = 0;
        for (int i = 0; i + 2 < length; i++) {
            if (bytes[i] == (byte) 0xef && bytes[i + 1] == (byte) 0xbf && bytes[i + 2] == (byte) 0xbd) {
                count++;
            }
        }
        return count;
    }
}
