package dev.zhulong.formats.gguf;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How the elements of a GGUF tensor are stored: in blocks along its rows. Ids and sizes as in ggml ({@code ggml.h},
 * {@code ggml-common.h}); those from 97 on belong to ik_llama.cpp.
 *
 * <p>Types whose block is not known here are listed so that a message can name them.
 */
public enum GgufType {
    F32(0, 1, 4),
    F16(1, 1, 2),
    Q4_0(2, 32, 18),
    Q4_1(3, 32, 20),
    Q4_2(4),
    Q4_3(5),
    Q5_0(6, 32, 22),
    Q5_1(7, 32, 24),
    Q8_0(8, 32, 34),
    Q8_1(9, 32, 40),
    Q2_K(10, 256, 84),
    Q3_K(11, 256, 110),
    Q4_K(12, 256, 144),
    Q5_K(13, 256, 176),
    Q6_K(14, 256, 210),
    Q8_K(15, 256, 292),
    IQ2_XXS(16, 256, 66),
    IQ2_XS(17, 256, 74),
    IQ3_XXS(18, 256, 98),
    IQ1_S(19, 256, 50),
    IQ4_NL(20, 32, 18),
    IQ3_S(21, 256, 110),
    IQ2_S(22, 256, 82),
    IQ4_XS(23, 256, 136),
    I8(24, 1, 1),
    I16(25, 1, 2),
    I32(26, 1, 4),
    I64(27, 1, 8),
    F64(28, 1, 8),
    IQ1_M(29, 256, 56),
    BF16(30, 1, 2),
    Q4_0_4_4(31),
    Q4_0_4_8(32),
    Q4_0_8_8(33),
    TQ1_0(34, 256, 54),
    TQ2_0(35, 256, 66),
    IQ4_NL_4_4(36),
    MXFP4(39, 32, 17),
    NVFP4(40, 64, 36),
    Q1_0(41, 128, 18),
    Q2_0(42, 64, 18),
    Q6_0(133),
    IQ1_BN(134),
    IQ2_BN(135),
    IQ2_K(137),
    IQ3_K(138),
    IQ4_K(139),
    IQ5_K(140),
    IQ6_K(141),
    IQ4_KS(144),
    IQ2_KS(145),
    IQ4_KSS(146),
    IQ5_KS(152),
    IQ2_KT(153),
    IQ3_KT(154),
    IQ4_KT(155),
    IQ3_KS(156),
    IQ2_KL(157),
    IQ1_KT(158);

    private static final GgufType[] BY_ID = new GgufType[256];

    static {
        for (GgufType type : values()) {
            BY_ID[type.id] = type;
        }
    }

    private final int id;
    private final int blockElements;
    private final int blockBytes;

    GgufType(int id) {
        this(id, 0, 0);
    }

    GgufType(int id, int blockElements, int blockBytes) {
        this.id = id;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    /** The number a file calls the type by. */
    public int id() {
        return id;
    }

    /** Elements of one block, which are neighbours in a row; 1 for plain types, 0 where the block is not known. */
    public int blockElements() {
        return blockElements;
    }

    /** Bytes of one block. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Whether Zhulong computes with weights stored so. */
    public boolean isSupported() {
        return switch (this) {
            case F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, IQ2_XXS, IQ2_XS, IQ2_S,
                 IQ3_XXS, IQ3_S, IQ1_S, IQ1_M, TQ1_0, TQ2_0, MXFP4, Q2_0 -> true;
            default -> false;
        };
    }

    /**
     * Bytes of {@code elements} neighbours in a row.
     *
     * @throws IllegalArgumentException when they are no whole number of blocks
     * @throws ArithmeticException      beyond 2^63-1
     */
    public long bytes(long elements) {
        if (blockElements == 0 || elements % blockElements != 0) {
            throw new IllegalArgumentException(elements + " elements are no whole number of blocks of " + this);
        }
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }

    /** The type with this number. */
    public static Optional<GgufType> ofId(long id) {
        return id < 0 || id >= BY_ID.length ? Optional.empty() : Optional.ofNullable(BY_ID[(int) id]);
    }

    /** The types Zhulong computes with, for messages. */
    static String supported() {
        return Arrays.stream(values()).filter(GgufType::isSupported).map(Enum::name).collect(Collectors.joining(", "));
    }
}
