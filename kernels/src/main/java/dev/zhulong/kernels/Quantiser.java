package dev.zhulong.kernels;

/**
 * Rows of floats to blocks of {@code Q8_0}, {@code Q4_0}, {@code Q4_1} and Zhulong's int4.
 *
 * <p>{@code Q8_0} and {@code Q4_0} with {@link Search#NONE} are ggml's reference quantisers byte for byte. {@link Search#SCALES} tries
 * several scales (and minimums) a group and keeps the one of least squared error.
 */
public final class Quantiser {
    /** How a group's scale is found. */
    public enum Search {
        /** From the largest value. */
        NONE,
        /** From the largest value and some smaller than it, by squared error. */
        SCALES
    }

    /** Candidates below the scale that covers all values; the last is 0.64 of it. */
    private static final int CANDIDATES = 13;
    private static final float STEP = 0.03f;

    private Quantiser() {}

    /**
     * Quantises {@code row[offset … offset + columns)} into {@code out}, from its start.
     *
     * @throws IllegalArgumentException when the type is another, blocks do not divide the row, or a value is not finite or too large for an
     *                                  f16 scale
     */
    public static void quantise(WeightType type, float[] row, int offset, int columns, Search search, byte[] out) {
        type.rowBytes(columns);
        int n = type.blockElements();
        for (int i = 0; i < columns; i++) {
            if (!Float.isFinite(row[offset + i])) {
                throw new IllegalArgumentException("value " + i + " of a row is " + row[offset + i] + ": expected finite values to quantise to " + type);
            }
        }
        for (int b = 0; b < columns / n; b++) {
            int from = offset + b * n;
            int to = b * type.blockBytes();
            switch (type) {
                case Q8_0 -> q8(row, from, out, to);
                case Q4_0, INT4 -> symmetric(type, row, from, search, out, to);
                case Q4_1, INT4_ASYM -> asymmetric(type, row, from, search, out, to);
                default -> throw new IllegalArgumentException("cannot quantise to " + type + ": expected Q8_0, Q4_0, Q4_1, INT4 or INT4_ASYM");
            }
        }
    }

    private static void q8(float[] x, int from, byte[] out, int to) {
        float largest = 0;
        for (int i = 0; i < 32; i++) {
            largest = Math.max(largest, Math.abs(x[from + i]));
        }
        float d = largest / 127;
        float inverse = inverse(d);
        put(out, to, d, WeightType.Q8_0);
        for (int i = 0; i < 32; i++) {
            float v = x[from + i] * inverse;
            // away from zero at a half, unlike Math.round
            out[to + 2 + i] = (byte) (v < 0 ? -Math.floor(-v + 0.5) : Math.floor(v + 0.5));
        }
    }

    /** The value of largest magnitude becomes -8, which is further than 7. */
    private static void symmetric(WeightType type, float[] x, int from, Search search, byte[] out, int to) {
        int n = type.blockElements();
        float extreme = 0;
        for (int i = 0; i < n; i++) {
            if (Math.abs(x[from + i]) > Math.abs(extreme)) {
                extreme = x[from + i];
            }
        }
        float d = extreme / -8;
        if (search == Search.SCALES) {
            d = bestScale(x, from, n, d, type);
        }
        put(out, to, d, type);
        // with a search the codes are those of the scale as it is stored; ggml's reference rounds by the unrounded one
        float used = search == Search.SCALES ? Float.float16ToFloat(Float.floatToFloat16(d)) : d;
        float inverse = inverse(used);
        for (int j = 0; j < n / 2; j++) {
            out[to + 2 + j] = (byte) (code8(x[from + j] * inverse) | code8(x[from + n / 2 + j] * inverse) << 4);
        }
    }

    private static float inverse(float scale) {
        float inverse = scale != 0 ? 1 / scale : 0;
        // of a subnormal: its f16 is zero, so are its weights
        return Float.isInfinite(inverse) ? 0 : inverse;
    }

    private static int code8(float v) {
        return Math.clamp((int) (v + 8.5f), 0, 15);
    }

    private static float bestScale(float[] x, int from, int n, float widest, WeightType type) {
        float best = widest;
        double least = Double.MAX_VALUE;
        for (int c = 0; c < 2 * CANDIDATES; c++) {
            // the other sign as well: then the largest value is 7 or cut
            float d = widest * (1 - STEP * (c / 2)) * (c % 2 == 0 ? 1 : -1);
            float stored = Float.float16ToFloat(Float.floatToFloat16(d));
            float inverse = inverse(stored);
            double error = 0;
            for (int i = from; i < from + n; i++) {
                double e = x[i] - stored * (code8(x[i] * inverse) - 8);
                error += e * e;
            }
            if (error < least) {
                least = error;
                best = d;
            }
        }
        return best;
    }

    private static void asymmetric(WeightType type, float[] x, int from, Search search, byte[] out, int to) {
        int n = type.blockElements();
        float min = Float.MAX_VALUE;
        float max = -Float.MAX_VALUE;
        for (int i = from; i < from + n; i++) {
            min = Math.min(min, x[i]);
            max = Math.max(max, x[i]);
        }
        float d = (max - min) / 15;
        if (search == Search.SCALES) {
            double least = Double.MAX_VALUE;
            float lowest = min;
            float highest = max;
            for (int c = 0; c < CANDIDATES * CANDIDATES; c++) {
                float low = lowest + (highest - lowest) * STEP / 2 * (c % CANDIDATES);
                float high = highest - (highest - lowest) * STEP / 2 * (c / CANDIDATES);
                double error = error15(x, from, n, (high - low) / 15, low);
                if (error < least) {
                    least = error;
                    min = low;
                    d = (high - low) / 15;
                }
            }
        }
        put(out, to, d, type);
        put(out, to + 2, min, type);
        float scale = search == Search.SCALES ? Float.float16ToFloat(Float.floatToFloat16(d)) : d;
        float base = search == Search.SCALES ? Float.float16ToFloat(Float.floatToFloat16(min)) : min;
        float inverse = inverse(scale);
        for (int j = 0; j < n / 2; j++) {
            out[to + 4 + j] = (byte) (code15((x[from + j] - base) * inverse) | code15((x[from + n / 2 + j] - base) * inverse) << 4);
        }
    }

    private static int code15(float v) {
        return Math.clamp((int) (v + 0.5f), 0, 15);
    }

    private static double error15(float[] x, int from, int n, float d, float min) {
        float scale = Float.float16ToFloat(Float.floatToFloat16(d));
        float base = Float.float16ToFloat(Float.floatToFloat16(min));
        float inverse = inverse(scale);
        double error = 0;
        for (int i = from; i < from + n; i++) {
            double e = x[i] - (scale * code15((x[i] - base) * inverse) + base);
            error += e * e;
        }
        return error;
    }

    private static void put(byte[] out, int at, float value, WeightType type) {
        short bits = Float.floatToFloat16(value);
        if (!Float.isFinite(Float.float16ToFloat(bits))) {
            throw new IllegalArgumentException("a scale or minimum of " + type + " would be " + value + ": an f16 holds 65504 at most");
        }
        out[at] = (byte) bits;
        out[at + 1] = (byte) (bits >> 8);
    }

    /** Bytes of a row, quantised. */
    public static byte[] row(WeightType type, float[] row, Search search) {
        byte[] out = new byte[Math.toIntExact(type.rowBytes(row.length))];
        quantise(type, row, 0, row.length, search, out);
        return out;
    }
}
