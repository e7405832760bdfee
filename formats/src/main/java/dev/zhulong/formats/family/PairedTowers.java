package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.VisionFamily;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Patches;
import dev.zhulong.formats.VisionSpec.Pool;
import dev.zhulong.formats.VisionSpec.Texts;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What CLIP and SigLIP share: a tower over patches and one over tokens with the same layers under the same names, each with a configuration of its own in {@code config.json}. */
abstract class PairedTowers implements VisionFamily {
    private static final String VISION = "vision_model.";
    private static final String TEXT = "text_model.";

    /** What a field of either tower is where the file does not say. */
    record Absent(int textWidth, int textInner, int textHeads, int textContext, int vocab, int patch, double epsilon, String activation) {}

    abstract Absent absent();

    abstract Patches patches(JsonFields vision);

    abstract Pool pool();

    /** @param config of both  @param text of the tower over tokens  @param hidden size of the tower over patches */
    abstract Texts texts(JsonFields config, JsonFields text, Stack stack, int vocab, int hidden);

    /** Puts what {@link #texts} reads. */
    abstract void writeTexts(Texts texts, ObjectNode config, ObjectNode text);

    /** Adds what stands around the layers over patches: after them where {@code after}, else before. */
    abstract void pictureParameters(ParameterList list, VisionSpec spec, String at, boolean after);

    /** Adds what joins the two towers. */
    abstract void joinParameters(ParameterList list, VisionSpec spec, Texts texts);

    private static JsonFields half(JsonFields config, String field) {
        return config.object(field).orElseGet(() -> new JsonFields(config.file(), field + ".", JsonNodeFactory.instance.objectNode()));
    }

    @Override
    public Pool poolOfClasses() {
        throw new IllegalArgumentException("a " + modelType() + " has no head of classes: it tells pictures apart by texts; name the directory of a vit or a dinov2");
    }

    @Override
    public final VisionSpec read(JsonFields config) {
        String named = config.node("architectures").path(0).asText(architectures().getFirst());
        if (!architectures().contains(named)) {
            throw config.wrong("architectures", String.join(", ", architectures()), FormatException.quote(named));
        }
        JsonFields vision = half(config, "vision_config");
        JsonFields text = half(config, "text_config");
        Absent absent = absent();
        Patches patches = patches(vision);
        int hidden = vision.integer("hidden_size", 1, MOST, 768);
        Stack pictures = VisionFields.stack(vision, hidden, 12, 12, true, width -> mlp(vision, 3072), absent.epsilon, patches.positions());
        Stack tokens = VisionFields.stack(text, text.integer("hidden_size", 1, MOST, absent.textWidth), 12, absent.textHeads, true, width -> mlp(text, absent.textInner),
                absent.epsilon, text.integer("max_position_embeddings", 1, MOST, absent.textContext));
        return new VisionSpec(this, pictures, patches, pool(), new Head.None(),
                Optional.of(texts(config, text, tokens, text.integer("vocab_size", 1, MOST, absent.vocab), hidden)));
    }

    private Mlp.Dense mlp(JsonFields config, int inner) {
        return new Mlp.Dense(config.integer("intermediate_size", 1, MOST, inner), VisionFields.activation(config, absent().activation), false, true);
    }

    @Override
    public final void write(NetworkSpec network, ObjectNode config) {
        var spec = (VisionSpec) network;
        Texts texts = spec.texts().orElseThrow(() -> new IllegalArgumentException("a config.json of " + modelType() + " cannot say that there are no texts"));
        ObjectNode vision = config.putObject("vision_config").put("model_type", modelType() + "_vision_model");
        write(spec, spec.stack(), vision);
        VisionFields.write(spec.patches(), vision);
        ObjectNode text = config.putObject("text_config").put("model_type", modelType() + "_text_model");
        write(spec, texts.stack(), text);
        text.put("vocab_size", texts.vocabSize()).put("max_position_embeddings", texts.stack().contextLength());
        text.put("bos_token_id", texts.bos() < 0 ? null : texts.bos()).put("eos_token_id", texts.eos() < 0 ? null : texts.eos()).put("pad_token_id", texts.pad());
        writeTexts(texts, config, text);
        config.put("initializer_factor", 1.0);
    }

