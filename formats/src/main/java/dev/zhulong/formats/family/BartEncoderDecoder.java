package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.EncoderDecoderFields.require;
import static dev.zhulong.formats.family.EncoderDecoderFields.uniform;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderDecoderFamily;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.TensorView;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What BART (Lewis et al. 2020) and its relatives share: biases everywhere, LayerNorm, one embedding for both texts, one table of names. They differ in
 * where norms stand, in their positions, and in what the decoder begins with.
 */
abstract class BartEncoderDecoder implements EncoderDecoderFamily {
    private static final double EPSILON = 1e-5;
    private static final String SHARED = "model.shared.weight";
    private static final List<String> USES = List.of("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight");

    /** Before attention and MLP, with a norm after the last layer of each stack; or after their sums. */
    abstract NormPlace place();

    /** Whether the sum of embeddings and positions is normalised. */
    abstract boolean normalisesEmbeddings();

    /** Whether a constant is added to the logits. */
    boolean hasLogitsBias() {
        return true;
    }

    abstract Positions positions(Ids ids);

    abstract Ids ids(JsonFields config, int vocab);

    boolean absentScale() {
        return false;
    }

    String absentActivation() {
        return "gelu";
    }

    /** Whether the two texts may have embeddings of their own. */
    boolean mayBeApart() {
        return false;
    }

    @Override
    public final EncoderDecoderSpec read(JsonFields config) {
        EncoderDecoderFields.requireBoth(config, architectures());
        int hidden = config.integer("d_model", 1, MOST, 1024);
        int source = config.integer("vocab_size", 1, MOST);
        boolean asked = !mayBeApart() || config.flag("share_encoder_decoder_embeddings", true);
        int vocab = mayBeApart() ? config.integer("decoder_vocab_size", 1, MOST, source) : source;
        if (asked && vocab != source) {
            throw config.wrong("decoder_vocab_size", "vocab_size, " + source + ", where share_encoder_decoder_embeddings is true", vocab);
        }
        // as transformers has it since version 5: without this nothing is tied, the two embeddings neither
        boolean tied = config.flag("tie_word_embeddings", true);
        Activation activation = ConfigFields.ungated(config, "activation_function", absentActivation());
        boolean scaled = config.flag("scale_embedding", absentScale());
        Ids ids = ids(config, Math.min(source, vocab));
        return new EncoderDecoderSpec(this, stack(config, "encoder", hidden, activation, scaled, ids), stack(config, "decoder", hidden, activation, scaled, ids), source,
                vocab, asked && tied, tied, ids);
    }

    private Stack stack(JsonFields config, String half, int hidden, Activation activation, boolean scaled, Ids ids) {
        int heads = config.integer(half + "_attention_heads", 1, MOST, 16);
        if (hidden % heads != 0) {
            throw config.wrong(half + "_attention_heads", "a divisor of d_model " + hidden, heads);
        }
        var attention = new Attention(heads, heads, hidden / heads, true, true, false, 0);
        var layer = new Layer(attention, half.equals("decoder") ? attention : null, new Mlp.Dense(config.integer(half + "_ffn_dim", 1, MOST, 4096), activation, false, true));
        return new Stack(hidden, Collections.nCopies(config.integer(half + "_layers", 1, MOST_LAYERS, 12), layer), Norm.LAYER, EPSILON, place(), positions(ids),
                config.integer("max_position_embeddings", 1, MOST, 1024), new Scales(scaled ? Math.sqrt(hidden) : 1, 1, 1, 0));
    }

