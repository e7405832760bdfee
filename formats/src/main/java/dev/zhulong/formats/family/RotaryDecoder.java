package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.RopeConfig;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.gguf.GgufFamily;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufRope;
import dev.zhulong.formats.gguf.GgufShape;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * What the Llama-like families share: RMSNorm before attention and MLP, rotary positions, grouped-query attention and a gated MLP, under the names of
 * Llama (Touvron et al. 2023). A family says where it differs. What its writer forgets is refused when the config is written, since it is read back.
 */
public abstract class RotaryDecoder extends DecoderWeights implements GgufFamily {

    /**
     * What transformers assumes where config.json is silent; -1 for none.
     *
     * @param theta   base of the rotary angles
     * @param epsilon of the norms
     * @param tied    whether the head is the embedding
     */
    public record Defaults(int kvHeads, int headDim, int contextLength, int bos, int eos, double theta, double epsilon, boolean tied) {
        /** As Llama has the rest. */
        public Defaults(int kvHeads, int headDim, int contextLength, int bos, int eos) {
            this(kvHeads, headDim, contextLength, bos, eos, 10_000, 1e-6, false);
        }
    }

    protected abstract Defaults defaults();

    // ---- the stack ---------------------------------------------------------------------------------------------------------------------------

    /** The norms. */
    @Override
    protected Norm norm() {
        return Norm.RMS;
    }

    /** Where they stand. */
    protected NormPlace place() {
        return NormPlace.BEFORE;
    }

    /** The same, where a model of the family may differ from another. */
    protected NormPlace place(JsonFields config) {
        return place();
    }

    /** The field of their epsilon. */
    protected String epsilonField() {
        return "rms_norm_eps";
    }

    /** Their epsilon. */
    protected double epsilon(JsonFields config) {
        return config.positive(epsilonField(), defaults().epsilon);
    }

    /** Whether neighbouring dimensions turn together. */
    protected boolean neighbours() {
        return false;
    }

    /** How positions turn queries and keys. */
    protected Rope rope(JsonFields config, int headDim, int contextLength) {
        return RopeConfig.read(config, headDim, contextLength, defaults().theta, absentShare());
    }

    /** The share of a head that turns where config.json is silent. */
    protected double absentShare() {
        return 1;
    }

    /** Puts the fields that {@link #rope} reads. */
    protected void writeRope(DecoderSpec spec, ObjectNode config) {
        RopeConfig.write(config, spec.rope(), spec.headDim(), spec.contextLength());
        if (absentShare() != 1) {
            RopeConfig.writeShare(config, spec.rope(), spec.headDim());
        }
    }

    /** What the stream is multiplied by. */
    protected Scales scales(JsonFields config, int hidden) {
        return Scales.NONE;
    }

    /** Puts the fields that {@link #scales} reads. */
    protected void writeScales(DecoderSpec spec, ObjectNode config) {}

    // ---- attention ---------------------------------------------------------------------------------------------------------------------------

    /** Biases of the attention. */
    public record Biases(boolean qkv, boolean output) {}

    protected abstract Biases attentionBias(JsonFields config);

    /** Puts the field that {@link #attentionBias} reads; refuses biases that the family does not have. */
    protected abstract void writeAttentionBias(DecoderSpec spec, ObjectNode config);

    /** The norm of queries and keys, where all of the family have the same. */
    protected HeadNorm headNorm() {
        return HeadNorm.NONE;
    }

    /** What the attention of all layers has besides. @param plain with the family's biases and {@link #headNorm} */
    protected Attention attention(JsonFields config, Attention plain) {
        return plain;
    }

    /** Puts the fields that {@link #attention} and {@link #attentions} read, but for {@link #windows}. */
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {}

    /** Per layer: how many tokens each position attends to; 0 for all. */
    protected List<Integer> windows(JsonFields config, int layers) {
        return Collections.nCopies(layers, 0);
    }

