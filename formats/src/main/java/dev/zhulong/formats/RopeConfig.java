package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Rotary positions in {@code config.json}, after transformers' {@code modeling_rope_utils}.
 *
 * <p>Up to version 4: {@code rope_theta} beside {@code rope_scaling} (null, or an object with {@code rope_type}, once {@code type}).
 * From version 5: both in {@code rope_parameters}. Where both objects stand, {@code rope_scaling} wins, as in transformers.
 */
public final class RopeConfig {

    private static final double DEFAULT_THETA = 10_000;
    private static final String ORIGINAL = "original_max_position_embeddings";
    private static final String KNOWN = "default, linear, dynamic, llama3, yarn or longrope";

    private RopeConfig() {}

    /** The rotary positions of a {@code config.json}. */
    public static Rope read(JsonFields config, int headDim, int contextLength) {
        return read(config, headDim, contextLength, DEFAULT_THETA);
    }

    /** The same of a family with another base where the file names none. */
    public static Rope read(JsonFields config, int headDim, int contextLength, double absentTheta) {
        return read(config, headDim, contextLength, absentTheta, 1);
    }

    /** The same of a family with another share of a head that turns where the file names none. */
    public static Rope read(JsonFields config, int headDim, int contextLength, double absentTheta, double absentShare) {
        Optional<JsonFields> old = config.object("rope_scaling").filter(scaling -> !scaling.object().isEmpty());
        return read(old.or(() -> config.object("rope_parameters")), config, "rope_theta", headDim, contextLength, absentTheta, absentShare);
    }

    /**
     * The rotary positions of one kind of layers, in families that have a set for each kind: {@code rope_parameters.KIND}, and beside it the fields of
     * version 4.
     *
     * @param kind   such as {@code full_attention}
     * @param theta  what version 4 calls the base of this kind
     * @param scaled whether version 4's {@code rope_scaling} is this kind's
     */
    public static Rope read(JsonFields config, String kind, String theta, boolean scaled, int headDim, int contextLength, double absentTheta) {
        Optional<JsonFields> parameters = config.object("rope_parameters").flatMap(fields -> fields.object(kind));
        if (scaled) {
            // version 5 puts the old fields over the new ones
            Optional<JsonFields> old = config.object("rope_scaling").filter(scaling -> !scaling.object().isEmpty());
            ObjectNode both = JsonNodeFactory.instance.objectNode();
            parameters.ifPresent(fields -> both.setAll(fields.object()));
            old.ifPresent(fields -> both.setAll(fields.object()));
            String prefix = old.or(() -> config.object("rope_parameters").flatMap(fields -> fields.object(kind))).map(JsonFields::prefix).orElse("");
            parameters = Optional.of(new JsonFields(config.file(), prefix, both));
        }
        return read(parameters, config, theta, headDim, contextLength, absentTheta, 1);
    }

    private static Rope read(Optional<JsonFields> parameters, JsonFields config, String oldTheta, int headDim, int contextLength, double absentTheta,
            double absentShare) {
        double theta = parameters.filter(fields -> fields.isSet("rope_theta")).map(fields -> fields.positive("rope_theta"))
                .orElseGet(() -> config.positive(oldTheta, absentTheta));
        JsonFields partial = inside(parameters, config, "partial_rotary_factor");
        int rotaryDims = rotaryDims(headDim, partial.positive("partial_rotary_factor", absentShare));
        if (rotaryDims == headDim && headDim % 2 != 0) {
            throw config.wrong("head_dim", "an even number (it is hidden_size / heads where it is not set): rotary positions turn pairs", headDim);
        }
        if (rotaryDims < 2 || rotaryDims > headDim || rotaryDims % 2 != 0) {
            throw partial.wrong("partial_rotary_factor", "an even number of rotating dimensions from 2 to head_dim " + headDim,
                    rotaryDims);
        }
        return new Rope(theta, rotaryDims, parameters.map(fields -> scaling(fields, rotaryDims, contextLength)).orElseGet(Scaling.None::new));
    }