    @Override
    public final void write(NetworkSpec network, ObjectNode config) {
        var spec = (EncoderDecoderSpec) network;
        Stack encoder = spec.encoder();
        Stack decoder = spec.decoder();
        config.put("vocab_size", spec.sourceVocab()).put("d_model", spec.hiddenSize());
        write(spec, encoder, "encoder", config);
        write(spec, decoder, "decoder", config);
        Mlp mlp = encoder.layers().getFirst().mlp();
        require(spec, mlp.activation() == decoder.layers().getFirst().mlp().activation(), "activation", "the same on both sides", "two");
        require(spec, encoder.contextLength() == decoder.contextLength(), "context", "the same on both sides", decoder.contextLength());
        require(spec, encoder.scales().equals(decoder.scales()), "scales", "the same on both sides", decoder.scales());
        require(spec, spec.shared() || mayBeApart() || !spec.tiedEmbeddings(), "shared", "true where the head is tied", spec.shared());
        config.put("max_position_embeddings", decoder.contextLength());
        config.put("activation_function", ConfigFields.name(mlp.activation(), "gelu_new"));
        config.put("dropout", 0.1).put("attention_dropout", 0.0).put("activation_dropout", 0.0).put("init_std", 0.02);
        config.put("scale_embedding", decoder.scales().embedding() != 1);
        // a head of its own beside one embedding is said by the files that hold it
        config.put("tie_word_embeddings", spec.tiedEmbeddings() || spec.shared());
        if (mayBeApart()) {
            config.put("decoder_vocab_size", spec.vocabSize()).put("share_encoder_decoder_embeddings", spec.shared()).put("static_position_embeddings", true);
        }
        EncoderDecoderFields.writeIds(spec.ids(), config);
    }

    private void write(EncoderDecoderSpec spec, Stack stack, String half, ObjectNode config) {
        Layer layer = uniform(spec, stack);
        Attention a = layer.attention();
        var plain = new Attention(a.heads(), a.heads(), spec.hiddenSize() / a.heads(), true, true, false, 0);
        require(spec, a.equals(plain) && (layer.cross() == null || layer.cross().equals(plain)), "attention", plain, a);
        require(spec, layer.mlp() instanceof Mlp.Dense mlp && !mlp.gated() && mlp.bias(), "mlp", "ungated, with biases", layer.mlp());
        require(spec, stack.norm() == Norm.LAYER && stack.place() == place() && stack.normEpsilon() == EPSILON, "norm", "LAYER " + place() + " " + EPSILON, stack.norm());
        require(spec, Objects.equals(stack.positions(), positions(spec.ids())), "positions", positions(spec.ids()), stack.positions());
        double scale = stack.scales().embedding();
        require(spec, stack.scales().equals(new Scales(scale, 1, 1, 0)) && (scale == 1 || scale == Math.sqrt(spec.hiddenSize())), "scales", "√hidden", stack.scales());
        config.put(half + "_layers", stack.layers().size()).put(half + "_attention_heads", a.heads()).put(half + "_ffn_dim", layer.mlp().width());
        config.put(half + "_layerdrop", 0.0);
    }

    @Override
    public final List<Parameter> parameters(NetworkSpec network) {
        var spec = (EncoderDecoderSpec) network;
        var list = new ParameterList();
        if (hasLogitsBias()) {
            list.logitsBias("final_logits_bias", spec.vocabSize());
        }
        if (spec.shared()) {
            list.matrix(Role.EMBED, "model.shared", null, Init.NORMAL, spec.vocabSize(), spec.hiddenSize());
        } else {
            list.matrix(Role.ENCODER_EMBED, "model.encoder.embed_tokens", null, Init.NORMAL, spec.sourceVocab(), spec.hiddenSize());
        }
        stack(list, spec.encoder(), 0, "model.encoder.", Role.ENCODER_POSITIONS, Role.ENCODER_EMBED_NORM, Role.ENCODER_NORM);
        if (!spec.shared()) {
            list.matrix(Role.EMBED, "model.decoder.embed_tokens", null, Init.NORMAL, spec.vocabSize(), spec.hiddenSize());
        }
        stack(list, spec.decoder(), spec.firstDecoderLayer(), "model.decoder.", Role.POSITIONS, Role.EMBED_NORM, Role.FINAL_NORM);
        if (!spec.tiedEmbeddings()) {
            list.matrix(Role.HEAD, "lm_head", null, Init.NORMAL, spec.vocabSize(), spec.hiddenSize());
        }
        return list.all();
    }

