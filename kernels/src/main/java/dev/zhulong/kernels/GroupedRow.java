package dev.zhulong.kernels;

/**
 * One row of quantised weights as integers, with a scale and a minimum for each group: {@code w[i] = scale[g] * q[i] + min[g]}.
 *
 * <p>Every type's product {@code scale * q} is exact in 32-bit floats (an f16 times a few bits), so the weight has one rounding at most
 * and is what ggml's own dequantisation gives, bit for bit.
 */
final class GroupedRow {
    final WeightType type;
    final int columns;
    final byte[] q;
    final float[] scales;
    final float[] mins;

    GroupedRow(WeightType type, int columns) {
        if (!type.quantised()) {
            throw new IllegalArgumentException(type + " has no groups");
        }
        type.rowBytes(columns);
        this.type = type;
        this.columns = columns;
        q = new byte[columns];
        scales = new float[columns / type.group()];
        mins = new float[columns / type.group()];
    }

    /** Reads the row whose blocks start at {@code bytes[0]}. */
    void read(byte[] bytes) {
        int blocks = columns / type.blockElements();
        for (int b = 0; b < blocks; b++) {
            int at = b * type.blockBytes();
            int first = b * type.blockElements();
            switch (type) {
                case Q8_0 -> SimpleBlocks.q8(bytes, at, this, first);
                case Q2_0 -> SimpleBlocks.q2(bytes, at, this, first);
                case Q4_0, INT4, Q4_1, INT4_ASYM -> SimpleBlocks.q4(bytes, at, this, first);
                case Q5_0, Q5_1 -> SimpleBlocks.q5(bytes, at, this, first);
                case Q2_K -> KQuantBlocks.q2(bytes, at, this, first);
                case Q3_K -> KQuantBlocks.q3(bytes, at, this, first);
                case Q4_K, Q5_K -> KQuantBlocks.q45(bytes, at, this, first);
                case Q6_K -> KQuantBlocks.q6(bytes, at, this, first);
                case IQ4_NL -> IqBlocks.iq4nl(bytes, at, this, first);
                case IQ4_XS -> IqBlocks.iq4xs(bytes, at, this, first);
                case IQ2_XXS -> IqBlocks.iq2xxs(bytes, at, this, first);
                case IQ2_XS -> VectorBlocks.iq2xs(bytes, at, this, first);
                case IQ2_S -> VectorBlocks.iq2s(bytes, at, this, first);
                case IQ3_XXS -> VectorBlocks.iq3xxs(bytes, at, this, first);
                case IQ3_S -> VectorBlocks.iq3s(bytes, at, this, first);
                case IQ1_S -> VectorBlocks.iq1s(bytes, at, this, first);
                case IQ1_M -> VectorBlocks.iq1m(bytes, at, this, first);
                case TQ1_0 -> VectorBlocks.tq1(bytes, at, this, first);
                case TQ2_0 -> VectorBlocks.tq2(bytes, at, this, first);
                case MXFP4 -> SimpleBlocks.mxfp4(bytes, at, this, first);
                case F32, F16, BF16 -> throw new IllegalStateException(type + " has no groups");
            }
        }
    }

    /** The weights themselves, into {@code out[at … at + columns)}. */
    void weights(float[] out, int at) {
        int group = type.group();
        boolean min = type.hasMin();
        for (int i = 0; i < columns; i++) {
            float product = scales[i / group] * q[i];
            // adding a minimum of nothing would turn -0 into 0
            out[at + i] = min ? product + mins[i / group] : product;
        }
    }

    static float f16(byte[] bytes, int at) {
        return Float.float16ToFloat((short) u16(bytes, at));
    }

    static int u16(byte[] bytes, int at) {
        return (bytes[at] & 0xff) | (bytes[at + 1] & 0xff) << 8;
    }

    static int i32(byte[] bytes, int at) {
        return u16(bytes, at) | u16(bytes, at + 2) << 16;
    }
}
