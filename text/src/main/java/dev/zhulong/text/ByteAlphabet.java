package dev.zhulong.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * GPT-2's spelling of the 256 bytes as printable characters: bytes that are visible in Latin-1 stand for themselves, the other 68 are
 * U+0100 and up in byte order (Radford et al. 2019, {@code bytes_to_unicode}).
 */
final class ByteAlphabet {
    private static final char[] SPELLING = new char[256];
    private static final short[] BYTE = new short[0x144];

    static {
        Arrays.fill(BYTE, (short) -1);
        char next = 0x100;
        for (int b = 0; b < 256; b++) {
            boolean visible = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            char c = visible ? (char) b : next++;
            SPELLING[b] = c;
            BYTE[c] = (short) b;
        }
    }

    private ByteAlphabet() {
    }

    static String spell(byte[] bytes) {
        char[] out = new char[bytes.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = SPELLING[bytes[i] & 0xFF];
        }
        return new String(out);
    }

    /** The bytes {@code spelling} stands for; its UTF-8 where some character of it is not in the alphabet. */
    static byte[] bytes(String spelling) {
        byte[] out = new byte[spelling.length()];
        for (int i = 0; i < out.length; i++) {
            char c = spelling.charAt(i);
            int b = c < BYTE.length ? BYTE[c] : -1;
            if (b < 0) {
                return spelling.getBytes(StandardCharsets.UTF_8);
            }
            out[i] = (byte) b;
        }
        return out;
    }
}
