package dev.zhulong.kernels;

/**
 * Rows of floats to blocks of a {@link WeightType}, each weight to the nearest of the values its group's scale allows ({@link BlockRounding}).
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

    private Quantiser() {}

    /** Whether rows can be quantised to {@code type}. */
    public static boolean supports(WeightType type) {
        return type.quantised() && !type.isReadOnly();
    }

    /** Quantises a row of whose columns nothing is known: {@link #quantise(WeightType, float[], int, int, Search, float[], byte[])}. */
    public static void quantise(WeightType type, float[] row, int offset, int columns, Search search, byte[] out) {
        quantise(type, row, offset, columns, search, null, out);
    }

    /**
     * Quantises {@code row[offset … offset + columns)} into {@code out}, from its start.
     *
     * @param importance what the squared error of each column counts, such as its mean squared input, of {@code columns} numbers; null for none. Only
     *                   {@link Search#SCALES} heeds it
     * @throws IllegalArgumentException when the type is not {@linkplain #supports supported}, blocks do not divide the row, or a value is not
     *                                  finite or too large for an f16 scale
     */
    public static void quantise(WeightType type, float[] row, int offset, int columns, Search search, float[] importance, byte[] out) {
        var block = new BlockRounding(type, search);
        type.rowBytes(columns);
        for (int i = 0; i < columns; i++) {
            if (!Float.isFinite(row[offset + i])) {
                throw new IllegalArgumentException("value " + i + " of a row is " + row[offset + i] + ": expected finite values to quantize to " + type);
            }
        }
        int n = type.blockElements();
        for (int b = 0; b < columns / n; b++) {
            int from = offset + b * n;
            block.fit(row, from, importance, b * n);
            for (int i = 0; i < n; i++) {
                block.round(i, row[from + i]);
            }
            block.pack(out, b * type.blockBytes());
        }
    }

    /** Bytes of a row, quantised. */
    public static byte[] row(WeightType type, float[] row, Search search) {
        byte[] out = new byte[Math.toIntExact(type.rowBytes(row.length))];
        quantise(type, row, 0, row.length, search, out);
        return out;
    }

    /** As it is stored in an f16. */
    static float half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    static float inverse(float scale) {
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
