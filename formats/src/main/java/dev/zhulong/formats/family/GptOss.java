package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * gpt-oss (OpenAI 2025): sinks beside the attention of each head, a window in every other layer, experts with biases and a clamped SwiGLU. Its files
 * hold the experts of a layer together, in floats or in blocks of four bits ({@link StackedExperts}).
 */
public final class GptOss extends SparseDecoder {
    private static final double BALANCE = 0.001;
    private static final String EXPERTS = "mlp.experts";
    private static final Routing ROUTING = new Routing(Routing.Score.SOFTMAX, true, true, false, 1, 1, 1, 1);

    @Override
    public String modelType() {
        return "gpt_oss";
    }

    @Override
    public List<String> architectures() {
        return List.of("GptOssForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "gpt-oss";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(8, 64, 131_072, -1, -1, 150_000, 1e-5, false);
    }

    @Override
    protected int absentWidth() {
        return 2880;
    }

    /** One flag for all four. */
    @Override
    protected Biases attentionBias(JsonFields config) {
        boolean bias = config.flag("attention_bias", true);
        return new Biases(bias, bias);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.qkvBias() == spec.outputBias(), "outputBias", "as qkvBias " + spec.qkvBias(), spec.outputBias());
        config.put("attention_bias", spec.qkvBias());
    }

    /** YaRN where the file says nothing. */
    @Override
    protected Rope rope(JsonFields config, int headDim, int contextLength) {
        if (config.isSet("rope_parameters") || config.isSet("rope_scaling")) {
            return super.rope(config, headDim, contextLength);
        }
        ObjectNode whole = config.object().deepCopy();
        whole.set("rope_scaling", JsonNodeFactory.instance.objectNode().put("rope_type", "yarn").put("factor", 32.0).put("beta_fast", 32.0).put("beta_slow", 1.0)
                .put("truncate", false).put("original_max_position_embeddings", 4096));
        return super.rope(new JsonFields(config.file(), config.prefix(), whole), headDim, contextLength);
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withSinks();
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Sliding.windows(config, Sliding.layers(config, layers, layer -> layer % 2 == 0), 128);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        Sliding.write(spec, window, config);
    }

    @Override
    protected Activation activation(JsonFields config) {
        if (config.isSet("swiglu_limit") && config.number("swiglu_limit") != Activation.LIMIT) {
            throw config.wrong("swiglu_limit", String.valueOf(Activation.LIMIT), config.node("swiglu_limit"));
        }
        return Activation.CLAMPED_SWIGLU;
    }

    /** The experts compute what they compute, whatever the field says. */
    @Override
    protected void writeActivation(DecoderSpec spec, ObjectNode config) {
        config.put("hidden_act", "silu");
    }

    @Override
    protected Sparse experts(JsonFields config, Mlp.Dense dense, int layers) {
        int experts = config.integer(config.named("num_local_experts", "num_experts"), 1, ConfigFields.MOST_EXPERTS / layers, 128);
        return new Sparse(mixture(experts, config.integer("num_experts_per_tok", 1, experts, 4), dense.width(), balance(config, BALANCE)), layer -> true);
    }

    private static Mlp.Experts mixture(int count, int chosen, int width, double balance) {
        return new Mlp.Experts(count, chosen, new Mlp.Dense(width, Activation.CLAMPED_SWIGLU, true, true), balance, ROUTING, null, false);
    }

    @Override
    protected void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config) {
        config.put("num_local_experts", mixture.count()).put("num_experts_per_tok", mixture.chosen());
    }

    // ---- weights -----------------------------------------------------------------------------------------------------------------------------

    @Override
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        list.vector(Role.SINKS, at + "self_attn.sinks", gguf + "attn_sinks.weight", a.heads());
        super.attentionParameters(list, spec, a, at, gguf);
    }

    @Override
    protected void normParameters(ParameterList list, DecoderSpec spec, String at, String gguf) {
        norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", spec.hiddenSize());
        norm(list, Role.NORM2, at + "post_attention_layernorm", gguf + "post_attention_norm", spec.hiddenSize());
    }

    @Override
    protected String router(String module) {
        return module + ".router";
    }

    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return StackedExperts.apart(spec, EXPERTS, stored);
    }

    @Override
    public boolean decodes(String method) {
        return method.equals("mxfp4");
    }

    @Override
    public Map<String, TensorView> stored(NetworkSpec spec, Map<String, TensorView> weights) {
        return StackedExperts.together(spec, EXPERTS, weights);
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    protected Activation ggufActivation() {
        return Activation.CLAMPED_SWIGLU;
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        var layers = new ArrayList<Attention>();
        int window = keys.integer("attention.sliding_window", 1, MOST);
        for (int layer = 0; layer < keys.shape().layers(); layer++) {
            layers.add(plain.withSinks().withWindow(layer % 2 == 0 ? window : 0));
        }
        return layers;
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        metadata.put(at + "attention.sliding_window", GgufValue.of(spec.windows().getFirst()));
    }

    @Override
    protected Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense) {
        return mixture(count, chosen, keys.integer("expert_feed_forward_length", 1, MOST, dense.width()), BALANCE);
    }

    @Override
    protected void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata) {}

    /** The ends of YaRN's ramp are not cut in this family, which the metadata cannot say. */
    @Override
    public DecoderSpec read(GgufKeys keys) {
        return withTruncation(super.read(keys), false);
    }

    @Override
    public void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        super.write(withTruncation(spec, true), at, metadata);
    }

    private static DecoderSpec withTruncation(DecoderSpec spec, boolean truncate) {
        if (!(spec.rope().scaling() instanceof Scaling.Yarn y)) {
            return spec;
        }
        return spec.withRope(new Rope(spec.rope().theta(), spec.rope().rotaryDims(),
                new Scaling.Yarn(y.factor(), y.originalContext(), y.betaFast(), y.betaSlow(), y.attentionFactor(), truncate), spec.rope().neighbours()));
    }
}
