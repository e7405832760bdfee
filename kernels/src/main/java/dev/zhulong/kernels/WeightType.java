package dev.zhulong.kernels;

/**
 * How the weights of a matrix are stored, a row at a time in blocks; the layouts are ggml's where the name is ggml's.
 *
 * <p>A quantised weight is {@code scale * q + min}: an integer, and per group of weights a scale and, in some types, a minimum.
 */
public enum WeightType {
    F32(1, 4, 1, false),
    F16(1, 2, 1, false),
    BF16(1, 2, 1, false),
    Q8_0(32, 34, 32, false),
    Q4_0(32, 18, 32, false),
    Q4_1(32, 20, 32, true),
    Q5_0(32, 22, 32, false),
    Q5_1(32, 24, 32, true),
    /** Two bits: -1, 0, 1 or 2 times an f16 scale. Prism's fork of llama.cpp has groups of 128 under the same name. */
    Q2_0(64, 18, 64, false),
    Q2_K(256, 84, 16, true),
    Q3_K(256, 110, 16, false),
    Q4_K(256, 144, 32, true),
    Q5_K(256, 176, 32, true),
    Q6_K(256, 210, 16, false),
    IQ4_NL(32, 18, 32, false),
    IQ4_XS(256, 136, 32, false),
    IQ2_XXS(256, 66, 32, false),
    IQ2_XS(256, 74, 16, false),
    IQ2_S(256, 82, 16, false),
    IQ3_XXS(256, 98, 32, false),
    IQ3_S(256, 110, 32, false),
    IQ1_S(256, 50, 32, false),
    IQ1_M(256, 56, 16, false),
    /** Ternary: five digits in a byte. One scale for all 256. */
    TQ1_0(256, 54, 32, false),
    /** Ternary: two bits a weight. One scale for all 256. */
    TQ2_0(256, 66, 32, false),
    /** Floats of four bits with one power of two for 32 (Open Compute Project 2023), as gpt-oss has them. */
    MXFP4(32, 17, 32, false),
    /** Zhulong's own, symmetric: an f16 scale, then 64 bytes whose low nibbles are the first 64 weights; -8 … 7. A {@code Q4_0} of 128. */
    INT4(128, 66, 128, false),
    /** Zhulong's own, asymmetric: an f16 scale, an f16 minimum, 64 bytes as in {@link #INT4}; 0 … 15. A {@code Q4_1} of 128. */
    INT4_ASYM(128, 68, 128, true);

    private final int blockElements;
    private final int blockBytes;
    private final int group;
    private final boolean min;

    WeightType(int blockElements, int blockBytes, int group, boolean min) {
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
        this.group = group;
        this.min = min;
    }

    /** Weights in a block. */
    public int blockElements() {
        return blockElements;
    }

    /** Bytes of a block. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Weights that share a scale; 1 for floating point. */
    public int group() {
        return group;
    }

    /** True when a group has a minimum beside its scale. */
    public boolean hasMin() {
        return min;
    }

    /** True when weights are read in this type and not rounded to it. */
    public boolean isReadOnly() {
        return switch (this) {
            case IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ1_S, IQ1_M, TQ1_0, TQ2_0, MXFP4 -> true;
            default -> false;
        };
    }

    /** True when weights are integers with scales. */
    public boolean quantised() {
        return this != F32 && this != F16 && this != BF16;
    }

    /**
     * Bytes of a row.
     *
     * @throws IllegalArgumentException when blocks do not divide the row
     */
    public long rowBytes(int columns) {
        if (columns < 1 || columns % blockElements != 0) {
            throw new IllegalArgumentException("rows of " + columns + " weights cannot be " + this + ": expected a multiple of " + blockElements);
        }
        return (long) (columns / blockElements) * blockBytes;
    }

    /** Zhulong's int4 for rows of {@code columns}: groups of 128, or of 32 (which is {@code Q4_0} or {@code Q4_1}) where 128 does not divide. */
    public static WeightType int4(int columns, boolean symmetric) {
        if (columns % 128 == 0) {
            return symmetric ? INT4 : INT4_ASYM;
        }
        return symmetric ? Q4_0 : Q4_1;
    }
}