    /** Puts the fields that {@link #windows} reads. @param window the one size there is; null for none */
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        require(spec, window == null, "windows", 0, spec.windows());
    }

    /** The attention of each layer. @param all what they have in common */
    protected List<Attention> attentions(JsonFields config, Attention all, int layers, int contextLength) {
        return windows(config, layers).stream().map(all::withWindow).toList();
    }

    // ---- MLP ---------------------------------------------------------------------------------------------------------------------------------

    /** Whether MLPs may have biases. */
    protected boolean mayHaveMlpBias() {
        return false;
    }

    /** The field that says whether they have. */
    protected String mlpBiasField() {
        return "mlp_bias";
    }

    /** The field of the activation. */
    protected String activationField() {
        return "hidden_act";
    }

    /** The activation. */
    protected Activation activation(JsonFields config) {
        return ConfigFields.activation(config, activationField(), "silu");
    }

    /** Puts the field that {@link #activation} reads. */
    protected void writeActivation(DecoderSpec spec, ObjectNode config) {
        config.put(activationField(), ConfigFields.name(spec.activation(), "gelu_pytorch_tanh"));
    }

    /** Whether MLPs have a gate. */
    protected boolean gated() {
        return true;
    }

    /** What follows the attention. */
    protected Mlp mlp(JsonFields config) {
        return dense(config, "intermediate_size");
    }

    /** What follows the attention of each layer. */
    protected List<Mlp> mlps(JsonFields config, int layers) {
        return Collections.nCopies(layers, mlp(config));
    }

    /** Puts the fields that {@link #mlp} reads, but for the width and the activation. */
    protected void writeMlp(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.layer(0).mlp() instanceof Mlp.Dense, "mlp", "one for all tokens", "experts");
        require(spec, mayHaveMlpBias() || !spec.mlpBias(), "mlpBias", false, spec.mlpBias());
        if (mayHaveMlpBias()) {
            config.put(mlpBiasField(), spec.mlpBias());
        }
    }

    protected final Mlp.Dense dense(JsonFields config, String width) {
        return new Mlp.Dense(config.integer(width, 1, MOST), activation(config), gated(), mayHaveMlpBias() && config.flag(mlpBiasField(), false));
    }

    // ---- config.json -------------------------------------------------------------------------------------------------------------------------

    @Override
    public DecoderSpec read(JsonFields config) {
        Defaults absent = defaults();
        int hidden = config.integer("hidden_size", 1, MOST);
        int layers = config.integer("num_hidden_layers", 1, MOST_LAYERS);
        int heads = config.integer("num_attention_heads", 1, MOST);
        int kvHeads = kvHeads(config, heads);
        int vocab = config.integer("vocab_size", 1, MOST);
        int context = config.integer("max_position_embeddings", 1, MOST, absent.contextLength);
        int headDim = headDim(config, hidden, heads);
        if ((long) heads * headDim > MOST) {
            throw config.wrong("num_attention_heads", "heads of " + headDim + " that are at most " + MOST + " wide together", heads);
        }
        Rope rope = rope(config, headDim, context).withNeighbours(neighbours());
        Biases biases = attentionBias(config);
        var plain = new Attention(heads, kvHeads, headDim, biases.qkv, biases.output, false, 0).withHeadNorm(headNorm());
        List<Attention> attentions = attentions(config, attention(config, plain), layers, context);
        return new DecoderSpec(this, stack(place(config), hidden, attentions, mlps(config, layers), epsilon(config), rope,
                context, scales(config, hidden)), vocab, config.flag("tie_word_embeddings", absent.tied), ConfigFields.bos(config, vocab, absent.bos),
                eos(config, vocab));
    }

    /** Heads of keys and of values, a divisor of {@code heads}. */
    protected int kvHeads(JsonFields config, int heads) {
        int absent = config.has("num_key_value_heads") || defaults().kvHeads < 0 ? heads : defaults().kvHeads;
        int kvHeads = config.integer("num_key_value_heads", 1, MOST, absent);
        if (heads % kvHeads != 0) {
            throw config.wrong("num_key_value_heads", "a divisor of num_attention_heads " + heads, kvHeads);
        }
        return kvHeads;
    }

    /** Whether a head may be of another width than hidden size / heads. */
    protected boolean mayHaveHeadDim() {
        return true;
    }

    /** Ids that end a sequence. */
    protected List<Integer> eos(JsonFields config, int vocab) {
        return ConfigFields.eos(config, vocab, defaults().eos);
    }

    private Stack stack(NormPlace place, int hidden, List<Attention> attentions, List<Mlp> mlps, double epsilon, Rope rope, int context, Scales scales) {
        var layers = new ArrayList<Layer>();
        for (int layer = 0; layer < attentions.size(); layer++) {
            layers.add(new Layer(attentions.get(layer), mlps.get(layer)));
        }
        return new Stack(hidden, layers, norm(), epsilon, place, new Positions.Rotary(rope), context, scales);
    }

    /** Width of a head. */
    protected int headDim(JsonFields config, int hidden, int heads) {
        int absent = defaults().headDim;
        if (config.isSet("head_dim")) {
            int headDim = config.integer("head_dim", 1, MOST);
            if (!mayHaveHeadDim() && (long) headDim * heads != hidden) {
                throw config.wrong("head_dim", "hidden_size / num_attention_heads, as all " + title() + " models have it", headDim);
            }
            return headDim;
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
        require(spec, spec.norm() == norm(), "norm", norm(), spec.norm());
        require(spec, spec.gatedMlp() == gated(), "gatedMlp", gated(), spec.gatedMlp());
        require(spec, spec.rope() != null, "rope", "rotary positions", null);
        config.put("vocab_size", spec.vocabSize());
        config.put("hidden_size", spec.hiddenSize());
        config.put("intermediate_size", spec.intermediateSize());
        config.put("num_hidden_layers", spec.layers());
        config.put("num_attention_heads", spec.heads());
        config.put("num_key_value_heads", spec.kvHeads());
        config.put("head_dim", spec.headDim());
        config.put("max_position_embeddings", spec.contextLength());
        config.put(epsilonField(), spec.normEpsilon());
        config.put("initializer_range", 0.02);
        config.put("attention_dropout", 0.0);
        writeActivation(spec, config);
        writeRope(spec, config);
        writeScales(spec, config);
        writeAttentionBias(spec, config);
        writeAttention(spec, config);
        writeMlp(spec, config);
        List<Integer> sizes = spec.windows().stream().filter(window -> window != 0).distinct().toList();
        require(spec, sizes.size() <= 1 && (sizes.isEmpty() || sizes.getFirst() > 0), "windows", "0 or one size", spec.windows());
        writeWindows(spec, sizes.isEmpty() ? null : sizes.getFirst(), config);
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    protected boolean interleaved() {
        return ggufArchitecture().equals("llama");
    }

    /** Whether all layers of a GGUF file have its window. */
    protected boolean hasWindowInGguf() {
        return true;
    }

    /** The activation of all files. */
    protected Activation ggufActivation() {
        return Activation.SILU;
    }

    /** Where norms stand, in GGUF. */
    protected NormPlace place(GgufKeys keys) {
        return place();
    }

    /** What follows the attention, in GGUF. */
    protected Mlp mlp(GgufKeys keys) {
        return new Mlp.Dense(keys.shape().inner(), ggufActivation(), gated(), keys.hasTensor("blk.0.ffn_down.bias"));
    }

    /** What follows the attention of each layer, in GGUF. */
    protected List<Mlp> mlps(GgufKeys keys) {
        return Collections.nCopies(keys.shape().layers(), mlp(keys));
    }

    /** The attention of each layer, in GGUF. @param plain with the biases there are and {@link #headNorm} */
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        return Collections.nCopies(keys.shape().layers(), plain.withWindow(keys.integer("attention.sliding_window", 0, MOST, 0)));
    }

    /** What the stream is multiplied by, in GGUF. */
    protected Scales scales(GgufKeys keys) {
        return Scales.NONE;
    }

    /** Puts the keys that {@link #scales(GgufKeys)} reads. */
    protected void writeScales(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {}

    @Override
    public String ggufEpsilon() {
        return "attention.layer_norm_rms_epsilon";
    }

    @Override
    public DecoderSpec read(GgufFile file) {
        String at = file.metadata().architecture() + ".";
        GgufShape shape = GgufShape.read(file, at, repeatsTiedHead());
        Rope rope = GgufRope.read(file, at, shape.headDim(), shape.contextLength(), interleaved());
        return read(new GgufKeys(file.metadata(), at, shape, rope.withNeighbours(neighbours()), file.tensors()::containsKey));
    }

    @Override
    public DecoderSpec read(GgufKeys keys) {
        GgufShape shape = keys.shape();
        var plain = new Attention(shape.heads(), shape.kvHeads(), shape.headDim(), keys.hasTensor("blk.0.attn_q.bias") || keys.hasTensor("blk.0.attn_qkv.bias"),
                keys.hasTensor("blk.0.attn_output.bias"), false, 0).withHeadNorm(headNorm());
        return new DecoderSpec(this, stack(place(keys), shape.hidden(), attentions(keys, plain), mlps(keys), keys.positive(ggufEpsilon()), keys.rope(),
                shape.contextLength(), scales(keys)), shape.vocab(), shape.tied(), shape.bos(), shape.eos());
    }

    @Override
    public void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        requireInGguf("norm", norm(), spec.norm());
        requireInGguf("activation", ggufActivation(), spec.activation());
        requireInGguf("gatedMlp", gated(), spec.gatedMlp());
        requireInGguf("rotary positions", true, spec.rope() != null);
        requireBiasesInGguf(spec);
        // llama.cpp refuses anything else of its llama architecture, whose rows are interleaved over the whole head.
        requireInGguf("rotaryDims", interleaved() ? spec.headDim() : spec.rope().rotaryDims(), spec.rope().rotaryDims());
        metadata.put(at + "attention.key_length", GgufValue.of(spec.headDim()));
        metadata.put(at + "attention.value_length", GgufValue.of(spec.headDim()));
        writeAttentions(spec, at, metadata);
        writeScales(spec, at, metadata);
        GgufRope.write(metadata, at, spec.rope());
    }

    /** Puts the keys that {@link #attentions(GgufKeys, Attention)} reads. */
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        int window = spec.windows().getFirst();
        requireInGguf("windows", Collections.nCopies(spec.layers(), hasWindowInGguf() ? window : 0), spec.windows());
        if (window > 0) {
            metadata.put(at + "attention.sliding_window", GgufValue.of(window));
        }
    }

    /** Refuses biases, or their absence, that the GGUF architecture does not have; the llama architecture may have any. */
    protected void requireBiasesInGguf(DecoderSpec spec) {}

    protected final void requireInGguf(String field, Object expected, Object found) {
        GgufFamily.require(ggufArchitecture(), field, expected, found);
    }
}
