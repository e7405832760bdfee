package dev.zhulong.kernels;

/**
 * ggml's first generation of blocks: one scale, perhaps a minimum, then the integers; and MXFP4, whose scale is a power of two. Layouts as published in ggml's
 * {@code ggml-common.h} (block_q2_0 … block_q8_0). In 4-bit blocks the low nibbles are the first half of the block.
 */
final class SimpleBlocks {
    /** Twice the values of a float of four bits: a sign, two bits of the exponent, one of the mantissa. */
    private static final byte[] FP4 = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

    private SimpleBlocks() {}

    /** f16 scale; signed bytes. */
    static void q8(byte[] bytes, int at, GroupedRow row, int first) {
        row.scales[first / 32] = GroupedRow.f16(bytes, at);
        System.arraycopy(bytes, at + 2, row.q, first, 32);
    }

    /** A row of {@link #q8} as {@link PackedWeights} has its bytes, and its scales. */
    static void packBytes(byte[] bytes, GroupedRow row, int[] words, int lane) {
        int to = lane;
        for (int g = 0, at = 0; g < row.scales.length; g++, at += 34) {
            row.scales[g] = GroupedRow.f16(bytes, at);
            for (int i = 0; i < 32; i += 4) {
                words[to] = GroupedRow.i32(bytes, at + 2 + i);
                to += Lanes.COUNT;
            }
        }
    }

    /** f16 scale; of each byte four weights, the first in its lowest two bits, one too large. */
    static void q2(byte[] bytes, int at, GroupedRow row, int first) {
        row.scales[first / 64] = GroupedRow.f16(bytes, at);
        for (int j = 0; j < 64; j++) {
            row.q[first + j] = (byte) ((bytes[at + 2 + j / 4] >> 2 * (j % 4) & 3) - 1);
        }
    }

    /** f16 scale, f16 minimum in the types that have one; nibbles, without a minimum eight too large. */
    static void q4(byte[] bytes, int at, GroupedRow row, int first) {
        int n = row.type.blockElements();
        int g = first / n;
        int offset = row.type.hasMin() ? 0 : 8;
        row.scales[g] = GroupedRow.f16(bytes, at);
        row.mins[g] = row.type.hasMin() ? GroupedRow.f16(bytes, at + 2) : 0;
        int data = at + (row.type.hasMin() ? 4 : 2);
        for (int j = 0; j < n / 2; j++) {
            row.q[first + j] = (byte) ((bytes[data + j] & 15) - offset);
            row.q[first + n / 2 + j] = (byte) ((bytes[data + j] >> 4 & 15) - offset);
        }
    }

    /** A row of {@link #q4} as {@link PackedWeights} has its nibbles, four at once, and its scales and minimums. */
    static void packNibbles(byte[] bytes, GroupedRow row, int[] words, int lane) {
        int low = 0x0f0f0f0f;
        boolean min = row.type.hasMin();
        int header = min ? 4 : 2;
        int half = row.type.blockElements() / 2;
        // words of half a block
        int upper = half / 8 * Lanes.COUNT;
        int to = lane;
        for (int g = 0, at = 0; g < row.scales.length; g++, at += header + half, to += upper) {
            row.scales[g] = GroupedRow.f16(bytes, at);
            row.mins[g] = min ? GroupedRow.f16(bytes, at + 2) : 0;
            for (int i = at + header; i < at + header + half; i += 8) {
                int four = GroupedRow.i32(bytes, i);
                int next = GroupedRow.i32(bytes, i + 4);
                words[to] = four & low | (next & low) << 4;
                words[to + upper] = four >>> 4 & low | next & ~low;
                to += Lanes.COUNT;
            }
        }
    }

    /** As {@link #q4}, with the fifth bits of the 32 weights in an int before the nibbles. */
    static void q5(byte[] bytes, int at, GroupedRow row, int first) {
        int offset = row.type.hasMin() ? 0 : 16;
        row.scales[first / 32] = GroupedRow.f16(bytes, at);
        row.mins[first / 32] = row.type.hasMin() ? GroupedRow.f16(bytes, at + 2) : 0;
        int high = GroupedRow.i32(bytes, at + (row.type.hasMin() ? 4 : 2));
        int data = at + (row.type.hasMin() ? 8 : 6);
        for (int j = 0; j < 16; j++) {
            row.q[first + j] = (byte) ((bytes[data + j] & 15 | (high >>> j & 1) << 4) - offset);
            row.q[first + 16 + j] = (byte) ((bytes[data + j] >> 4 & 15 | (high >>> (16 + j) & 1) << 4) - offset);
        }
    }

    /** Exponent of the scale, from -127 on, 255 for what is no number; nibbles as in {@link #q4}, indices into {@link #FP4}. */
    static void mxfp4(byte[] bytes, int at, GroupedRow row, int first) {
        int exponent = bytes[at] & 0xff;
        // the table has twice the values
        row.scales[first / 32] = exponent == 0xff ? Float.NaN : Math.scalb(1f, exponent - 128);
        for (int j = 0; j < 16; j++) {
            row.q[first + j] = FP4[bytes[at + 1 + j] & 15];
            row.q[first + 16 + j] = FP4[bytes[at + 1 + j] >> 4 & 15];
        }
    }
}
