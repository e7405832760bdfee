package dev.zhulong.kernels;

/** What {@link KQuantBlocks} and {@link IqBlocks} read of blocks of 256 weights, written; the block's bytes are zero before. */
final class KQuantPacking {
    private KQuantPacking() {}

    static void q2(KQuantFit fit, byte[] out, int at) {
        for (int g = 0; g < 16; g++) {
            out[at + g] = (byte) (fit.scales[g] | fit.mins[g] << 4);
        }
        for (int i = 0; i < 256; i++) {
            twoBits(out, at + 16, i, fit.q[i]);
        }
        Quantiser.putHalf(out, at + 80, fit.scale, WeightType.Q2_K);
        Quantiser.putHalf(out, at + 82, fit.min, WeightType.Q2_K);
    }

    static void q3(KQuantFit fit, byte[] out, int at) {
        for (int i = 0; i < 256; i++) {
            int code = fit.q[i] + 4;
            out[at + i % 32] |= (byte) (code >> 2 << (i / 32));
            twoBits(out, at + 32, i, code & 3);
        }
        for (int g = 0; g < 16; g++) {
            int scale = fit.scales[g] + 32;
            out[at + 96 + g % 8] |= (byte) ((scale & 15) << (g < 8 ? 0 : 4));
            out[at + 104 + g % 4] |= (byte) (scale >> 4 << (2 * (g / 4)));
        }
        Quantiser.putHalf(out, at + 108, fit.scale, WeightType.Q3_K);
    }

    /** The scales and minimums of a block, as the methods here write them. */
    static void scales(WeightType type, byte[] in, int at, KQuantFit fit) {
        switch (type) {
            case Q2_K -> {
                fit.scale = GroupedRow.f16(in, at + 80);
                fit.min = GroupedRow.f16(in, at + 82);
                for (int g = 0; g < 16; g++) {
                    fit.scales[g] = in[at + g] & 15;
                    fit.mins[g] = in[at + g] >> 4 & 15;
                }
            }
            case Q3_K -> {
                fit.scale = GroupedRow.f16(in, at + 108);
                for (int g = 0; g < 16; g++) {
                    int low = in[at + 96 + g % 8] >> (g < 8 ? 0 : 4) & 15;
                    fit.scales[g] = (low | (in[at + 104 + g % 4] >> (2 * (g / 4)) & 3) << 4) - 32;
                }
            }
            case Q4_K, Q5_K -> {
                fit.scale = GroupedRow.f16(in, at);
                fit.min = GroupedRow.f16(in, at + 2);
                int s = at + 4;
                for (int g = 0; g < 4; g++) {
                    fit.scales[g] = in[s + g] & 63;
                    fit.mins[g] = in[s + g + 4] & 63;
                    fit.scales[g + 4] = in[s + g + 8] & 15 | (in[s + g] >> 6 & 3) << 4;
                    fit.mins[g + 4] = in[s + g + 8] >> 4 & 15 | (in[s + g + 4] >> 6 & 3) << 4;
                }
            }
            case Q6_K -> {
                fit.scale = GroupedRow.f16(in, at + 208);
                for (int g = 0; g < 16; g++) {
                    fit.scales[g] = in[at + 192 + g];
                }
            }
            case IQ4_XS -> {
                fit.scale = GroupedRow.f16(in, at);
                for (int g = 0; g < 8; g++) {
                    int low = in[at + 4 + g / 2] >> (4 * (g % 2)) & 15;
                    fit.scales[g] = (low | (in[at + 2 + g / 4] >> (2 * (g % 4)) & 3) << 4) - 32;
                }
            }
            default -> throw new IllegalArgumentException(type + " has no blocks of 256 weights");
        }
    }

    private static void twoBits(byte[] out, int at, int i, int code) {
        out[at + i / 128 * 32 + i % 32] |= (byte) (code << (2 * (i % 128 / 32)));
    }

    static void q45(WeightType type, KQuantFit fit, byte[] out, int at) {
        Quantiser.putHalf(out, at, fit.scale, type);
        Quantiser.putHalf(out, at + 2, fit.min, type);
        int s = at + 4;
        for (int g = 0; g < 4; g++) {
            out[s + g] = (byte) (fit.scales[g] | fit.scales[g + 4] >> 4 << 6);
            out[s + g + 4] = (byte) (fit.mins[g] | fit.mins[g + 4] >> 4 << 6);
            out[s + g + 8] = (byte) (fit.scales[g + 4] & 15 | (fit.mins[g + 4] & 15) << 4);
        }
        boolean five = type == WeightType.Q5_K;
        int low = five ? at + 48 : at + 16;
        for (int i = 0; i < 256; i++) {
            int g = i / 32;
            out[low + g / 2 * 32 + i % 32] |= (byte) ((fit.q[i] & 15) << (4 * (g % 2)));
            if (five) {
                out[at + 16 + i % 32] |= (byte) (fit.q[i] >> 4 << g);
            }
        }
    }

    static void q6(KQuantFit fit, byte[] out, int at) {
        for (int i = 0; i < 256; i++) {
            int code = fit.q[i] + 32;
            int half = i / 128;
            int quarter = i % 128 / 32;
            out[at + half * 64 + i % 64] |= (byte) ((code & 15) << (quarter < 2 ? 0 : 4));
            out[at + 128 + half * 32 + i % 32] |= (byte) (code >> 4 << (2 * quarter));
        }
        for (int g = 0; g < 16; g++) {
            out[at + 192 + g] = (byte) fit.scales[g];
        }
        Quantiser.putHalf(out, at + 208, fit.scale, WeightType.Q6_K);
    }

    static void iq4xs(KQuantFit fit, byte[] out, int at) {
        Quantiser.putHalf(out, at, fit.scale, WeightType.IQ4_XS);
        for (int g = 0; g < 8; g++) {
            int scale = fit.scales[g] + 32;
            out[at + 2 + g / 4] |= (byte) (scale >> 4 << (2 * (g % 4)));
            out[at + 4 + g / 2] |= (byte) ((scale & 15) << (4 * (g % 2)));
            iq4nibbles(fit.q, 32 * g, out, at + 8 + 16 * g);
        }
    }

    /** 32 levels as indices into the table; the low nibbles are the first sixteen. */
    static void iq4nibbles(int[] q, int from, byte[] out, int at) {
        for (int j = 0; j < 16; j++) {
            out[at + j] = (byte) (IqBlocks.index(q[from + j]) | IqBlocks.index(q[from + 16 + j]) << 4);
        }
    }
}
