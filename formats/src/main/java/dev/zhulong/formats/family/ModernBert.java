package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.ConfigFields.refuse;
import static dev.zhulong.formats.family.PostNormEncoder.require;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.Stack.Turn;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufEncoder;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufShape;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * ModernBERT (Warner et al. 2024): pre-norm with LayerNorm without a bias, rotary positions, a gated MLP, and attention whose reach is short in most
 * layers, which turn by other angles. All heads begin with the dense layer that was trained for masked tokens.
 */
public final class ModernBert implements GgufEncoder {
    private static final String STEM = "ModernBert";
    private static final String LOCAL = "sliding_attention";
    private static final String GLOBAL = "full_attention";
    // keys of GGUF
    private static final String ACTIVATION = "hidden_activation";
    private static final String WINDOW = "attention.sliding_window";
    private static final String PATTERN = "attention.sliding_window_pattern";
    private static final String THETA = "rope.freq_base";

    @Override
    public String modelType() {
        return "modernbert";
    }

    @Override
    public List<String> architectures() {
        return List.of("ModernBertModel", "ModernBertForMaskedLM", "ModernBertForSequenceClassification", "ModernBertForTokenClassification",
                "ModernBertForQuestionAnswering");
    }

    @Override
    public String architecture(NetworkSpec network) {
        return STEM + PostNormEncoder.end(((EncoderSpec) network).head());
    }

    @Override
    public Dense denseOfTokens(Activation layers) {
        return new Dense(Activation.GELU, true, false);
    }

    @Override
    public Optional<Dense> denseOfClasses() {
        return Optional.of(denseOfTokens(Activation.GELU));
    }

    @Override
    public Optional<Dense> denseOfTags() {
        return denseOfClasses();
    }

    @Override
    public EncoderSpec read(JsonFields config) {
        refuse(config, "norm_bias", false);
        int hidden = config.integer("hidden_size", 1, MOST);
        int heads = config.integer("num_attention_heads", 1, MOST);
        if (hidden % heads != 0 || hidden / heads % 2 != 0) {
            throw config.wrong("num_attention_heads", "a divisor of hidden_size " + hidden + " that leaves heads of even width", heads);
        }
        boolean bias = config.flag("attention_bias", false);
        var mlp = new Mlp.Dense(config.integer("intermediate_size", 1, MOST), ConfigFields.activation(config, "hidden_activation", "gelu"), true,
                config.flag("mlp_bias", false));
        Stack stack = stack(new Attention(heads, heads, hidden / heads, bias, bias, false, 0), mlp, locals(config, config.integer("num_hidden_layers", 1, MOST_LAYERS)),
                config.integer("local_attention", 2, MOST, 128), theta(config, LOCAL, "local_rope_theta", 10_000), theta(config, GLOBAL, "global_rope_theta", 160_000),
                config.positive("norm_eps", 1e-5), config.integer("max_position_embeddings", 1, MOST, 8192));
        int vocab = config.integer("vocab_size", 1, MOST);
        return new EncoderSpec(this, stack, vocab, 0, config.integer("pad_token_id", 0, vocab - 1, Math.min(50_283, vocab - 1)), head(config));
    }

    /** @param locals which layers have a short reach  @param near theta of the angles of these  @param far of the others */
    private static Stack stack(Attention everywhere, Mlp mlp, List<Boolean> locals, int window, double near, double far, double epsilon, int context) {
        int headDim = everywhere.headDim();
        Attention nearby = everywhere.withWindow(window / 2 * 2).withTurn(new Turn.Own(new Rope(near, headDim, new Scaling.None())));
        return new Stack(everywhere.heads() * headDim, locals.stream().map(local -> new Layer(local ? nearby : everywhere, mlp)).toList(), Norm.LAYER, epsilon, NormPlace.BEFORE,
                new Positions.Rotary(new Rope(far, headDim, new Scaling.None())), context);
    }

    /** Which layers have a short reach. */
    private static List<Boolean> locals(JsonFields config, int layers) {
        var locals = new ArrayList<Boolean>();
        if (config.isSet("layer_types")) {
            for (String type : config.strings("layer_types")) {
                if (!type.equals(LOCAL) && !type.equals(GLOBAL)) {
                    throw config.wrong("layer_types", LOCAL + " or " + GLOBAL, FormatException.quote(type));
                }
                locals.add(type.equals(LOCAL));
            }
            if (locals.size() != layers) {
                throw config.wrong("layer_types", layers + " of them, as num_hidden_layers says", locals.size());
            }
            return locals;
        }
        int every = config.integer("global_attn_every_n_layers", 1, MOST, 3);
        for (int layer = 0; layer < layers; layer++) {
            locals.add(layer % every != 0);
        }
        return locals;
    }

