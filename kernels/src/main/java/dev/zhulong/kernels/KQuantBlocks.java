package dev.zhulong.kernels;

/**
 * ggml's k-quants: 256 weights to a block, whose group scales (and minimums) are small integers times one f16. Layouts as published in
 * ggml's {@code ggml-common.h} (block_q2_K … block_q6_K).
 */
final class KQuantBlocks {
    private KQuantBlocks() {}

    /** 16 bytes of scale (low nibble) and minimum (high nibble), 64 bytes of 2-bit weights, f16 scale, f16 minimum. */
    static void q2(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at + 80);
        float min = GroupedRow.f16(bytes, at + 82);
        for (int g = 0; g < 16; g++) {
            row.scales[first / 16 + g] = d * (bytes[at + g] & 15);
            row.mins[first / 16 + g] = -(min * (bytes[at + g] >> 4 & 15));
        }
        for (int i = 0; i < 256; i++) {
            row.q[first + i] = (byte) twoBits(bytes, at + 16, i);
        }
    }

    /** 32 bytes of third bits, 64 bytes of the lower two, 12 bytes of 6-bit scales, f16 scale. */
    static void q3(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at + 108);
        int scales = at + 96;
        for (int g = 0; g < 16; g++) {
            int low = bytes[scales + g % 8] >> (g < 8 ? 0 : 4) & 15;
            int high = bytes[scales + 8 + g % 4] >> (2 * (g / 4)) & 3;
            row.scales[first / 16 + g] = d * ((low | high << 4) - 32);
        }
        for (int i = 0; i < 256; i++) {
            int high = bytes[at + i % 32] >> (i / 32) & 1;
            row.q[first + i] = (byte) (twoBits(bytes, at + 32, i) + 4 * high - 4);
        }
    }

    /** Weight {@code i} of 64 bytes that hold 32 weights of each of four 2-bit planes, twice. */
    private static int twoBits(byte[] bytes, int at, int i) {
        return bytes[at + i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32)) & 3;
    }

    /** f16 scale, f16 minimum, 12 bytes of 6-bit scales and minimums, in Q5_K 32 bytes of fifth bits, 128 bytes of nibbles. */
    static void q45(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at);
        float min = GroupedRow.f16(bytes, at + 2);
        int s = at + 4;
        for (int g = 0; g < 8; g++) {
            int scale = g < 4 ? bytes[s + g] & 63 : bytes[s + g + 4] & 15 | (bytes[s + g - 4] >> 6 & 3) << 4;
            int minimum = g < 4 ? bytes[s + g + 4] & 63 : bytes[s + g + 4] >> 4 & 15 | (bytes[s + g] >> 6 & 3) << 4;
            row.scales[first / 32 + g] = d * scale;
            row.mins[first / 32 + g] = -(min * minimum);
        }
        boolean five = row.type == WeightType.Q5_K;
        int high = at + 16;
        int low = five ? at + 48 : at + 16;
        for (int i = 0; i < 256; i++) {
            int g = i / 32;
            int q = bytes[low + g / 2 * 32 + i % 32] >> (4 * (g % 2)) & 15;
            row.q[first + i] = (byte) (five ? q | (bytes[high + i % 32] >> g & 1) << 4 : q);
        }
    }

    /** 128 bytes of low nibbles, 64 bytes of the upper two bits, 16 signed bytes of scales, f16 scale. */
    static void q6(byte[] bytes, int at, GroupedRow row, int first) {
        float d = GroupedRow.f16(bytes, at + 208);
        for (int g = 0; g < 16; g++) {
            row.scales[first / 16 + g] = d * bytes[at + 192 + g];
        }
        for (int i = 0; i < 256; i++) {
            int half = i / 128;
            int quarter = i % 128 / 32;
            int low = bytes[at + half * 64 + i % 64] >> (quarter < 2 ? 0 : 4) & 15;
            int high = bytes[at + 128 + half * 32 + i % 32] >> (2 * quarter) & 3;
            row.q[first + i] = (byte) ((low | high << 4) - 32);
        }
    }
}
