package dev.zhulong.kernels;

/**
 * ggml's blocks of few bits that are read and not written: weights chosen together from a grid of vectors (IQ1, IQ2, IQ3), and ternary ones (TQ). Layouts as published in
 * ggml's {@code ggml-common.h} and {@code ggml-quants.c}.
 */
final class VectorBlocks {
    /** The magnitudes a weight of the types of two bits can have. */
    static final int[] IQ2 = {8, 25, 43};
    private static final int[] IQ3_XXS = {4, 12, 20, 28, 36, 44, 52, 62};
    private static final int[] IQ3_S = {1, 3, 5, 7, 9, 11, 13, 15};
    /** Powers of three, modulo 256, that bring a digit of five in a byte to its top. */
    private static final int[] POWERS = {1, 3, 9, 27, 81};

    private VectorBlocks() {}

    /** Seven signs, and an eighth that makes their number even. */
    static int signs(int seven) {
        return seven | (Integer.bitCount(seven) & 1) << 7;
    }

    /** Weights of a vector, {@code bits} each, with their signs. */
    static void vector(int code, int bits, int count, int[] magnitudes, int signs, GroupedRow row, int first) {
        for (int j = 0; j < count; j++) {
            int magnitude = magnitudes[code >> bits * j & (1 << bits) - 1];
            row.q[first + j] = (byte) ((signs >> j & 1) == 0 ? magnitude : -magnitude);
        }
    }

    /** f16 scale, 32 words of nine bits of a vector and seven of signs, eight bytes of two scales each. */
    static void iq2xs(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at);
        for (int v = 0; v < 32; v++) {
            int word = GroupedRow.u16(bytes, at + 2 + 2 * v);
            vector(IqGrids.IQ2_XS[word & 511], 2, 8, IQ2, signs(word >> 9), row, first + 8 * v);
        }
        halves(bytes, at + 66, d, row, first);
    }

    /** f16 scale, 32 bytes of vectors, 32 of signs, 8 of the vectors' upper two bits, 8 of two scales each. */
    static void iq2s(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at);
        for (int v = 0; v < 32; v++) {
            int high = bytes[at + 66 + v / 4] >> 2 * (v % 4) & 3;
            vector(IqGrids.IQ2_S[bytes[at + 2 + v] & 0xff | high << 8], 2, 8, IQ2, bytes[at + 34 + v], row, first + 8 * v);
        }
        halves(bytes, at + 74, d, row, first);
    }

    /** Scales of groups of 16, four bits each. */
    private static void halves(byte[] bytes, int at, float d, GroupedRow row, int first) {
        for (int g = 0; g < 16; g++) {
            row.scales[first / 16 + g] = d * (0.5f + (bytes[at + g / 2] >> 4 * (g % 2) & 15)) * 0.25f;
        }
    }

    /** f16 scale, 64 bytes of vectors, for each group an int: four times seven signs, scale. */
    static void iq3xxs(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at);
        for (int g = 0; g < 8; g++) {
            int word = GroupedRow.i32(bytes, at + 66 + 4 * g);
            row.scales[first / 32 + g] = d * (0.5f + (word >>> 28)) * 0.5f;
            for (int v = 0; v < 8; v++) {
                int signs = signs(word >>> 7 * (v / 2) & 127) >> 4 * (v % 2);
                vector(IqGrids.IQ3_XXS[bytes[at + 2 + 8 * g + v] & 0xff], 3, 4, IQ3_XXS, signs, row, first + 32 * g + 4 * v);
            }
        }
    }

    /** f16 scale, 64 bytes of vectors, 8 of their upper bits, 32 of signs, 4 of two scales each. */
    static void iq3s(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at);
        for (int g = 0; g < 8; g++) {
            row.scales[first / 32 + g] = d * (1 + 2 * (bytes[at + 106 + g / 2] >> 4 * (g % 2) & 15));
            for (int v = 0; v < 8; v++) {
                int high = bytes[at + 66 + g] >> v & 1;
                int signs = bytes[at + 74 + 4 * g + v / 2] >> 4 * (v % 2);
                vector(IqGrids.IQ3_S[bytes[at + 2 + 8 * g + v] & 0xff | high << 8], 3, 4, IQ3_S, signs, row, first + 32 * g + 4 * v);
            }
        }
    }

    /** f16 scale, 32 bytes of vectors, for each group a word: four times three upper bits of a vector, three of the scale, the sign of what is added to all weights. */
    static void iq1s(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at);
        for (int g = 0; g < 8; g++) {
            int word = GroupedRow.u16(bytes, at + 34 + 2 * g);
            row.scales[first / 32 + g] = d * (2 * (word >> 12 & 7) + 1) * 0.125f;
            for (int v = 0; v < 4; v++) {
                eighths(bytes[at + 2 + 4 * g + v] & 0xff | (word >> 3 * v & 7) << 8, (word & 0x8000) != 0, row, first + 32 * g + 8 * v);
            }
        }
    }

    /** 32 bytes of vectors, 16 of two times three upper bits and a sign each, four words of four times three bits of scales, whose top four bits are the f16 scale of all. */
    static void iq1m(byte[] bytes, int at, GroupedRow row, int first) {
        int half = 0;
        for (int w = 0; w < 4; w++) {
            half |= GroupedRow.u16(bytes, at + 48 + 2 * w) >> 12 << 4 * w;
        }
        float d = Float.float16ToFloat((short) half);
        for (int v = 0; v < 32; v++) {
            int high = bytes[at + 32 + v / 2] >> 4 * (v % 2);
            eighths(bytes[at + v] & 0xff | (high & 7) << 8, (high & 8) != 0, row, first + 8 * v);
            int scale = GroupedRow.u16(bytes, at + 48 + 2 * (v / 8)) >> 3 * (v / 2 % 4) & 7;
            row.scales[first / 16 + v / 2] = d * (2 * scale + 1) * 0.125f;
        }
    }

    /** Weights of -1, 0 and 1, each with an eighth more or less. */
    private static void eighths(int vector, boolean less, GroupedRow row, int first) {
        int code = IqGrids.IQ1_S[vector];
        for (int j = 0; j < 8; j++) {
            row.q[first + j] = (byte) (8 * ((code >> 2 * j & 3) - 1) + (less ? -1 : 1));
        }
    }

    /** 64 bytes of two bits each, f16 scale. */
    static void tq2(byte[] bytes, int at, GroupedRow row, int first) {
        for (int i = 0; i < 256; i++) {
            row.q[first + i] = (byte) ((bytes[at + i / 128 * 32 + i % 32] >> 2 * (i / 32 % 4) & 3) - 1);
        }
        scale(bytes, at + 64, row, first);
    }

    /** 48 bytes of five digits to the base of three, 4 of four, f16 scale. */
    static void tq1(byte[] bytes, int at, GroupedRow row, int first) {
        for (int i = 0; i < 256; i++) {
            int piece = i < 160 ? 32 : i < 240 ? 16 : 4;
            int from = i < 160 ? 0 : i < 240 ? 160 : 240;
            int place = at + (i < 160 ? 0 : i < 240 ? 32 : 48) + (i - from) % piece;
            int digits = (bytes[place] & 0xff) * POWERS[(i - from) / piece] & 0xff;
            row.q[first + i] = (byte) ((digits * 3 >> 8) - 1);
        }
        scale(bytes, at + 52, row, first);
    }

    private static void scale(byte[] bytes, int at, GroupedRow row, int first) {
        java.util.Arrays.fill(row.scales, first / 32, first / 32 + 8, GroupedRow.f16(bytes, at));
    }
}