    private static double theta(JsonFields config, String kind, String oldField, double absent) {
        if (config.object("rope_scaling").isPresent()) {
            throw config.wrong("rope_scaling", "none (stretched angles are not implemented for this family)", config.node("rope_scaling"));
        }
        Optional<JsonFields> own = config.object("rope_parameters").flatMap(all -> all.object(kind));
        own.flatMap(fields -> fields.text("rope_type")).filter(type -> !type.equals("default")).ifPresent(type -> {
            throw own.get().wrong("rope_type", "default (another one is not implemented for this family)", FormatException.quote(type));
        });
        return own.filter(fields -> fields.isSet("rope_theta")).map(fields -> fields.positive("rope_theta")).orElseGet(() -> config.positive(oldField, absent));
    }

    private Head head(JsonFields config) {
        boolean bias = config.flag("classifier_bias", false);
        var dense = Optional.of(new Dense(ConfigFields.ungated(config, "classifier_activation", "gelu"), true, bias));
        String pooling = config.text("classifier_pooling").orElse("cls");
        if (!pooling.equals("cls") && !pooling.equals("mean")) {
            throw config.wrong("classifier_pooling", "cls or mean", FormatException.quote(pooling));
        }
        return PostNormEncoder.head(config, this, STEM, Set.of(),
                () -> new Head.MaskedTokens(dense.get(), config.flag("tie_word_embeddings", true), config.flag("decoder_bias", true)),
                (labels, problem) -> new Head.Classes(dense, labels, problem, pooling.equals("mean")), dense);
    }

    @Override
    public void write(NetworkSpec network, ObjectNode config) {
        var spec = (EncoderSpec) network;
        Stack stack = spec.stack();
        require(spec, stack.norm() == Norm.LAYER && stack.place() == NormPlace.BEFORE, "norm", "LAYER before", stack.norm() + " " + stack.place());
        require(spec, stack.positions() instanceof Positions.Rotary, "positions", "rotary", stack.positions());
        require(spec, spec.segments() == 0, "segments", 0, spec.segments());
        Attention first = spec.layer(0).attention();
        require(spec, spec.layer(0).mlp() instanceof Mlp.Dense mlp && mlp.gated() && stack.layers().stream().allMatch(layer -> layer.mlp().equals(mlp)), "mlp",
                "one gated one in all layers", spec.layer(0).mlp());
        require(spec, first.headDim() * first.heads() == spec.hiddenSize() && first.qkvBias() == first.outputBias(), "attention", "hiddenSize / heads wide", first);
        config.put("vocab_size", spec.vocabSize());
        config.put("hidden_size", spec.hiddenSize());
        config.put("intermediate_size", spec.layer(0).mlp().width());
        config.put("num_hidden_layers", spec.layers());
        config.put("num_attention_heads", first.heads());
        config.put("hidden_activation", ConfigFields.name(spec.activation(), "gelu_pytorch_tanh"));
        config.put("max_position_embeddings", spec.contextLength());
        config.put("norm_eps", stack.normEpsilon()).put("norm_bias", false);
        config.put("attention_bias", first.qkvBias());
        config.put("mlp_bias", ((Mlp.Dense) spec.layer(0).mlp()).bias());
        config.put("attention_dropout", 0.0).put("embedding_dropout", 0.0).put("mlp_dropout", 0.0).put("classifier_dropout", 0.0);
        config.put("initializer_range", 0.02).put("initializer_cutoff_factor", 2.0);
        Attention local = writeReach(spec, config);
        double global = plain(spec, ((Positions.Rotary) stack.positions()).rope());
        double near = local.turn() instanceof Turn.Own(Rope rope) ? plain(spec, rope) : 10_000;
        config.put("global_rope_theta", global).put("local_rope_theta", near);
        ObjectNode ropes = config.putObject("rope_parameters");
        ropes.putObject(GLOBAL).put("rope_type", "default").put("rope_theta", global);
        ropes.putObject(LOCAL).put("rope_type", "default").put("rope_theta", near);
        Head head = spec.head();
        Dense dense = head.dense().orElseGet(() -> denseOfTokens(null));
        config.put("classifier_activation", ConfigFields.name(dense.activation(), "gelu_pytorch_tanh"));
        config.put("classifier_bias", dense.bias());
        config.put("classifier_pooling", head instanceof Head.Classes classes && classes.mean() ? "mean" : "cls");
        config.put("decoder_bias", !(head instanceof Head.MaskedTokens tokens) || tokens.bias());
        config.putNull("bos_token_id").putNull("eos_token_id").putNull("cls_token_id").putNull("sep_token_id");
        PostNormEncoder.writeHead(spec, config);
    }

