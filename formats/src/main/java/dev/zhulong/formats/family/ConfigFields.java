package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import java.util.List;

/** Fields of {@code config.json} that several families have, as transformers' configuration classes read them. */
final class ConfigFields {
    static final int MOST = Integer.MAX_VALUE;
    // Nobody has built a deeper one; keeps a hostile file from asking for a list of two thousand million layers.
    static final int MOST_LAYERS = 10_000;
    /** Of all layers together; for the same reason. */
    static final int MOST_EXPERTS = 100_000;

    private ConfigFields() {}

    static Activation activation(JsonFields config, String field, String absent) {
        String name = config.text(field).orElse(absent);
        return switch (name) {
            case "silu", "swish" -> Activation.SILU;
            case "gelu", "gelu_python" -> Activation.GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
            default -> throw config.wrong(field, "silu, gelu, gelu_new or gelu_pytorch_tanh", FormatException.quote(name));
        };
    }

    /** The same of an MLP without a gate, which may have ReLU. */
    static Activation ungated(JsonFields config, String field, String absent) {
        String name = config.text(field).orElse(absent);
        return switch (name) {
            case "relu" -> Activation.RELU;
            case "relu2" -> Activation.RELU_SQUARED;
            case "silu", "swish", "gelu", "gelu_python", "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> activation(config, field, absent);
            default -> throw config.wrong(field, "gelu, gelu_new, gelu_pytorch_tanh, relu or silu", FormatException.quote(name));
        };
    }

    /** @param tanh what this family calls GELU by tanh */
    static String name(Activation activation, String tanh) {
        return switch (activation) {
            case SILU -> "silu";
            case GELU -> "gelu";
            case GELU_TANH -> tanh;
            case RELU -> "relu";
            case TANH -> "tanh";
            case RELU_SQUARED -> "relu2";
            case QUICK_GELU -> "quick_gelu";
            case CLAMPED_SWIGLU -> throw new IllegalArgumentException("a config.json has no name for a clamped SwiGLU as an activation");
        };
    }

    /** A factor of the scores, 0 where it is the usual one. */
    static double scoreScale(double factor, int headDim) {
        return factor == 1 / Math.sqrt(headDim) ? 0 : factor;
    }

    /** The number whose inverse this is, to the last bit where there is one. */
    static double inverse(double of) {
        double near = 1 / of;
        for (double each : new double[] {near, Math.nextUp(near), Math.nextDown(near)}) {
            if (1 / each == of) {
                return each;
            }
        }
        return near;
    }

    /** Refuses a way of computing that is not implemented. */
    static void refuse(JsonFields config, String field, boolean supported) {
        if (config.flag(field, supported) != supported) {
            throw config.wrong(field, supported + " (the other way is not implemented)", !supported);
        }
    }

    /** The first of the ids where sequences begin, or -1. */
    static int bos(JsonFields config, int vocab, int absent) {
        List<Integer> ids = ids(config, "bos_token_id", vocab, absent);
        return ids.isEmpty() ? -1 : ids.getFirst();
    }

    static List<Integer> eos(JsonFields config, int vocab, int absent) {
        return ids(config, "eos_token_id", vocab, absent);
    }

    /** Ids outside the vocabulary (left over from a default) can never occur and are dropped. */
    private static List<Integer> ids(JsonFields config, String field, int vocab, int absent) {
        List<Integer> ids = config.has(field) ? config.tokenIds(field) : List.of(absent);
        return ids.stream().filter(id -> id >= 0 && id < vocab).toList();
    }

    /** For writing: refuses layers that are not alike. */
    static void requireUniform(DecoderSpec spec) {
        require(spec, spec.stack().isUniform(), "layers", "the same but for their windows", "different ones");
    }

    /** For writing: refuses what the family's configuration cannot say. */
    static void require(DecoderSpec spec, boolean holds, String field, Object expected, Object found) {
        if (!holds) {
            throw new IllegalArgumentException("a config.json of " + spec.family().modelType() + " cannot say "
                    + field + ": expected " + expected + ", found " + found);
        }
    }
}
