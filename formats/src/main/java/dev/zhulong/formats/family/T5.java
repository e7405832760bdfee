package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.EncoderDecoderFields.require;
import static dev.zhulong.formats.family.EncoderDecoderFields.uniform;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
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
import dev.zhulong.formats.Stack.Turn;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufEncoderDecoder;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufShape;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** T5 (Raffel et al. 2020), its version 1.1, and Flan-T5 (Chung et al. 2022): learned numbers for ranges of distances, and scores that are not scaled. */
public class T5 implements GgufEncoderDecoder {
    private static final int CONTEXT = 512;
    /** Distances that llama.cpp tells from others. */
    private static final int FARTHEST = 128;
    private static final String BUCKETS = "attention.relative_buckets_count";

    @Override
    public String modelType() {
        return "t5";
    }

    @Override
    public List<String> architectures() {
        return List.of("T5ForConditionalGeneration", "T5WithLMHeadModel", "T5Model");
    }

    @Override
    public boolean trainsPadding() {
        return true;
    }

    @Override
    public boolean tiesMissingHead() {
        return true;
    }

    /** What {@code feed_forward_proj} is where the file does not say. */
    String absentProjection() {
        return "relu";
    }

    /** Id of the decoder's start where the file does not say; -1 for none. */
    int absentStart() {
        return -1;
    }

    /** Whether logits are scaled by 1/√hidden, as those of the first T5 are. */
    boolean scalesLogits(JsonFields config) {
        return config.flag("scale_decoder_outputs", config.flag("tie_word_embeddings", true));
    }

    @Override
    public EncoderDecoderSpec read(JsonFields config) {
        EncoderDecoderFields.requireBoth(config, architectures());
        int hidden = config.integer("d_model", 1, MOST, 512);
        int heads = config.integer("num_heads", 1, MOST);
        int headDim = config.integer("d_kv", 1, MOST / heads, 64);
        if ((long) heads * headDim > MOST) {
            throw config.wrong("num_heads", "heads of " + headDim + " that are at most " + MOST + " wide together", heads);
        }
        int layers = config.integer("num_layers", 1, MOST_LAYERS);
        int vocab = config.integer("vocab_size", 1, MOST);
        Attention attention = attention(heads, headDim);
        Mlp mlp = mlp(config);
        int buckets = config.integer("relative_attention_num_buckets", 4, MOST, 32);
        var positions = new Positions.RelativeBias(buckets, config.integer("relative_attention_max_distance", buckets / 2 + 1, MOST, 128));
        double epsilon = config.positive("layer_norm_epsilon", 1e-6);
        int context = config.integer("n_positions", 1, MOST, CONTEXT);
        Stack encoder = new Stack(hidden, Collections.nCopies(layers, new Layer(attention, mlp)), Norm.RMS, epsilon, NormPlace.BEFORE, positions, context);
        int decoderLayers = config.integer("num_decoder_layers", 1, MOST_LAYERS, layers);
        Scales scales = scalesLogits(config) ? new Scales(1, 1, 1 / Math.sqrt(hidden), 0) : Scales.NONE;
        Stack decoder = new Stack(hidden, Collections.nCopies(decoderLayers, new Layer(attention, attention, mlp)), Norm.RMS, epsilon, NormPlace.BEFORE, positions,
                context, scales);
        return new EncoderDecoderSpec(this, encoder, decoder, vocab, vocab, true, config.flag("tie_word_embeddings", true),
                EncoderDecoderFields.ids(config, vocab, 0, -1, 1, absentStart(), -1));
    }

    /** No biases, no rotation, and scores as they are. */
    private static Attention attention(int heads, int headDim) {
        return new Attention(heads, heads, headDim, false, false, false, 0).withTurn(new Turn.None()).withScores(1, 0);
    }

    /** As transformers takes the text apart: {@code gated-gelu} is GELU by tanh, {@code gelu} is not. */
    private Mlp mlp(JsonFields config) {
        String projection = config.text("feed_forward_proj").orElse(absentProjection());
        boolean gated = projection.startsWith("gated-");
        String name = gated ? projection.substring("gated-".length()) : projection;
        if (name.isEmpty() || name.contains("-")) {
            throw config.wrong("feed_forward_proj", "the name of an activation, such as relu or gated-gelu", FormatException.quote(projection));
        }
        name = config.text("dense_act_fn").orElse(projection.equals("gated-gelu") ? "gelu_new" : name);
        ObjectNode activation = config.object().deepCopy().put("feed_forward_proj", name);
        return new Mlp.Dense(config.integer("d_ff", 1, MOST, 2048),
                ConfigFields.ungated(new JsonFields(config.file(), config.prefix(), activation), "feed_forward_proj", name), config.flag("is_gated_act", gated), false);
    }

