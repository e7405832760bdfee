package dev.zhulong.kernels;

import java.util.Arrays;

/**
 * Rows of floats to blocks of a {@link WeightType}, each weight to the nearest of the values its group's scale allows.
 *
 * <p>With {@link Search#NONE} {@code Q8_0}, {@code Q4_0} and {@code Q2_0} are ggml's reference quantisers byte for byte. With {@link Search#SCALES} a group's
 * scale (and minimum) is the one of least weighted squared error that {@link GroupFit} finds; the types of 256 weights are always fitted so
 * ({@link KQuantFit}), and {@code Q8_0} never, which has nothing to gain.
 */
public final class Quantiser {
    /** How a group's scale is found. */
    public enum Search {
        /** From the largest value. */
        NONE,
        /** By least squared error. */
        SCALES
    }

    private final WeightType type;
    private final Search search;
    private final float[] x;
    private final byte[] out;
    private final GroupFit group = new GroupFit();
    private final KQuantFit fit = new KQuantFit();

    private Quantiser(WeightType type, float[] x, Search search, byte[] out) {
        this.type = type;
        this.x = x;
        this.search = search;
        this.out = out;
    }

    /** Whether rows can be quantised to {@code type}. */
    public static boolean supports(WeightType type) {
        return type.quantised() && type != WeightType.IQ2_XXS && type != WeightType.MXFP4;
    }

    /**
     * Quantises {@code row[offset … offset + columns)} into {@code out}, from its start.
     *
     * @throws IllegalArgumentException when the type is not {@linkplain #supports supported}, blocks do not divide the row, or a value is not
     *                                  finite or too large for an f16 scale
     */
    public static void quantise(WeightType type, float[] row, int offset, int columns, Search search, byte[] out) {
        if (!supports(type)) {
            throw new IllegalArgumentException("cannot quantize to " + type + ": there is no quantiser for it");
        }
        int bytes = Math.toIntExact(type.rowBytes(columns));
        for (int i = 0; i < columns; i++) {
            if (!Float.isFinite(row[offset + i])) {
                throw new IllegalArgumentException("value " + i + " of a row is " + row[offset + i] + ": expected finite values to quantize to " + type);
            }
        }
        Arrays.fill(out, 0, bytes, (byte) 0);
        var quantiser = new Quantiser(type, row, search, out);
        int n = type.blockElements();
        for (int b = 0; b < columns / n; b++) {
            quantiser.block(offset + b * n, b * type.blockBytes());
        }
    }

    /** Bytes of a row, quantised. */
    public static byte[] row(WeightType type, float[] row, Search search) {
        byte[] out = new byte[Math.toIntExact(type.rowBytes(row.length))];
        quantise(type, row, 0, row.length, search, out);
        return out;
    }

    private void block(int from, int to) {
        switch (type) {
            case Q8_0 -> q8(from, to);
            case Q2_0 -> q2(from, to);
            case Q4_0, INT4 -> symmetric(from, to, Levels.BITS_4);
            case Q5_0 -> symmetric(from, to, Levels.BITS_5);
            case Q4_1, INT4_ASYM -> asymmetric(from, to, 15);
            case Q5_1 -> asymmetric(from, to, 31);
            case IQ4_NL -> iq4nl(from, to);
            case Q2_K -> {
                fit.asymmetric(x, from, 16, 3, 15);
                KQuantPacking.q2(fit, out, to);
            }
            case Q3_K -> {
                fit.symmetric(x, from, 16, Levels.BITS_3, -32, 31);
                KQuantPacking.q3(fit, out, to);
            }
            case Q4_K, Q5_K -> {
                fit.asymmetric(x, from, 32, type == WeightType.Q4_K ? 15 : 31, 63);
                KQuantPacking.q45(type, fit, out, to);
            }
            case Q6_K -> {
                fit.symmetric(x, from, 16, Levels.BITS_6, -128, 127);
                KQuantPacking.q6(fit, out, to);
            }
            case IQ4_XS -> {
                fit.symmetric(x, from, 32, Levels.IQ4, -32, 31);
                KQuantPacking.iq4xs(fit, out, to);
            }
            default -> throw new IllegalStateException(type + " has no quantiser");
        }
    }

    private void q8(int from, int to) {
        float largest = 0;
        for (int i = 0; i < 32; i++) {
            largest = Math.max(largest, Math.abs(x[from + i]));
        }
        float d = largest / 127;
        float inverse = inverse(d);
        putHalf(out, to, d, type);
        for (int i = 0; i < 32; i++) {
            out[to + 2 + i] = (byte) awayFromZero(x[from + i] * inverse);
        }
    }

