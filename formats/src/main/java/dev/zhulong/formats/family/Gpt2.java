package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.ConfigFields.refuse;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufFamily;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufShape;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** GPT-2 (Radford et al. 2019): learned positions, LayerNorm, biases everywhere, projections stored input by output. */
public final class Gpt2 implements Family, GgufFamily {
    private static final Pattern CONSTANT = Pattern.compile("(transformer\\.)?h\\.\\d+\\.attn\\.(bias|masked_bias)");

    @Override
    public String modelType() {
        return "gpt2";
    }

    @Override
    public List<String> architectures() {
        return List.of("GPT2LMHeadModel");
    }

    @Override
    public DecoderSpec read(JsonFields config) {
        refuse(config, "scale_attn_by_inverse_layer_idx", false);
        refuse(config, "reorder_and_upcast_attn", false);
        refuse(config, "add_cross_attention", false);
        refuse(config, "scale_attn_weights", true);
        int hidden = config.integer(config.named("n_embd", "hidden_size"), 1, MOST);
        int layers = config.integer(config.named("n_layer", "num_hidden_layers"), 1, MOST_LAYERS);
        String headsField = config.named("n_head", "num_attention_heads");
        int heads = config.integer(headsField, 1, MOST);
        if (hidden % heads != 0) {
            throw config.wrong(headsField, "a divisor of the hidden size " + hidden, heads);
        }
        if (!config.isSet("n_inner") && hidden > MOST / 4) {
            throw config.wrong("n_embd", "a whole number from 1 to " + MOST / 4, hidden);
        }
        int vocab = config.integer("vocab_size", 1, MOST);
        return spec(vocab, hidden, layers, heads, config.integer("n_inner", 1, MOST, 4 * hidden),
                config.integer(config.named("n_positions", "max_position_embeddings"), 1, MOST, 1024),
                config.positive("layer_norm_epsilon", 1e-5), ConfigFields.ungated(config, "activation_function", "gelu_new"),
                config.flag("tie_word_embeddings", true), ConfigFields.bos(config, vocab, 50_256), ConfigFields.eos(config, vocab, 50_256));
    }

    private DecoderSpec spec(int vocab, int hidden, int layers, int heads, int inner, int context, double epsilon, Activation activation, boolean tied,
            int bos, List<Integer> eos) {
        return new DecoderSpec(this, vocab, hidden, layers, heads, heads, hidden / heads, inner, context, Norm.LAYER, epsilon, activation, false, null,
                tied, true, true, true, false, Collections.nCopies(layers, 0), bos, eos);
    }

    @Override
    public void write(NetworkSpec network, ObjectNode config) {
        var spec = (DecoderSpec) network;
        ConfigFields.requireUniform(spec);
        require(spec, spec.norm() == Norm.LAYER, "norm", "LAYER", spec.norm());
        require(spec, !spec.gatedMlp(), "gatedMlp", false, true);
        require(spec, spec.rope() == null, "rope", "learned positions", spec.rope());
        require(spec, spec.qkvBias() && spec.outputBias() && spec.mlpBias(), "biases", "all three", "fewer");
        require(spec, !spec.qkNorm(), "qkNorm", false, true);
        require(spec, spec.kvHeads() == spec.heads(), "kvHeads", spec.heads(), spec.kvHeads());
        require(spec, (long) spec.headDim() * spec.heads() == spec.hiddenSize(), "headDim", "hiddenSize / heads", spec.headDim());
        require(spec, spec.windows().stream().allMatch(window -> window == 0), "windows", 0, spec.windows());
        config.put("vocab_size", spec.vocabSize());
        config.put("n_embd", spec.hiddenSize());
        config.put("n_layer", spec.layers());
        config.put("n_head", spec.heads());
        config.put("n_inner", spec.intermediateSize());
        config.put("n_positions", spec.contextLength());
        config.put("n_ctx", spec.contextLength());
        config.put("layer_norm_epsilon", spec.normEpsilon());
        config.put("activation_function", ConfigFields.name(spec.activation(), "gelu_new"));
        config.put("initializer_range", 0.02);
        config.put("attn_pdrop", 0.0).put("embd_pdrop", 0.0).put("resid_pdrop", 0.0);
        config.put("scale_attn_weights", true);
    }