    @Override
    public void write(NetworkSpec network, ObjectNode config) {
        var spec = (EncoderDecoderSpec) network;
        Layer layer = uniform(spec, spec.encoder());
        Layer other = uniform(spec, spec.decoder());
        Attention a = layer.attention();
        require(spec, a.equals(other.attention()) && a.equals(other.cross()) && layer.mlp().equals(other.mlp()), "layers", "the same", "different ones");
        require(spec, a.equals(attention(a.heads(), a.headDim())), "attention",
                "without biases, scores not scaled", a);
        require(spec, spec.encoder().norm() == Norm.RMS && spec.encoder().place() == NormPlace.BEFORE, "norm", "RMS before", spec.encoder().norm());
        require(spec, spec.shared() && spec.encoder().positions().equals(spec.decoder().positions())
                && spec.decoder().positions() instanceof Positions.RelativeBias, "positions", "relative biases", spec.decoder().positions());
        var mlp = (Mlp.Dense) layer.mlp();
        var positions = (Positions.RelativeBias) spec.decoder().positions();
        boolean scaled = spec.decoder().scales().logits() != 1;
        config.put("vocab_size", spec.vocabSize()).put("d_model", spec.hiddenSize()).put("d_kv", a.headDim()).put("d_ff", mlp.width());
        config.put("num_layers", spec.encoder().layers().size()).put("num_decoder_layers", spec.decoder().layers().size()).put("num_heads", a.heads());
        config.put("relative_attention_num_buckets", positions.buckets()).put("relative_attention_max_distance", positions.farthest());
        config.put("dropout_rate", 0.1).put("layer_norm_epsilon", spec.decoder().normEpsilon()).put("initializer_factor", 1.0);
        String name = ConfigFields.name(mlp.activation(), mlp.gated() ? "gelu" : "gelu_new");
        config.put("feed_forward_proj", (mlp.gated() ? "gated-" : "") + name);
        config.put("dense_act_fn", ConfigFields.name(mlp.activation(), "gelu_new")).put("is_gated_act", mlp.gated());
        config.put("n_positions", spec.decoder().contextLength());
        config.put("scale_decoder_outputs", scaled).put("tie_word_embeddings", spec.tiedEmbeddings());
        EncoderDecoderFields.writeIds(spec.ids(), config);
    }

    @Override
    public List<Parameter> parameters(NetworkSpec network) {
        var spec = (EncoderDecoderSpec) network;
        var list = new ParameterList();
        list.matrix(Role.EMBED, "shared", "token_embd", Init.UNIT, spec.vocabSize(), spec.hiddenSize());
        stack(list, spec.encoder(), 0, "encoder.", "enc.");
        list.layer(-1).norm(Role.ENCODER_NORM, "encoder.final_layer_norm", "enc.output_norm", spec.hiddenSize(), false);
        stack(list, spec.decoder(), spec.firstDecoderLayer(), "decoder.", "dec.");
        list.layer(-1).norm(Role.FINAL_NORM, "decoder.final_layer_norm", "dec.output_norm", spec.hiddenSize(), false);
        if (!spec.tiedEmbeddings()) {
            list.matrix(Role.HEAD, "lm_head", "output", spec.decoder().scales().logits() == 1 ? Init.FAN_IN : Init.UNIT, spec.vocabSize(), spec.hiddenSize());
        }
        return list.all();
    }

    /** @param side what the names of GGUF begin with */
    private static void stack(ParameterList list, Stack stack, int first, String at, String side) {
        for (int l = 0; l < stack.layers().size(); l++) {
            Layer layer = stack.layers().get(l);
            String block = at + "block." + l + ".layer.";
            String gguf = side + "blk." + l + ".";
            attention(list.layer(first + l), layer.attention(), stack.hiddenSize(), block + "0.SelfAttention.", gguf + "attn_", Role.Q, Role.K, Role.V, Role.OUT);
            if (l == 0 && stack.positions() instanceof Positions.RelativeBias bias) {
                list.matrix(Role.RELATIVE_BIAS, block + "0.SelfAttention.relative_attention_bias", gguf + "attn_rel_b", Init.NORMAL, bias.buckets(), layer.attention().heads());
            }
            list.norm(Role.NORM1, block + "0.layer_norm", gguf + "attn_norm", stack.hiddenSize(), false);
            if (layer.cross() != null) {
                attention(list, layer.cross(), stack.hiddenSize(), block + "1.EncDecAttention.", gguf + "cross_attn_", Role.CROSS_Q, Role.CROSS_K, Role.CROSS_V, Role.CROSS_OUT);
                list.norm(Role.CROSS_NORM, block + "1.layer_norm", gguf + "cross_attn_norm", stack.hiddenSize(), false);
            }
            mlp(list, layer.mlp(), stack.hiddenSize(), block + (layer.cross() == null ? 1 : 2) + ".", gguf);
        }
    }