    /** Puts which layers have a short reach, and how short. @return the attention of one of these, or of the first layer */
    private static Attention writeReach(EncoderSpec spec, ObjectNode config) {
        ArrayNode types = config.putArray("layer_types");
        Attention local = spec.layer(0).attention();
        for (Layer layer : spec.stack().layers()) {
            Attention a = layer.attention();
            boolean turns = a.turn() instanceof Turn.Own;
            require(spec, turns == a.window() > 0 && a.window() % 2 == 0, "reach", "an even window where layers turn by their own angles", a);
            types.add(turns ? LOCAL : GLOBAL);
            require(spec, !turns || local.window() == 0 || local.equals(a), "reach", "one window", a);
            local = turns ? a : local;
            require(spec, a.withWindow(0).withTurn(new Turn.AsStack()).equals(spec.layer(0).attention().withWindow(0).withTurn(new Turn.AsStack())), "attention",
                    "the same in all layers", a);
        }
        config.put("local_attention", local.window() == 0 ? 128 : local.window());
        return local;
    }

    private static double plain(EncoderSpec spec, Rope rope) {
        require(spec, rope.scaling() instanceof Scaling.None && rope.rotaryDims() == spec.layer(0).attention().headDim() && !rope.neighbours(), "rope",
                "whole heads, not stretched", rope);
        return rope.theta();
    }

    @Override
    public List<Parameter> parameters(NetworkSpec network) {
        var spec = (EncoderSpec) network;
        var list = new ParameterList();
        long hidden = spec.hiddenSize();
        String at = prefix(spec);
        list.matrix(Role.EMBED, at + "embeddings.tok_embeddings", "token_embd", Init.NORMAL, spec.vocabSize(), hidden);
        list.norm(Role.EMBED_NORM, at + "embeddings.norm", "token_embd_norm", hidden, false);
        for (int l = 0; l < spec.layers(); l++) {
            list.layer(l);
            Attention a = spec.layer(l).attention();
            var mlp = (Mlp.Dense) spec.layer(l).mlp();
            String layer = at + "layers." + l + ".";
            String gguf = "blk." + l + ".";
            if (l > 0) {
                // the first layer is given what the norm of the embeddings gives
                list.norm(Role.NORM1, layer + "attn_norm", gguf + "attn_norm", hidden, false);
            }
            list.projection(Role.QKV, layer + "attn.Wqkv", gguf + "attn_qkv", Init.NORMAL, Layout.SAME, 3 * hidden, hidden, a.qkvBias());
            list.projection(Role.OUT, layer + "attn.Wo", gguf + "attn_output", Init.RESIDUAL, Layout.SAME, hidden, hidden, a.outputBias());
            list.norm(Role.NORM2, layer + "mlp_norm", gguf + "ffn_norm", hidden, false);
            list.projection(Role.GATE_UP, layer + "mlp.Wi", gguf + "ffn_up", Init.NORMAL, Layout.SAME, 2L * mlp.width(), hidden, mlp.bias());
            list.projection(Role.DOWN, layer + "mlp.Wo", gguf + "ffn_down", Init.RESIDUAL, Layout.SAME, hidden, mlp.width(), mlp.bias());
        }
        list.layer(-1);
        list.norm(Role.FINAL_NORM, at + "final_norm", "output_norm", hidden, false);
        spec.head().dense().ifPresent(dense -> {
            list.projection(Role.HEAD_DENSE, "head.dense", "cls", Init.NORMAL, Layout.SAME, hidden, hidden, dense.bias());
            list.norm(Role.HEAD_NORM, "head.norm", "cls.norm", hidden, false);
        });
        switch (spec.head()) {
            case Head.None none -> { }
            case Head.MaskedTokens tokens -> {
                PostNormEncoder.ownHead(list, spec, tokens, "decoder");
                if (tokens.bias()) {
                    list.bias(Role.HEAD, "decoder", "cls.output", Layout.SAME, spec.vocabSize());
                }
            }
            case Head.Classes classes -> PostNormEncoder.outputs(list, spec, "classifier");
            case Head.Tags tags -> PostNormEncoder.outputs(list, spec, "classifier");
            case Head.Spans spans -> PostNormEncoder.outputs(list, spec, "classifier");
        }
        return list.all();
    }

    private static String prefix(EncoderSpec spec) {
        return spec.head() instanceof Head.None ? "" : "model.";
    }