    private void stack(ParameterList list, Stack stack, int first, String at, Role positions, Role embedNorm, Role norm) {
        long hidden = stack.hiddenSize();
        if (stack.positions() instanceof Positions.Learned learned) {
            list.layer(-1).matrix(positions, at + "embed_positions", null, Init.NORMAL, stack.contextLength() + learned.first(), hidden);
        }
        layers(list, stack, first, at, true);
        if (normalisesEmbeddings()) {
            list.norm(embedNorm, at + "layernorm_embedding", null, hidden, true);
        }
        if (place() == NormPlace.BEFORE) {
            list.norm(norm, at + "layer_norm", null, hidden, true);
        }
    }

    /** All layers of a stack. @param keyBias whether keys have biases as all else has */
    static void layers(ParameterList list, Stack stack, int first, String at, boolean keyBias) {
        long hidden = stack.hiddenSize();
        for (int l = 0; l < stack.layers().size(); l++) {
            Layer layer = stack.layers().get(l);
            String of = at + "layers." + l + ".";
            attention(list.layer(first + l), of + "self_attn.", hidden, keyBias, Role.Q, Role.K, Role.V, Role.OUT);
            list.norm(Role.NORM1, of + "self_attn_layer_norm", null, hidden, true);
            if (layer.cross() != null) {
                attention(list, of + "encoder_attn.", hidden, keyBias, Role.CROSS_Q, Role.CROSS_K, Role.CROSS_V, Role.CROSS_OUT);
                list.norm(Role.CROSS_NORM, of + "encoder_attn_layer_norm", null, hidden, true);
            }
            list.projection(Role.UP, of + "fc1", null, Init.NORMAL, Layout.SAME, layer.mlp().width(), hidden, true);
            list.projection(Role.DOWN, of + "fc2", null, Init.NORMAL, Layout.SAME, hidden, layer.mlp().width(), true);
            list.norm(Role.NORM2, of + "final_layer_norm", null, hidden, true);
        }
        list.layer(-1);
    }

    private static void attention(ParameterList list, String at, long hidden, boolean keyBias, Role q, Role k, Role v, Role out) {
        list.projection(k, at + "k_proj", null, Init.NORMAL, Layout.SAME, hidden, hidden, keyBias);
        PostNormEncoder.square(list, v, at + "v_proj", hidden);
        PostNormEncoder.square(list, q, at + "q_proj", hidden);
        PostNormEncoder.square(list, out, at + "out_proj", hidden);
    }

    /**
     * A file of the network without its head lacks the prefix. Where each side has an embedding of its own, one that is stored for both is read by none, or
     * stands for those that are missing. Tables of sines were saved once, as were the numbers of versions.
     */
    @Override
    public final Map<String, TensorView> tidy(NetworkSpec network, Map<String, TensorView> stored) {
        var spec = (EncoderDecoderSpec) network;
        boolean learned = spec.decoder().positions() instanceof Positions.Learned;
        Map<String, TensorView> weights = EncoderDecoderFields.tidy(stored, name -> today(name, learned), SHARED, spec.shared() ? USES : List.of());
        TensorView whole = spec.shared() ? null : weights.remove(SHARED);
        if (whole != null) {
            USES.forEach(use -> weights.putIfAbsent(use, whole));
        }
        return weights;
    }

    private static String today(String saved, boolean learned) {
        String name = saved.startsWith("encoder.") || saved.startsWith("decoder.") || saved.startsWith("shared.") ? "model." + saved : saved;
        boolean constant = !learned && name.contains(".embed_positions.") || name.endsWith("coder.version");
        return constant ? null : name;
    }
}
