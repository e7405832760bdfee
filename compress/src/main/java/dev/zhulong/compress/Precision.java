package dev.zhulong.compress;

import dev.zhulong.kernels.WeightType;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What a model can be quantised to: most under the names and with the mixes of llama.cpp, as GGUF files; and Zhulong's own int4 and
 * compressed-tensors', as directories.
 *
 * <p>A mix keeps the matrices that cost most when they are rounded (the head, and of some layers the values and the MLP's way down) in
 * more bits; {@link TensorMix} has the rules.
 */
public enum Precision {
    F32(0, WeightType.F32),
    BF16(32, WeightType.BF16),
    F16(1, WeightType.F16),
    Q8_0(7, WeightType.Q8_0),
    Q6_K(18, WeightType.Q6_K),
    Q5_K_M(17, WeightType.Q5_K),
    Q5_K_S(16, WeightType.Q5_K),
    Q5_1(9, WeightType.Q5_1),
    Q5_0(8, WeightType.Q5_0),
    Q4_K_M(15, WeightType.Q4_K),
    Q4_K_S(14, WeightType.Q4_K),
    Q4_1(3, WeightType.Q4_1),
    Q4_0(2, WeightType.Q4_0),
    IQ4_NL(25, WeightType.IQ4_NL),
    IQ4_XS(30, WeightType.IQ4_XS),
    Q3_K_L(13, WeightType.Q3_K),
    Q3_K_M(12, WeightType.Q3_K),
    Q3_K_S(11, WeightType.Q3_K),
    Q2_K(10, WeightType.Q2_K),
    Q2_0(41, WeightType.Q2_0),
    /** Zhulong's own, with a scale and a minimum for 128 weights: 4.25 bits each. */
    Q4(-1, WeightType.INT4_ASYM),
    /** Zhulong's own with a scale alone: 4.125 bits. */
    Q4_SYM(-1, WeightType.INT4),
    /** The integers of {@link #Q4_SYM} in the format of compressed-tensors, which vLLM and transformers load; embedding and head stay as they are. */
    W4A16(-1, WeightType.INT4);

    private final int fileType;
    private final WeightType type;

    Precision(int fileType, WeightType type) {
        this.fileType = fileType;
        this.type = type;
    }

    /**
     * By what users call it: the constant's name in either case, or {@code q8}, {@code q6}, {@code q5_k}, {@code q4_k}, {@code q3_k} for the
     * usual one of its bits.
     *
     * @throws IllegalArgumentException for another name; lists all
     */
    public static Precision of(String name) {
        String upper = name.toUpperCase(Locale.ROOT);
        String full = switch (upper) {
            case "Q8" -> "Q8_0";
            case "Q6" -> "Q6_K";
            case "Q5_K", "Q4_K", "Q3_K" -> upper + "_M";
            default -> upper;
        };
        return Arrays.stream(values()).filter(precision -> precision.name().equals(full)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("unknown type '" + name + "' to quantize to; expected one of " + names()));
    }

    /** All names, in lower case. */
    public static String names() {
        return Arrays.stream(values()).map(Precision::toString).collect(Collectors.joining(", "));
    }

    /** Most matrices' type. */
    public WeightType type() {
        return type;
    }

    /** Whether the result is a directory, since no GGUF type can say it. */
    public boolean isDirectory() {
        return fileType < 0;
    }

    /** llama.cpp's number for a file of this kind ({@code llama_ftype}); -1 for directories. */
    int fileType() {
        return fileType;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
