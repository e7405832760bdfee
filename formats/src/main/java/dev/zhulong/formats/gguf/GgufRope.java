package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.TensorView;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Rotary positions in GGUF: keys under {@code ARCHITECTURE.rope}, and for Llama 3.1's scaling the tensor {@code rope_freqs.weight}, what
 * each angle's frequency is divided by; for LongRoPE two of these.
 *
 * <p>Meanings as in llama.cpp ({@code llama-model.cpp}, {@code ggml_rope_ext}): its YaRN multiplies {@code attn_factor} by the paper's
 * {@code 0.1 ln(factor) + 1} and rounds the ends of the ramp.
 */
public final class GgufRope {

    static final String FREQUENCIES = "rope_freqs.weight";
    static final String SHORT_FACTORS = "rope_factors_short.weight";
    static final String LONG_FACTORS = "rope_factors_long.weight";

    private static final double DEFAULT_THETA = 10_000;
    private static final double BETA_FAST = 32;
    private static final double BETA_SLOW = 1;
    // Of the factors, which are stored as floats.
    private static final double TOLERANCE = 1e-5;

    private GgufRope() {}

    /**
     * Of a file.
     *
     * @param at        the architecture with a dot
     * @param wholeHead whether llama.cpp rotates all of a head in this architecture and nothing less
     */
    public static Rope read(GgufFile file, String at, int headDim, int contextLength, boolean wholeHead) {
        GgufMetadata metadata = file.metadata();
        String dimensions = at + "rope.dimension_count";
        int rotaryDims = metadata.integer(dimensions, 1, headDim, headDim);
        if (rotaryDims % 2 != 0 || wholeHead && rotaryDims != headDim) {
            throw metadata.wrong(dimensions, wholeHead ? "all " + headDim + " of a head" : "an even number");
        }
        if (metadata.has(at + "rope.dimension_sections")) {
            throw metadata.wrong(at + "rope.dimension_sections", "none (rotary positions in several dimensions are not implemented)");
        }
        double theta = metadata.positive(at + "rope.freq_base", DEFAULT_THETA);
        if (file.tensors().containsKey(LONG_FACTORS) || file.tensors().containsKey(SHORT_FACTORS)) {
            return new Rope(theta, rotaryDims, longRope(file, at, rotaryDims / 2, contextLength));
        }
        Scaling scaling = scaling(metadata, at, contextLength);
        GgufTensor frequencies = file.tensors().get(FREQUENCIES);
        if (frequencies == null) {
            return new Rope(theta, rotaryDims, scaling);
        }
        if (!(scaling instanceof Scaling.None)) {
            throw FormatException.at(file.path(), at + "rope.scaling.type", "none beside the tensor " + FREQUENCIES, scaling);
        }
        return new Rope(theta, rotaryDims, llama3(factors(file, FREQUENCIES, rotaryDims / 2), theta, rotaryDims));
    }

    private static TensorView factors(GgufFile file, String name, int count) {
        GgufTensor tensor = file.tensor(name);
        return tensor.requireShape(count).plain().orElseThrow(() -> FormatException.at(file.path(), "tensor \"" + name + "\"", "F32", tensor.type()));
    }

    /** Files need not name the scaling's type. */
    private static Scaling longRope(GgufFile file, String at, int pairs, int contextLength) {
        int original = file.metadata().integer(at + "rope.scaling.original_context_length", 1, Integer.MAX_VALUE, contextLength);
        return new Scaling.LongRope(divisors(file, SHORT_FACTORS, pairs), divisors(file, LONG_FACTORS, pairs), original,
                file.metadata().positive(at + "rope.scaling.attn_factor", 1));
    }

    private static List<Double> divisors(GgufFile file, String name, int count) {
        var divisors = new ArrayList<Double>();
        for (float each : factors(file, name, count).toFloats()) {
            if (!(each > 0 && Float.isFinite(each))) {
                throw FormatException.at(file.path(), "tensor \"" + name + "\"", "factors above 0", each);
            }
            // the number that was written, not the one the float stands for
            divisors.add(Double.parseDouble(Float.toString(each)));
        }
        return divisors;
    }

