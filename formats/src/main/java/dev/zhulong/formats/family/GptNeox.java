package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.RopeConfig;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * GPT-NeoX and Pythia (Black et al. 2022): attention and MLP side by side, each on a LayerNorm of its own, queries, keys and values of each head together
 * in one matrix, a quarter of each head turns.
 */
public final class GptNeox extends LayerNormDecoder {
    private static final String PARALLEL = "use_parallel_residual";
    /** Where transformers holds the head since version 5; files keep the older name. */
    private static final String LATER_HEAD = "lm_head";

    @Override
    public String modelType() {
        return "gpt_neox";
    }

    @Override
    public List<String> architectures() {
        return List.of("GPTNeoXForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "gptneox";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, 0, 2, 10_000, 1e-5, false);
    }

    @Override
    protected NormPlace place(JsonFields config) {
        return config.flag(PARALLEL, true) ? NormPlace.PARALLEL : NormPlace.BEFORE;
    }

    @Override
    protected boolean mayHaveHeadDim() {
        return false;
    }

    /** Whatever the file says: there are none of their own. */
    @Override
    protected int kvHeads(JsonFields config, int heads) {
        return heads;
    }

    /** Version 4 calls the fields otherwise. */
    @Override
    protected Rope rope(JsonFields config, int headDim, int contextLength) {
        ObjectNode renamed = config.object().deepCopy();
        renamed.remove(List.of("rope_theta", "partial_rotary_factor"));
        if (config.isSet("rotary_emb_base")) {
            renamed.set("rope_theta", config.node("rotary_emb_base"));
        }
        if (config.isSet("rotary_pct")) {
            renamed.set("partial_rotary_factor", config.node("rotary_pct"));
        }
        return RopeConfig.read(new JsonFields(config.file(), config.prefix(), renamed), headDim, contextLength, defaults().theta(), 0.25);
    }

    @Override
    protected void writeRope(DecoderSpec spec, ObjectNode config) {
        RopeConfig.write(config, spec.rope(), spec.headDim(), spec.contextLength());
        RopeConfig.writeShare(config, spec.rope(), spec.headDim());
        config.set("rotary_emb_base", config.remove("rope_theta"));
        config.set("rotary_pct", config.remove("partial_rotary_factor"));
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        boolean biased = config.flag("attention_bias", true);
        return new Biases(biased, biased);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        requireBiases(spec, spec.qkvBias(), spec.qkvBias(), true);
        config.put("attention_bias", spec.qkvBias());
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        config.put(PARALLEL, spec.stack().place() == NormPlace.PARALLEL);
    }

    @Override
    protected boolean gated() {
        return false;
    }

    @Override
    protected Activation activation(JsonFields config) {
        return ConfigFields.ungated(config, activationField(), "gelu");
    }

    @Override
    protected Mlp mlp(JsonFields config) {
        return new Mlp.Dense(config.integer("intermediate_size", 1, MOST), activation(config), false, true);
    }

    @Override
    protected void writeMlp(DecoderSpec spec, ObjectNode config) {}

    // ---- weights -----------------------------------------------------------------------------------------------------------------------------

    @Override
    protected String embedName() {
        return "gpt_neox.embed_in";
    }

    @Override
    protected String layersName() {
        return "gpt_neox.layers";
    }

    @Override
    protected String finalNormName() {
        return "gpt_neox.final_layer_norm";
    }

    @Override
    protected String headName() {
        return "embed_out";
    }

    @Override
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        long hidden = spec.hiddenSize();
        list.projection(Role.QKV, at + "attention.query_key_value", gguf + "attn_qkv", Init.NORMAL, Layout.BY_HEAD, 3L * a.width(), hidden, a.qkvBias());
        list.projection(Role.OUT, at + "attention.dense", gguf + "attn_output", Init.RESIDUAL, Layout.SAME, hidden, a.width(), a.outputBias());
    }

    @Override
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        dense(list, spec, (Mlp.Dense) mlp, null, at + "mlp.dense_h_to_4h", at + "mlp.dense_4h_to_h", gguf, "");
    }

    @Override
    protected void normParameters(ParameterList list, DecoderSpec spec, String at, String gguf) {
        norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", spec.hiddenSize());
        norm(list, Role.NORM2, at + "post_attention_layernorm", gguf + "ffn_norm", spec.hiddenSize());
    }

    /** Older versions saved the causal mask, with the number that stands for minus infinity, and the rotary frequencies. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Families.renamed(stored, view -> switch (view.name()) {
            case String name when name.endsWith(".attention.bias") || name.endsWith(".attention.masked_bias") || name.endsWith(".rotary_emb.inv_freq") ->
                    Optional.empty();
            case String name when name.startsWith(LATER_HEAD + ".") -> Optional.of(headName() + name.substring(LATER_HEAD.length()));
            case String name -> Optional.of(name);
        });
    }

    @Override
    public Map<String, List<String>> together(NetworkSpec spec) {
        var names = new LinkedHashMap<String, List<String>>();
        parameters(spec).forEach(p -> names.put(p.role() == Role.HEAD ? LATER_HEAD + p.name().substring(headName().length()) : p.name(), List.of(p.name())));
        return names;
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    protected Activation ggufActivation() {
        return Activation.GELU;
    }

    @Override
    protected NormPlace place(GgufKeys keys) {
        return keys.flag(PARALLEL, true) ? NormPlace.PARALLEL : NormPlace.BEFORE;
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        metadata.put(at + PARALLEL, GgufValue.of(spec.stack().place() == NormPlace.PARALLEL));
    }

    /** Its attention has biases there. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return spec.qkvBias() && spec.outputBias();
    }
}
