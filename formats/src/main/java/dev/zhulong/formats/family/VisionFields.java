package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Patches;
import java.util.Collections;
import java.util.function.IntFunction;

/** Fields of {@code config.json} that towers over pictures share, and the layers they all have: LayerNorm before attention and MLP, learned positions. */
final class VisionFields {
    private VisionFields() {}

    /** Pixels of a side: one number, or height and width. */
    private static int side(JsonFields config, String field, int which, int absent) {
        JsonNode node = config.node(field);
        if (!node.isArray()) {
            return config.integer(field, 1, MOST, absent);
        }
        JsonNode one = node.path(which);
        if (node.size() != 2 || !one.isIntegralNumber() || !one.canConvertToInt() || one.intValue() < 1) {
            throw config.wrong(field, "a whole number from 1, or two of them: height and width", node);
        }
        return one.intValue();
    }

    /** The activation of a tower's MLPs, of which CLIP's is its own. */
    static Activation activation(JsonFields config, String absent) {
        return config.text("hidden_act").orElse(absent).equals("quick_gelu") ? Activation.QUICK_GELU : ConfigFields.ungated(config, "hidden_act", absent);
    }

    static Patches patches(JsonFields config, int picture, int patch, boolean first, int registers, boolean masked, boolean smooth) {
        int size = side(config, "patch_size", 0, patch);
        if (side(config, "patch_size", 1, patch) != size) {
            throw config.wrong("patch_size", "squares (others are not implemented)", config.node("patch_size"));
        }
        int height = side(config, "image_size", 0, picture);
        int width = side(config, "image_size", 1, picture);
        if (height < size || width < size || (long) (height / size) * (width / size) >= MOST) {
            throw config.wrong("image_size", "one patch of " + size + " pixels or more each way", height + " by " + width);
        }
        return new Patches(size, config.integer("num_channels", 1, 1024, 3), height, width, first, registers, masked, smooth);
    }

    static void write(Patches patches, ObjectNode config) {
        if (patches.height() == patches.width()) {
            config.put("image_size", patches.height());
        } else {
            config.putArray("image_size").add(patches.height()).add(patches.width());
        }
        config.put("patch_size", patches.size()).put("num_channels", patches.channels());
    }

    /** @param mlp by hidden size  @param layers where the file does not say  @param heads likewise  @param context positions */
    static Stack stack(JsonFields config, int hidden, int layers, int heads, boolean qkvBias, IntFunction<Mlp.Dense> mlp, double epsilon, int context) {
        int number = config.integer("num_attention_heads", 1, MOST, heads);
        if (hidden % number != 0) {
            throw config.wrong("num_attention_heads", "a divisor of hidden_size " + hidden, number);
        }
        var layer = new Layer(new Attention(number, number, hidden / number, qkvBias, true, false, 0), mlp.apply(hidden));
        return new Stack(hidden, Collections.nCopies(config.integer("num_hidden_layers", 1, MOST_LAYERS, layers), layer), Norm.LAYER, config.positive("layer_norm_eps", epsilon),
                NormPlace.BEFORE, new Positions.Learned(0), context);
    }

    /** Puts what {@link #stack} reads, and refuses what it cannot give. @param qkvBias whether a file can say that there are none */
    static Layer write(VisionSpec spec, Stack stack, boolean qkvBias, ObjectNode config) {
        Layer layer = stack.layers().getFirst();
        Attention a = layer.attention();
        require(spec, stack.layers().stream().allMatch(layer::equals), "layers", "the same", "different ones");
        require(spec, a.equals(new Attention(a.heads(), a.heads(), stack.hiddenSize() / a.heads(), !qkvBias || a.qkvBias(), true, false, 0)), "attention",
                "hiddenSize / heads wide, with biases", a);
        require(spec, stack.norm() == Norm.LAYER && stack.place() == NormPlace.BEFORE, "norm", "LAYER before", stack.norm() + " " + stack.place());
        config.put("hidden_size", stack.hiddenSize()).put("num_hidden_layers", stack.layers().size()).put("num_attention_heads", a.heads());
        config.put("hidden_act", ConfigFields.name(layer.mlp().activation(), "gelu_pytorch_tanh")).put("layer_norm_eps", stack.normEpsilon());
        return layer;
    }

    static void require(VisionSpec spec, boolean holds, String field, Object expected, Object found) {
        if (!holds) {
            throw new IllegalArgumentException("a config.json of " + spec.family().modelType() + " cannot say " + field + ": expected " + expected + ", found " + found);
        }
    }
}