    private static Scaling scaling(GgufMetadata metadata, String at, int contextLength) {
        String typeKey = at + "rope.scaling.type";
        String factorKey = metadata.has(at + "rope.scaling.factor") ? at + "rope.scaling.factor" : at + "rope.scale_linear";
        String type = metadata.text(typeKey).orElse("linear");
        return switch (type) {
            case "none" -> new Scaling.None();
            case "linear" -> {
                double factor = metadata.positive(factorKey, 1);
                yield factor == 1 ? new Scaling.None() : new Scaling.Linear(factor);
            }
            case "yarn" -> {
                double factor = metadata.positive(factorKey);
                double attention = metadata.positive(at + "rope.scaling.attn_factor", 1)
                        * metadata.positive(at + "rope.scaling.yarn_attn_factor", 1) * paperAttention(factor);
                yield new Scaling.Yarn(factor,
                        metadata.integer(at + "rope.scaling.original_context_length", 1, Integer.MAX_VALUE, contextLength),
                        metadata.positive(at + "rope.scaling.yarn_beta_fast", BETA_FAST),
                        metadata.positive(at + "rope.scaling.yarn_beta_slow", BETA_SLOW), attention, true);
            }
            default -> throw metadata.wrong(typeKey, "none, linear or yarn");
        };
    }

    private static double paperAttention(double factor) {
        return factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
    }

    /**
     * The scaling whose factors these are. Over the ramp, 1/factor is affine in the frequency, and two of its points give it; of the
     * three numbers behind it one is free (each of them can be doubled if the others are), so the low one is 1, as all makers have it.
     */
    private static Scaling llama3(TensorView view, double theta, int rotaryDims) {
        float[] factors = view.toFloats();
        double factor = 1;
        for (float each : factors) {
            factor = Math.max(factor, each);
        }
        int first = -1;
        int last = -1;
        for (int i = 0; i < factors.length; i++) {
            if (factors[i] > 1 + TOLERANCE && factors[i] < factor * (1 - TOLERANCE)) {
                first = first < 0 ? i : first;
                last = i;
            }
        }
        Scaling.Llama3 found = new Scaling.Llama3(factor, 1, 4, 8192);
        if (last > first) {
            double x0 = 1 / wavelength(theta, rotaryDims, first);
            double x1 = 1 / wavelength(theta, rotaryDims, last);
            double slope = (smooth(factors[first], factor) - smooth(factors[last], factor)) / (x0 - x1);
            double low = slope * x0 - smooth(factors[first], factor);
            double high = 1 + 1 / low;
            double rounded = Math.rint(high * 64) / 64;
            found = new Scaling.Llama3(factor, 1, Math.abs(rounded - high) < 1e-3 ? rounded : high, (int) Math.rint(slope / low));
        } else if (factor > 1) {
            found = steep(factors, factor, first, theta, rotaryDims);
        }
        for (int i = 0; i < factors.length; i++) {
            double expected = factorAt(found, theta, rotaryDims, i);
            if (!(Math.abs(factors[i] - expected) <= 20 * TOLERANCE * expected)) {
                throw FormatException.at(view.file(), "tensor \"" + FREQUENCIES + "\"", "the factors of Llama 3.1's rotary scaling",
                        factors[i] + " at " + i);
            }
        }
        return found;
    }

    /**
     * One of the scalings with these factors where at most one lies on the ramp, as in heads of few dimensions: the longest original context that
     * leaves the first pair behind the ramp its whole factor, and the pair before the ramp none.
     *
     * @param on the pair on the ramp; -1 for none
     */
    private static Scaling.Llama3 steep(float[] factors, double factor, int on, double theta, int rotaryDims) {
        int behind = 0;
        while (factors[behind] < factor * (1 - TOLERANCE)) {
            behind++;
        }
        int before = on < 0 ? behind - 1 : on - 1;
        double context = wavelength(theta, rotaryDims, behind);
        double most = before < 0 ? Double.POSITIVE_INFINITY : 1 / wavelength(theta, rotaryDims, before);
        if (on < 0) {
            double high = before < 0 ? 4 : Math.floor(context) * most;
            return new Scaling.Llama3(factor, 1, high, Math.max(1, (int) context));
        }
        double smooth = smooth(factors[on], factor);
        double each = 1 / (smooth * wavelength(theta, rotaryDims, on));
        if (most < each) {
            context = Math.min(context, (1 / smooth - 1) / (each - most));
        }
        int original = (int) context;
        return new Scaling.Llama3(factor, 1, 1 + original * each - 1 / smooth, original);
    }