    private static void write(VisionSpec spec, Stack stack, ObjectNode config) {
        Layer layer = VisionFields.write(spec, stack, false, config);
        VisionFields.require(spec, layer.mlp() instanceof Mlp.Dense mlp && !mlp.gated() && mlp.bias(), "mlp", "ungated, with biases", layer.mlp());
        config.put("intermediate_size", layer.mlp().width()).put("attention_dropout", 0.0);
    }

    /** An id of a field, or -1. */
    static int id(JsonFields config, String field, int absent) {
        return config.has(field) ? config.tokenIds(field).stream().findFirst().orElse(-1) : absent;
    }

    @Override
    public final List<Parameter> parameters(NetworkSpec network) {
        var spec = (VisionSpec) network;
        Texts texts = spec.texts().orElseThrow();
        var list = new ParameterList();
        long width = texts.stack().hiddenSize();
        list.matrix(Role.EMBED, TEXT + "embeddings.token_embedding", null, Init.NORMAL, texts.vocabSize(), width);
        list.matrix(Role.POSITIONS, TEXT + "embeddings.position_embedding", null, Init.NORMAL, texts.stack().contextLength(), width);
        layers(list, texts.stack(), TEXT, spec.firstTextLayer());
        list.norm(Role.FINAL_NORM, TEXT + "final_layer_norm", null, width, true);
        pictureParameters(list, spec, VISION, false);
        layers(list, spec.stack(), VISION, 0);
        pictureParameters(list, spec, VISION, true);
        joinParameters(list, spec, texts);
        return list.all();
    }

    private static void layers(ParameterList list, Stack stack, String at, int first) {
        long hidden = stack.hiddenSize();
        for (int l = 0; l < stack.layers().size(); l++) {
            list.layer(first + l);
            String layer = at + "encoder.layers." + l + ".";
            long inner = stack.layers().get(l).mlp().width();
            list.projection(Role.K, layer + "self_attn.k_proj", null, Init.NORMAL, Layout.SAME, hidden, hidden, true);
            list.projection(Role.V, layer + "self_attn.v_proj", null, Init.NORMAL, Layout.SAME, hidden, hidden, true);
            list.projection(Role.Q, layer + "self_attn.q_proj", null, Init.NORMAL, Layout.SAME, hidden, hidden, true);
            list.projection(Role.OUT, layer + "self_attn.out_proj", null, Init.NORMAL, Layout.SAME, hidden, hidden, true);
            list.norm(Role.NORM1, layer + "layer_norm1", null, hidden, true);
            list.projection(Role.UP, layer + "mlp.fc1", null, Init.NORMAL, Layout.SAME, inner, hidden, true);
            list.projection(Role.DOWN, layer + "mlp.fc2", null, Init.NORMAL, Layout.SAME, hidden, inner, true);
            list.norm(Role.NORM2, layer + "layer_norm2", null, hidden, true);
        }
        list.layer(-1);
    }

    /** Adds the product of patches and their positions. @param bias whether the former has one */
    static void patchParameters(ParameterList list, VisionSpec spec, String at, boolean bias) {
        Patches patches = spec.patches();
        list.tensor(Role.PATCHES, at + "embeddings.patch_embedding.weight", Init.NORMAL, true, spec.hiddenSize(), patches.channels(), patches.size(), patches.size());
        if (bias) {
            list.bias(Role.PATCHES, at + "embeddings.patch_embedding", null, Layout.SAME, spec.hiddenSize());
        }
        list.matrix(Role.PATCH_POSITIONS, at + "embeddings.position_embedding", null, Init.NORMAL, patches.positions(), spec.hiddenSize());
    }

    /** Older versions saved the numbers of positions. */
    @Override
    public final Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Families.renamed(stored, view -> Optional.of(view.name()).filter(name -> !name.endsWith("embeddings.position_ids")));
    }
}