    /** The encoder's weights get the prefix that the wanted architecture has; heads that it does not have are left out. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec network, Map<String, TensorView> stored) {
        var spec = (EncoderSpec) network;
        Set<String> names = new HashSet<>();
        Parameters.of(spec.withOwnHead()).forEach(p -> names.add(p.name()));
        return Families.renamed(stored, view -> {
            String name = view.name();
            if (name.startsWith("head.") || name.startsWith("decoder.") || name.startsWith("classifier.")) {
                return Optional.of(name).filter(names::contains);
            }
            return Optional.of(prefix(spec) + (name.startsWith("model.") ? name.substring("model.".length()) : name));
        });
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    public String ggufArchitecture() {
        return "modern-bert";
    }

    @Override
    public String ggufEpsilon() {
        return "attention.layer_norm_epsilon";
    }

    /** llama.cpp has no biases here, GELU or SiLU, and of heads that of classes over the mean. */
    @Override
    public boolean runsInLlamaCpp(EncoderSpec spec) {
        boolean head = switch (spec.head()) {
            case Head.None none -> true;
            case Head.Classes classes -> classes.mean() && !classes.dense().orElseThrow().bias() && classes.dense().get().activation() == Activation.GELU;
            case Head.MaskedTokens tokens -> false;
            case Head.Tags tags -> false;
            case Head.Spans spans -> false;
        };
        Layer first = spec.layer(0);
        return head && first.mlp() instanceof Mlp.Dense mlp && !mlp.bias() && !first.attention().qkvBias() && (mlp.activation() == Activation.GELU || mlp.activation() == Activation.SILU)
                && spec.stack().layers().stream().allMatch(layer -> layer.attention().pattern() == null);
    }

    @Override
    public EncoderSpec read(GgufFile file) {
        String at = ggufArchitecture() + ".";
        GgufMetadata metadata = file.metadata();
        GgufShape shape = GgufShape.read(file, at, false);
        if (shape.kvHeads() != shape.heads() || (long) shape.headDim() * shape.heads() != shape.hidden() || shape.headDim() % 2 != 0) {
            throw metadata.wrong(at + "attention.head_count", "a divisor of embedding_length " + shape.hidden() + " that leaves heads of even width, and no fewer key heads");
        }
        String named = metadata.text(at + ACTIVATION).orElse("gelu");
        if (!named.equals("gelu") && !named.equals("silu")) {
            throw metadata.wrong(at + ACTIVATION, "gelu or silu");
        }
        int window = metadata.integer(at + WINDOW, 0, MOST, 0);
        List<Boolean> locals = new ArrayList<>();
        boolean each = metadata.values().get(at + PATTERN) instanceof GgufValue.Numbers;
        long[] pattern = each ? metadata.wholes(at + PATTERN, shape.layers()) : null;
        int every = each ? 0 : metadata.integer(at + PATTERN, 0, MOST, 3);
        for (int layer = 0; layer < shape.layers(); layer++) {
            locals.add(window > 1 && (each ? pattern[layer] != 0 : every == 0 || layer % every != 0));
        }
        var mlp = new Mlp.Dense(shape.inner(), named.equals("silu") ? Activation.SILU : Activation.GELU, true, false);
        Stack stack = stack(new Attention(shape.heads(), shape.heads(), shape.headDim(), false, false, false, 0), mlp, locals, window,
                metadata.positive(at + THETA + "_swa", 10_000), metadata.positive(at + THETA, 10_000), metadata.positive(at + ggufEpsilon()), shape.contextLength());
        return new EncoderSpec(this, stack, shape.vocab(), 0, metadata.tokenId("tokenizer.ggml.padding_token_id", shape.vocab()).orElse(0), GgufHead.classes(file, at, true));
    }

    @Override
    public void write(EncoderSpec spec, String at, Map<String, GgufValue> metadata) {
        metadata.put(at + ACTIVATION, GgufValue.of(spec.activation() == Activation.SILU ? "silu" : "gelu"));
        metadata.put(at + THETA, GgufValue.of((float) ((Positions.Rotary) spec.stack().positions()).rope().theta()));
        List<Attention> layers = spec.stack().layers().stream().map(Layer::attention).toList();
        Optional<Attention> local = layers.stream().filter(attention -> attention.turn() instanceof Turn.Own).findFirst();
        if (local.isEmpty()) {
            return;
        }
        metadata.put(at + THETA + "_swa", GgufValue.of((float) ((Turn.Own) local.get().turn()).rope().theta()));
        metadata.put(at + WINDOW, GgufValue.of(local.get().window()));
        byte[] pattern = new byte[layers.size()];
        for (int layer = 0; layer < pattern.length; layer++) {
            pattern[layer] = (byte) (layers.get(layer).turn() instanceof Turn.Own ? 1 : 0);
        }
        metadata.put(at + PATTERN, new GgufValue.Numbers(GgufValue.Type.BOOL, pattern));
    }
}