    private static double smooth(double factorHere, double factor) {
        return (1 / factorHere - 1 / factor) / (1 - 1 / factor);
    }

    private static double wavelength(double theta, int rotaryDims, int pair) {
        return 2 * Math.PI * Math.pow(theta, 2.0 * pair / rotaryDims);
    }

    /** What the frequency of a pair of dimensions is divided by. */
    private static double factorAt(Scaling.Llama3 scaling, double theta, int rotaryDims, int pair) {
        double turns = scaling.originalContext() / wavelength(theta, rotaryDims, pair);
        double smooth = (turns - scaling.lowFrequency()) / (scaling.highFrequency() - scaling.lowFrequency());
        double clamped = Math.clamp(smooth, 0, 1);
        return 1 / ((1 - clamped) / scaling.factor() + clamped);
    }

    /** The tensor {@link #FREQUENCIES} for a scaling that needs it. */
    static Optional<float[]> frequencies(Rope rope) {
        if (rope == null || !(rope.scaling() instanceof Scaling.Llama3 llama3)) {
            return Optional.empty();
        }
        float[] factors = new float[rope.rotaryDims() / 2];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = (float) factorAt(llama3, rope.theta(), rope.rotaryDims(), i);
        }
        return Optional.of(factors);
    }

    /** The tensors that a file has besides the model's weights, by name. */
    static Map<String, float[]> tensors(Rope rope) {
        if (rope != null && rope.scaling() instanceof Scaling.LongRope longRope) {
            return Map.of(SHORT_FACTORS, floats(longRope.shortFactors()), LONG_FACTORS, floats(longRope.longFactors()));
        }
        return frequencies(rope).map(factors -> Map.of(FREQUENCIES, factors)).orElse(Map.of());
    }

    private static float[] floats(List<Double> values) {
        float[] floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return floats;
    }

    /** Puts the keys that {@link #read} reads, but for {@link #tensors}. */
    public static void write(Map<String, GgufValue> metadata, String at, Rope rope) {
        metadata.put(at + "rope.dimension_count", GgufValue.of(rope.rotaryDims()));
        metadata.put(at + "rope.freq_base", GgufValue.of((float) rope.theta()));
        switch (rope.scaling()) {
            case Scaling.None none -> { }
            case Scaling.Llama3 llama3 -> { }
            case Scaling.Linear linear -> {
                metadata.put(at + "rope.scaling.type", GgufValue.of("linear"));
                metadata.put(at + "rope.scaling.factor", GgufValue.of((float) linear.factor()));
            }
            case Scaling.Dynamic dynamic -> throw new IllegalArgumentException(
                    "GGUF metadata cannot say dynamic rotary scaling; expected none, linear, llama3 or yarn");
            case Scaling.Yarn yarn -> yarn(metadata, at, yarn);
            case Scaling.LongRope longRope -> {
                metadata.put(at + "rope.scaling.type", GgufValue.of("longrope"));
                metadata.put(at + "rope.scaling.original_context_length", GgufValue.of(longRope.originalContext()));
                metadata.put(at + "rope.scaling.attn_factor", GgufValue.of((float) longRope.attentionFactor()));
            }
        }
    }

    private static void yarn(Map<String, GgufValue> metadata, String at, Scaling.Yarn yarn) {
        if (!yarn.truncate()) {
            throw new IllegalArgumentException("GGUF metadata cannot say YaRN without truncated ends of its ramp");
        }
        metadata.put(at + "rope.scaling.type", GgufValue.of("yarn"));
        metadata.put(at + "rope.scaling.factor", GgufValue.of((float) yarn.factor()));
        metadata.put(at + "rope.scaling.original_context_length", GgufValue.of(yarn.originalContext()));
        double attention = yarn.attentionFactor() / paperAttention(yarn.factor());
        if (Math.abs(attention - 1) > 1e-9) {
            metadata.put(at + "rope.scaling.attn_factor", GgufValue.of((float) attention));
        }
        if (yarn.betaFast() != BETA_FAST || yarn.betaSlow() != BETA_SLOW) {
            metadata.put(at + "rope.scaling.yarn_beta_fast", GgufValue.of((float) yarn.betaFast()));
            metadata.put(at + "rope.scaling.yarn_beta_slow", GgufValue.of((float) yarn.betaSlow()));
        }
    }
}