    @Override
    public List<Parameter> parameters(NetworkSpec network) {
        var spec = (DecoderSpec) network;
        var list = new ParameterList();
        long hidden = spec.hiddenSize();
        list.matrix(Role.EMBED, "transformer.wte", "token_embd", Init.NORMAL, spec.vocabSize(), hidden);
        list.matrix(Role.POSITIONS, "transformer.wpe", "position_embd", Init.NORMAL, spec.contextLength(), hidden);
        for (int l = 0; l < spec.layers(); l++) {
            list.layer(l);
            long inner = spec.layer(l).mlp().width();
            String at = "transformer.h." + l + ".";
            String gguf = "blk." + l + ".";
            list.norm(Role.NORM1, at + "ln_1", gguf + "attn_norm", hidden, true);
            list.projection(Role.QKV, at + "attn.c_attn", gguf + "attn_qkv", Init.NORMAL, Layout.TRANSPOSED, 3 * hidden, hidden, true);
            list.projection(Role.OUT, at + "attn.c_proj", gguf + "attn_output", Init.RESIDUAL, Layout.TRANSPOSED, hidden, hidden, true);
            list.norm(Role.NORM2, at + "ln_2", gguf + "ffn_norm", hidden, true);
            list.projection(Role.UP, at + "mlp.c_fc", gguf + "ffn_up", Init.NORMAL, Layout.TRANSPOSED, inner, hidden, true);
            list.projection(Role.DOWN, at + "mlp.c_proj", gguf + "ffn_down", Init.RESIDUAL, Layout.TRANSPOSED, hidden, inner, true);
        }
        list.layer(-1);
        list.norm(Role.FINAL_NORM, "transformer.ln_f", "output_norm", hidden, true);
        if (!spec.tiedEmbeddings()) {
            list.matrix(Role.HEAD, "lm_head", "output", Init.NORMAL, spec.vocabSize(), hidden);
        }
        return list.all();
    }

    /** The first files lack the outer prefix; older versions saved the causal mask, with the number that stands for minus infinity. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Families.renamed(stored, view -> isConstant(view) ? Optional.empty()
                : Optional.of(view.name().startsWith("transformer.") || view.name().startsWith("lm_head.") ? view.name() : "transformer." + view.name()));
    }

    private static boolean isConstant(TensorView view) {
        long[] shape = view.shape();
        boolean mask = shape.length == 4 && shape[0] == 1 && shape[1] == 1 && shape[2] == shape[3];
        return CONSTANT.matcher(view.name()).matches() && (mask || view.elements() == 1);
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    public String ggufArchitecture() {
        return "gpt2";
    }

    @Override
    public String ggufEpsilon() {
        return "attention.layer_norm_epsilon";
    }

    /** llama.cpp wants a head of its own, so files of tied models hold the embedding twice. */
    @Override
    public boolean repeatsTiedHead() {
        return true;
    }

    @Override
    public DecoderSpec read(GgufFile file) {
        GgufShape shape = GgufShape.read(file, "gpt2.", true);
        if (shape.kvHeads() != shape.heads() || (long) shape.headDim() * shape.heads() != shape.hidden()) {
            throw file.metadata().wrong("gpt2.attention.head_count", "a divisor of embedding_length " + shape.hidden() + " and no fewer key heads");
        }
        return spec(shape.vocab(), shape.hidden(), shape.layers(), shape.heads(), shape.inner(), shape.contextLength(),
                file.metadata().positive("gpt2." + ggufEpsilon()), Activation.GELU_TANH, shape.tied(), shape.bos(), shape.eos());
    }

    @Override
    public void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        requireInGguf("layers that differ", false, !spec.stack().isUniform());
        requireInGguf("norm", Norm.LAYER, spec.norm());
        requireInGguf("activation", Activation.GELU_TANH, spec.activation());
        requireInGguf("gatedMlp", false, spec.gatedMlp());
        requireInGguf("rotary positions", false, spec.rope() != null);
        requireInGguf("qkNorm", false, spec.qkNorm());
        requireInGguf("qkvBias", true, spec.qkvBias());
        requireInGguf("outputBias", true, spec.outputBias());
        requireInGguf("mlpBias", true, spec.mlpBias());
        requireInGguf("kvHeads", spec.heads(), spec.kvHeads());
        requireInGguf("headDim", spec.hiddenSize() / spec.heads(), spec.headDim());
        requireInGguf("windows", Collections.nCopies(spec.layers(), 0), spec.windows());
    }

    private static void requireInGguf(String field, Object expected, Object found) {
        GgufFamily.require("gpt2", field, expected, found);
    }
}