    private static JsonFields inside(Optional<JsonFields> parameters, JsonFields config, String field) {
        return parameters.filter(fields -> fields.isSet(field)).orElse(config);
    }

    private static Scaling scaling(JsonFields fields, int rotaryDims, int contextLength) {
        for (String layerType : new String[] {"full_attention", "sliding_attention"}) {
            if (fields.has(layerType)) {
                throw fields.wrong(layerType, "one set of rotary parameters for all layers", "one for this kind of layer");
            }
        }
        String key = fields.isSet("rope_type") ? "rope_type" : "type";
        String type = fields.text(key).orElse("default");
        return switch (type) {
            case "default" -> new Scaling.None();
            case "linear" -> new Scaling.Linear(fields.positive("factor"));
            case "dynamic" -> {
                // transformers reads no other original context here, so another one would change the logits there but not here.
                int original = fields.integer(ORIGINAL, 1, Integer.MAX_VALUE, contextLength);
                if (original != contextLength) {
                    throw fields.wrong(ORIGINAL, "max_position_embeddings " + contextLength + " with type dynamic", original);
                }
                yield new Scaling.Dynamic(fields.positive("factor"), original);
            }
            case "llama3" -> llama3(fields, contextLength);
            case "yarn" -> yarn(fields, contextLength);
            case "longrope" -> longRope(fields, rotaryDims, contextLength);
            default -> throw fields.wrong(key, KNOWN, FormatException.quote(type));
        };
    }

    private static Scaling llama3(JsonFields fields, int contextLength) {
        double low = fields.positive("low_freq_factor");
        double high = fields.positive("high_freq_factor");
        if (high <= low) {
            throw fields.wrong("high_freq_factor", "a number above low_freq_factor " + low, high);
        }
        return new Scaling.Llama3(fields.positive("factor"), low, high, fields.integer(ORIGINAL, 1, Integer.MAX_VALUE, contextLength));
    }

    private static Scaling yarn(JsonFields fields, int contextLength) {
        int original = fields.integer(ORIGINAL, 1, Integer.MAX_VALUE, contextLength);
        double factor = fields.positive("factor", (double) contextLength / original);
        double fast = fields.positive("beta_fast", 32);
        double slow = fields.positive("beta_slow", 1);
        if (fast < slow) {
            throw fields.wrong("beta_fast", "a number not below beta_slow " + slow, fast);
        }
        double attention = fields.isSet("attention_factor") ? fields.positive("attention_factor") : attentionFactor(fields, factor);
        return new Scaling.Yarn(factor, original, fast, slow, attention, fields.flag("truncate", true));
    }

    private static Scaling longRope(JsonFields fields, int rotaryDims, int contextLength) {
        int original = fields.integer(ORIGINAL, 1, Integer.MAX_VALUE, contextLength);
        double factor = fields.positive("factor", (double) contextLength / original);
        return new Scaling.LongRope(factors(fields, "short_factor", rotaryDims / 2), factors(fields, "long_factor", rotaryDims / 2), original,
                fields.positive("attention_factor", longRopeAttention(factor, original)));
    }