    /**
     * Without a search the levels are three, -1, 0 and 1. A scale is negative only where a level 2 needs it, so that weights that are already a scale times levels
     * return to the codes they came from.
     */
    private void q2(int from, int to) {
        int n = type.blockElements();
        float d;
        if (search == Search.SCALES) {
            group.symmetric(x, from, n, Levels.BITS_2);
            d = used(group.scale);
        } else {
            d = Math.abs(extreme(from, n));
        }
        float inverse = inverse(d);
        int highest = -1;
        for (int i = 0; i < n; i++) {
            fit.q[i] = search == Search.SCALES ? Levels.BITS_2.nearest(x[from + i] * inverse) : (int) awayFromZero(x[from + i] * inverse);
            highest = Math.max(highest, fit.q[i]);
        }
        int sign = d < 0 && highest < 2 ? -1 : 1;
        putHalf(out, to, sign * d, type);
        for (int i = 0; i < n; i++) {
            out[to + 2 + i / 4] |= (byte) (sign * fit.q[i] + 1 << 2 * (i % 4));
        }
    }

    private void symmetric(int from, int to, Levels levels) {
        int n = type.blockElements();
        float d;
        if (search == Search.SCALES) {
            group.symmetric(x, from, n, levels);
            d = group.scale;
        } else {
            // the value of largest magnitude becomes the lowest level, which is further from zero than the highest
            d = extreme(from, n) / levels.lowest;
        }
        putHalf(out, to, d, type);
        float inverse = inverse(used(d));
        for (int i = 0; i < n; i++) {
            code(i, levels.nearest(x[from + i] * inverse) - levels.lowest, to + 2, n);
        }
    }

    private void asymmetric(int from, int to, int highest) {
        int n = type.blockElements();
        float d;
        float min;
        if (search == Search.SCALES) {
            group.asymmetric(x, from, n, highest, false);
            d = group.scale;
            min = group.min;
        } else {
            min = Float.MAX_VALUE;
            float max = -Float.MAX_VALUE;
            for (int i = from; i < from + n; i++) {
                min = Math.min(min, x[i]);
                max = Math.max(max, x[i]);
            }
            d = (max - min) / highest;
        }
        putHalf(out, to, d, type);
        putHalf(out, to + 2, min, type);
        float base = used(min);
        float inverse = inverse(used(d));
        for (int i = 0; i < n; i++) {
            code(i, Math.clamp((int) ((x[from + i] - base) * inverse + 0.5f), 0, highest), to + 4, n);
        }
    }

    /** Code {@code i} of a block of {@code n}: five bits have their fifth in an int before the nibbles, whose low ones are the first half. */
    private void code(int i, int code, int at, int n) {
        int nibbles = at;
        if (type == WeightType.Q5_0 || type == WeightType.Q5_1) {
            out[at + i / 8] |= (byte) (code >> 4 << (i % 8));
            nibbles += 4;
        }
        out[nibbles + i % (n / 2)] |= (byte) ((code & 15) << (i < n / 2 ? 0 : 4));
    }

    private void iq4nl(int from, int to) {
        group.symmetric(x, from, 32, Levels.IQ4);
        putHalf(out, to, group.scale, type);
        float inverse = inverse(half(group.scale));
        for (int i = 0; i < 32; i++) {
            fit.q[i] = Levels.IQ4.nearest(x[from + i] * inverse);
        }
        KQuantPacking.iq4nibbles(fit.q, 0, out, to + 2);
    }

    /** The nearest integer, at a half the one further from zero, unlike {@link Math#round}. */
    private static double awayFromZero(float v) {
        return v < 0 ? -Math.floor(-v + 0.5) : Math.floor(v + 0.5);
    }

    private float extreme(int from, int n) {
        float extreme = 0;
        for (int i = from; i < from + n; i++) {
            if (Math.abs(x[i]) > Math.abs(extreme)) {
                extreme = x[i];
            }
        }
        return extreme;
    }

    /** What codes are made by: the scale as it is stored; ggml's reference rounds by the unrounded one. */
    private float used(float scale) {
        return search == Search.SCALES ? half(scale) : scale;
    }

    /** As it is stored in an f16. */
    static float half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    private static float inverse(float scale) {
        float inverse = scale != 0 ? 1 / scale : 0;
        // of a subnormal: its f16 is zero, so are its weights
        return Float.isInfinite(inverse) ? 0 : inverse;
    }

    static void putHalf(byte[] out, int at, float value, WeightType type) {
        short bits = Float.floatToFloat16(value);
        if (!Float.isFinite(Float.float16ToFloat(bits))) {
            throw new IllegalArgumentException("a scale or minimum of " + type + " would be " + value + ": an f16 holds 65504 at most");
        }
        out[at] = (byte) bits;
        out[at + 1] = (byte) (bits >> 8);
    }
}
