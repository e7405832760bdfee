package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.RopeConfig;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufFamily;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufRope;
import dev.zhulong.formats.gguf.GgufShape;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the Llama-like families share: pre-norm with RMSNorm, rotary positions, grouped-query attention and a gated MLP, under the names of Llama
 * (Touvron et al. 2023). A family says where it differs.
 */
public abstract class RotaryDecoder implements Family, GgufFamily {

    /** What transformers assumes where config.json is silent; -1 for none. */
    public record Defaults(int kvHeads, int headDim, int contextLength, int bos, int eos) {}

    protected abstract Defaults defaults();

    /** Biases of the attention. */
    public record Biases(boolean qkv, boolean output) {}

    protected abstract Biases attentionBias(JsonFields config);

    /** Puts the field that {@link #attentionBias} reads; refuses biases that the family does not have. */
    protected abstract void writeAttentionBias(DecoderSpec spec, ObjectNode config);

    /** Per layer: how many tokens each position attends to; 0 for all. */
    protected List<Integer> windows(JsonFields config, int layers) {
        return Collections.nCopies(layers, 0);
    }

    /** Puts the fields that {@link #windows} reads. @param window the one size there is; null for none */
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        require(spec, window == null, "windows", 0, spec.windows());
    }

    /** Whether each head of query and key is normalised. */
    protected boolean headNorm() {
        return false;
    }

    /** Whether MLPs may have biases. */
    protected boolean mayHaveMlpBias() {
        return false;
    }

    /** What follows the attention. */
    protected Mlp mlp(JsonFields config) {
        return dense(config, "intermediate_size");
    }

    /** Puts the fields that {@link #mlp} reads, but for the width and the activation. */
    protected void writeMlp(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.layer(0).mlp() instanceof Mlp.Dense, "mlp", "one for all tokens", "experts");
        require(spec, mayHaveMlpBias() || !spec.mlpBias(), "mlpBias", false, spec.mlpBias());
        if (mayHaveMlpBias()) {
            config.put("mlp_bias", spec.mlpBias());
        }
    }

    /** Adds the MLP's weights of a layer. @param at the layer's prefix, such as {@code model.layers.0.} */
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        dense(list, spec, (Mlp.Dense) mlp, at + "mlp.gate_proj", at + "mlp.up_proj", at + "mlp.down_proj", gguf, "");
    }

    /** @param suffix of the names in GGUF */
    static void dense(ParameterList list, DecoderSpec spec, Mlp.Dense mlp, String gate, String up, String down, String gguf, String suffix) {
        long hidden = spec.hiddenSize();
        list.projection(Role.GATE, gate, gguf + "ffn_gate" + suffix, Init.NORMAL, Layout.SAME, mlp.width(), hidden, mlp.bias());
        list.projection(Role.UP, up, gguf + "ffn_up" + suffix, Init.NORMAL, Layout.SAME, mlp.width(), hidden, mlp.bias());
        list.projection(Role.DOWN, down, gguf + "ffn_down" + suffix, Init.RESIDUAL, Layout.SAME, hidden, mlp.width(), mlp.bias());
    }

    protected final Mlp.Dense dense(JsonFields config, String width) {
        return new Mlp.Dense(config.integer(width, 1, MOST), ConfigFields.activation(config, "hidden_act", "silu"), true,
                mayHaveMlpBias() && config.flag("mlp_bias", false));
    }

    @Override
    public DecoderSpec read(JsonFields config) {
        Defaults absent = defaults();
        int hidden = config.integer("hidden_size", 1, MOST);
        int layers = config.integer("num_hidden_layers", 1, MOST_LAYERS);
        int heads = config.integer("num_attention_heads", 1, MOST);
        int absentKvHeads = config.has("num_key_value_heads") || absent.kvHeads < 0 ? heads : absent.kvHeads;
        int kvHeads = config.integer("num_key_value_heads", 1, MOST, absentKvHeads);
        if (heads % kvHeads != 0) {
            throw config.wrong("num_key_value_heads", "a divisor of num_attention_heads " + heads, kvHeads);
        }
        int vocab = config.integer("vocab_size", 1, MOST);
        int context = config.integer("max_position_embeddings", 1, MOST, absent.contextLength);
        int headDim = headDim(config, hidden, heads, absent.headDim);
        if ((long) heads * headDim > MOST) {
            throw config.wrong("num_attention_heads", "heads of " + headDim + " that are at most " + MOST + " wide together", heads);
        }
        Rope rope = RopeConfig.read(config, headDim, context);
        Biases biases = attentionBias(config);
        Mlp mlp = mlp(config);
        var attention = new Attention(heads, kvHeads, headDim, biases.qkv, biases.output, headNorm(), 0);
        return new DecoderSpec(this, stack(hidden, attention, windows(config, layers), mlp, config.positive("rms_norm_eps", 1e-6), rope, context), vocab,
                config.flag("tie_word_embeddings", false), ConfigFields.bos(config, vocab, absent.bos), ConfigFields.eos(config, vocab, absent.eos));
    }

    private static Stack stack(int hidden, Attention attention, List<Integer> windows, Mlp mlp, double epsilon, Rope rope, int context) {
        var layers = new ArrayList<Layer>();
        for (int window : windows) {
            layers.add(new Layer(attention.withWindow(window), mlp));
        }
        return new Stack(hidden, layers, Norm.RMS, epsilon, NormPlace.BEFORE, new Positions.Rotary(rope), context);
    }

    private static int headDim(JsonFields config, int hidden, int heads, int absent) {
        if (config.isSet("head_dim")) {
            return config.integer("head_dim", 1, MOST);
        }
        if (!config.has("head_dim") && absent > 0) {
            return absent;
        }
        if (hidden % heads != 0) {
            throw config.wrong("num_attention_heads", "a divisor of hidden_size " + hidden + ", or a head_dim", heads);
        }
        return hidden / heads;
    }

    @Override
    public void write(NetworkSpec network, ObjectNode config) {
        var spec = (DecoderSpec) network;
        ConfigFields.requireUniform(spec);
        require(spec, spec.norm() == Norm.RMS, "norm", "RMS", spec.norm());
        require(spec, spec.gatedMlp(), "gatedMlp", true, false);
        require(spec, spec.rope() != null, "rope", "rotary positions", null);
        require(spec, spec.qkNorm() == headNorm(), "qkNorm", headNorm(), spec.qkNorm());
        config.put("vocab_size", spec.vocabSize());
        config.put("hidden_size", spec.hiddenSize());
        config.put("intermediate_size", spec.intermediateSize());
        config.put("num_hidden_layers", spec.layers());
        config.put("num_attention_heads", spec.heads());
        config.put("num_key_value_heads", spec.kvHeads());
        config.put("head_dim", spec.headDim());
        config.put("max_position_embeddings", spec.contextLength());
        config.put("rms_norm_eps", spec.normEpsilon());
        config.put("hidden_act", ConfigFields.name(spec.activation(), "gelu_pytorch_tanh"));
        config.put("initializer_range", 0.02);
        config.put("attention_dropout", 0.0);
        RopeConfig.write(config, spec.rope(), spec.headDim(), spec.contextLength());
        writeAttentionBias(spec, config);
        writeMlp(spec, config);
        List<Integer> sizes = spec.windows().stream().filter(window -> window != 0).distinct().toList();
        require(spec, sizes.size() <= 1 && (sizes.isEmpty() || sizes.getFirst() > 0), "windows", "0 or one size", spec.windows());
        writeWindows(spec, sizes.isEmpty() ? null : sizes.getFirst(), config);
    }

    @Override
    public List<Parameter> parameters(NetworkSpec network) {
        var spec = (DecoderSpec) network;
        var list = new ParameterList();
        long hidden = spec.hiddenSize();
        list.matrix(Role.EMBED, "model.embed_tokens", "token_embd", Init.NORMAL, spec.vocabSize(), hidden);
        for (int l = 0; l < spec.layers(); l++) {
            list.layer(l);
            Layer layer = spec.layer(l);
            Attention a = layer.attention();
            String at = "model.layers." + l + ".";
            String gguf = "blk." + l + ".";
            Layout rotary = interleaved() ? Layout.INTERLEAVED : Layout.SAME;
            list.projection(Role.Q, at + "self_attn.q_proj", gguf + "attn_q", Init.NORMAL, rotary, a.width(), hidden, a.qkvBias());
            list.projection(Role.K, at + "self_attn.k_proj", gguf + "attn_k", Init.NORMAL, rotary, a.kvWidth(), hidden, a.qkvBias());
            list.projection(Role.V, at + "self_attn.v_proj", gguf + "attn_v", Init.NORMAL, Layout.SAME, a.kvWidth(), hidden, a.qkvBias());
            list.projection(Role.OUT, at + "self_attn.o_proj", gguf + "attn_output", Init.RESIDUAL, Layout.SAME, hidden, a.width(), a.outputBias());
            if (a.headNorm() != Stack.HeadNorm.NONE) {
                list.norm(Role.Q_NORM, at + "self_attn.q_norm", gguf + "attn_q_norm", a.headDim(), false);
                list.norm(Role.K_NORM, at + "self_attn.k_norm", gguf + "attn_k_norm", a.headDim(), false);
            }
            mlpParameters(list, spec, layer.mlp(), at, gguf);
            list.expert(-1);
            list.norm(Role.NORM1, at + "input_layernorm", gguf + "attn_norm", hidden, false);
            list.norm(Role.NORM2, at + "post_attention_layernorm", gguf + "ffn_norm", hidden, false);
        }
        list.layer(-1);
        list.norm(Role.FINAL_NORM, "model.norm", "output_norm", hidden, false);
        if (!spec.tiedEmbeddings()) {
            list.matrix(Role.HEAD, "lm_head", "output", Init.NORMAL, spec.vocabSize(), hidden);
        }
        return list.all();
    }

    /** Rotary frequencies, which older versions saved, follow from the configuration. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Families.renamed(stored, view -> view.name().endsWith(".rotary_emb.inv_freq") ? Optional.empty() : Optional.of(view.name()));
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    /** Whether GGUF has queries and keys interleaved, as its llama architecture does. */
    protected boolean interleaved() {
        return ggufArchitecture().equals("llama");
    }

    /** Whether all layers of a GGUF file have its window. */
    protected boolean hasWindowInGguf() {
        return true;
    }

    /** What follows the attention, in GGUF. */
    protected Mlp mlp(GgufFile file, GgufShape shape) {
        return new Mlp.Dense(shape.inner(), Activation.SILU, true, file.tensors().containsKey("blk.0.ffn_down.bias"));
    }

    @Override
    public String ggufEpsilon() {
        return "attention.layer_norm_rms_epsilon";
    }

    @Override
    public DecoderSpec read(GgufFile file) {
        String at = ggufArchitecture() + ".";
        GgufMetadata metadata = file.metadata();
        GgufShape shape = GgufShape.read(file, at);
        Rope rope = GgufRope.read(file, at, shape.headDim(), shape.contextLength(), interleaved());
        var attention = new Attention(shape.heads(), shape.kvHeads(), shape.headDim(), file.tensors().containsKey("blk.0.attn_q.bias"),
                file.tensors().containsKey("blk.0.attn_output.bias"), headNorm(), 0);
        List<Integer> windows = Collections.nCopies(shape.layers(), metadata.integer(at + "attention.sliding_window", 0, MOST, 0));
        return new DecoderSpec(this, stack(shape.hidden(), attention, windows, mlp(file, shape), metadata.positive(at + ggufEpsilon()), rope,
                shape.contextLength()), shape.vocab(), shape.tied(), shape.bos(), shape.eos());
    }

    @Override
    public void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        requireInGguf("norm", Norm.RMS, spec.norm());
        requireInGguf("activation", Activation.SILU, spec.activation());
        requireInGguf("gatedMlp", true, spec.gatedMlp());
        requireInGguf("rotary positions", true, spec.rope() != null);
        requireInGguf("qkNorm", headNorm(), spec.qkNorm());
        requireBiasesInGguf(spec);
        // llama.cpp refuses anything else of its llama architecture, whose rows are interleaved over the whole head.
        requireInGguf("rotaryDims", interleaved() ? spec.headDim() : spec.rope().rotaryDims(), spec.rope().rotaryDims());
        int window = spec.windows().getFirst();
        requireInGguf("windows", Collections.nCopies(spec.layers(), hasWindowInGguf() ? window : 0), spec.windows());
        metadata.put(at + "attention.key_length", GgufValue.of(spec.headDim()));
        metadata.put(at + "attention.value_length", GgufValue.of(spec.headDim()));
        if (window > 0) {
            metadata.put(at + "attention.sliding_window", GgufValue.of(window));
        }
        GgufRope.write(metadata, at, spec.rope());
    }

    /** Refuses biases, or their absence, that the GGUF architecture does not have; the llama architecture may have any. */
    protected void requireBiasesInGguf(DecoderSpec spec) {}

    protected final void requireInGguf(String field, Object expected, Object found) {
        GgufFamily.require(ggufArchitecture(), field, expected, found);
    }
}