    /** What LongRoPE multiplies cosines and sines by where a file does not say (Ding et al. 2024, section 3.3). */
    public static double longRopeAttention(double factor, int originalContext) {
        return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext));
    }

    private static List<Double> factors(JsonFields fields, String field, int count) {
        var factors = new ArrayList<Double>();
        fields.node(field).forEach(each -> factors.add(each.isNumber() ? each.doubleValue() : Double.NaN));
        if (factors.size() != count || factors.stream().anyMatch(each -> !(each > 0 && Double.isFinite(each)))) {
            throw fields.wrong(field, "a list of " + count + " numbers above 0, one for each pair of dimensions that turns", fields.node(field));
        }
        return factors;
    }

    /** The temperature of section 3.4 of the YaRN paper; the two mscales are DeepSeek's. */
    private static double attentionFactor(JsonFields fields, double factor) {
        double mscale = mscaleField(fields, "mscale");
        double mscaleAllDim = mscaleField(fields, "mscale_all_dim");
        return mscale != 0 && mscaleAllDim != 0 ? mscale(factor, mscale) / mscale(factor, mscaleAllDim) : mscale(factor, 1);
    }

    private static double mscaleField(JsonFields fields, String name) {
        boolean zero = fields.node(name).isNumber() && fields.node(name).doubleValue() == 0;
        return zero ? 0 : fields.positive(name, 0);
    }

    private static double mscale(double factor, double mscale) {
        return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
    }

    /** Writes the fields of version 4, which version 5 reads too. */
    public static void write(ObjectNode config, Rope rope, int headDim, int contextLength) {
        config.put("rope_theta", rope.theta());
        config.set("rope_scaling", scaling(rope, contextLength));
        if (rope.rotaryDims() != headDim) {
            writeShare(config, rope, headDim);
        }
    }

    /** Puts the share of a head that turns, which {@link #write} leaves out where it is all of it. */
    public static void writeShare(ObjectNode config, Rope rope, int headDim) {
        config.put("partial_rotary_factor", partialFactor(rope.rotaryDims(), headDim));
    }

    /** Puts the rotary positions of one kind of layers, as version 5 reads them. */
    public static void write(ObjectNode config, String kind, Rope rope, int headDim, int contextLength) {
        ObjectNode fields = scaling(rope, contextLength);
        fields = fields == null ? JsonNodeFactory.instance.objectNode().put("rope_type", "default") : fields;
        fields.put("rope_theta", rope.theta());
        if (rope.rotaryDims() != headDim) {
            fields.put("partial_rotary_factor", partialFactor(rope.rotaryDims(), headDim));
        }
        config.withObject("/rope_parameters").set(kind, fields);
    }

    /** What {@code rope_scaling} holds; null for none. */
    private static ObjectNode scaling(Rope rope, int contextLength) {
        ObjectNode fields = JsonNodeFactory.instance.objectNode();
        switch (rope.scaling()) {
            case Scaling.None none -> fields = null;
            case Scaling.Linear linear -> fields.put("rope_type", "linear").put("factor", linear.factor());
            case Scaling.Dynamic dynamic -> {
                if (dynamic.originalContext() != contextLength) {
                    throw new IllegalArgumentException("dynamic rotary scaling from " + dynamic.originalContext()
                            + " tokens cannot be written: config.json takes it from the context length " + contextLength);
                }
                fields.put("rope_type", "dynamic").put("factor", dynamic.factor());
            }
            case Scaling.Llama3 llama3 -> fields.put("rope_type", "llama3").put("factor", llama3.factor())
                    .put("low_freq_factor", llama3.lowFrequency()).put("high_freq_factor", llama3.highFrequency())
                    .put(ORIGINAL, llama3.originalContext());
            case Scaling.Yarn yarn -> fields.put("rope_type", "yarn").put("factor", yarn.factor())
                    .put(ORIGINAL, yarn.originalContext()).put("beta_fast", yarn.betaFast()).put("beta_slow", yarn.betaSlow())
                    .put("attention_factor", yarn.attentionFactor()).put("truncate", yarn.truncate());
            case Scaling.LongRope longRope -> {
                fields.put("rope_type", "longrope").put(ORIGINAL, longRope.originalContext()).put("attention_factor", longRope.attentionFactor());
                longRope.shortFactors().forEach(fields.putArray("short_factor")::add);
                longRope.longFactors().forEach(fields.putArray("long_factor")::add);
            }
        }
        return fields;
    }

    /** A factor whose product with {@code headDim}, cut to an integer, is {@code rotaryDims} again. */
    static double partialFactor(int rotaryDims, int headDim) {
        double factor = (double) rotaryDims / headDim;
        return rotaryDims(headDim, factor) == rotaryDims ? factor : Math.nextUp(factor);
    }

    static int rotaryDims(int headDim, double partialFactor) {
        return (int) (headDim * partialFactor);
    }
}