    private static void attention(ParameterList list, Attention a, long hidden, String at, String gguf, Role q, Role k, Role v, Role out) {
        list.projection(q, at + "q", gguf + "q", Init.FAN_IN_HEAD, Layout.SAME, a.width(), hidden, false);
        list.projection(k, at + "k", gguf + "k", Init.FAN_IN, Layout.SAME, a.kvWidth(), hidden, false);
        list.projection(v, at + "v", gguf + "v", Init.FAN_IN, Layout.SAME, a.kvWidth(), hidden, false);
        list.projection(out, at + "o", gguf + "o", Init.FAN_IN, Layout.SAME, hidden, a.width(), false);
    }

    private static void mlp(ParameterList list, Mlp mlp, long hidden, String at, String gguf) {
        if (mlp.gated()) {
            list.projection(Role.GATE, at + "DenseReluDense.wi_0", gguf + "ffn_gate", Init.FAN_IN, Layout.SAME, mlp.width(), hidden, false);
        }
        list.projection(Role.UP, at + "DenseReluDense.wi" + (mlp.gated() ? "_1" : ""), gguf + "ffn_up", Init.FAN_IN, Layout.SAME, mlp.width(), hidden, false);
        list.projection(Role.DOWN, at + "DenseReluDense.wo", gguf + "ffn_down", Init.FAN_IN, Layout.SAME, hidden, mlp.width(), false);
        list.norm(Role.NORM2, at + "layer_norm", gguf + "ffn_norm", hidden, false);
    }

    /** The first files held a bias for distances between the two texts, which nothing read. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec network, Map<String, TensorView> stored) {
        return EncoderDecoderFields.tidy(stored, name -> name.equals("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight") ? null : name,
                "shared.weight", List.of("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"));
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    public String ggufArchitecture() {
        return "t5";
    }

    /** Files of other programs do not tell mT5 from version 1.1, which computes the same. */
    @Override
    public boolean claims(GgufMetadata metadata) {
        return modelType().equals("t5");
    }

    @Override
    public String ggufEpsilon() {
        return "attention.layer_norm_rms_epsilon";
    }

    /** llama.cpp tells distances up to 128, scales no logits, has no more layers in the decoder than in the encoder, and knows ReLU, and GELU by tanh where it is gated. */
    @Override
    public boolean runsInLlamaCpp(EncoderDecoderSpec spec) {
        var mlp = (Mlp.Dense) spec.layer(0).mlp();
        return spec.decoder().positions() instanceof Positions.RelativeBias bias && bias.farthest() == FARTHEST && spec.decoder().scales().equals(Scales.NONE)
                && spec.decoder().layers().size() <= spec.encoder().layers().size() && mlp.activation() == (mlp.gated() ? Activation.GELU_TANH : Activation.RELU);
    }

    /** The first T5's tie their head and scale logits, which no key says; all others do neither. */
    @Override
    public EncoderDecoderSpec read(GgufFile file) {
        String at = ggufArchitecture() + ".";
        GgufMetadata metadata = file.metadata();
        GgufShape shape = GgufShape.read(file, at, false);
        if (shape.kvHeads() != shape.heads()) {
            throw metadata.wrong(at + "attention.head_count_kv", "attention.head_count " + shape.heads());
        }
        boolean gated = file.tensors().containsKey("enc.blk.0.ffn_gate.weight");
        Attention attention = attention(shape.heads(), shape.headDim());
        Mlp mlp = new Mlp.Dense(shape.inner(), gated ? Activation.GELU_TANH : Activation.RELU, gated, false);
        int buckets = metadata.integer(at + BUCKETS, 4, 2 * FARTHEST - 1);
        var positions = new Positions.RelativeBias(buckets, FARTHEST);
        double epsilon = metadata.positive(at + ggufEpsilon());
        Stack encoder = new Stack(shape.hidden(), Collections.nCopies(shape.layers(), new Layer(attention, mlp)), Norm.RMS, epsilon, NormPlace.BEFORE, positions, shape.contextLength());
        int decoderLayers = metadata.integer(at + "decoder_block_count", 1, MOST_LAYERS, shape.layers());
        Stack decoder = new Stack(shape.hidden(), Collections.nCopies(decoderLayers, new Layer(attention, attention, mlp)), Norm.RMS, epsilon, NormPlace.BEFORE, positions,
                shape.contextLength(), shape.tied() ? new Scales(1, 1, 1 / Math.sqrt(shape.hidden()), 0) : Scales.NONE);
        int pad = metadata.tokenId("tokenizer.ggml.padding_token_id", shape.vocab()).orElse(0);
        return new EncoderDecoderSpec(this, encoder, decoder, shape.vocab(), shape.vocab(), true, shape.tied(), new EncoderDecoderSpec.Ids(-1, shape.eos(), pad,
                metadata.integer(at + "decoder_start_token_id", 0, shape.vocab() - 1, pad), -1, List.of()));
    }

    @Override
    public void write(EncoderDecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        metadata.put(at + BUCKETS, GgufValue.of(((Positions.RelativeBias) spec.decoder().positions()).buckets()));
    }
}
