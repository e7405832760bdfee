package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The weights of Llama-like families: under the names of Llama (Touvron et al. 2023) in directories and in GGUF files, where a family names no others. */
abstract class DecoderWeights implements Family {
    /** Kind of the norms. */
    protected abstract Norm norm();

    /** Whether GGUF has queries and keys interleaved, as its llama architecture does. */
    protected abstract boolean interleaved();

    @Override
    public List<Parameter> parameters(NetworkSpec network) {
        var spec = (DecoderSpec) network;
        var list = new ParameterList();
        long hidden = spec.hiddenSize();
        list.matrix(Role.EMBED, embedName(), "token_embd", Init.NORMAL, spec.vocabSize(), hidden);
        for (int l = 0; l < spec.layers(); l++) {
            list.layer(l);
            Layer layer = spec.layer(l);
            String at = layersName() + "." + l + ".";
            String gguf = "blk." + l + ".";
            attentionParameters(list, spec, layer.attention(), at, gguf);
            mlpParameters(list, spec, layer.mlp(), at, gguf);
            list.expert(-1);
            if (norm() != Norm.LAYER_PLAIN) {
                normParameters(list, spec, at, gguf);
            }
        }
        list.layer(-1);
        if (norm() != Norm.LAYER_PLAIN) {
            norm(list, Role.FINAL_NORM, finalNormName(), "output_norm", hidden);
        }
        if (!spec.tiedEmbeddings()) {
            list.matrix(Role.HEAD, headName(), "output", Init.NORMAL, spec.vocabSize(), hidden);
        }
        if (headBias()) {
            list.bias(Role.HEAD, headName(), "output", Layout.SAME, spec.vocabSize());
        }
        return list.all();
    }

    /** The embedding's module. */
    protected String embedName() {
        return "model.embed_tokens";
    }

    /** The layers' module. */
    protected String layersName() {
        return "model.layers";
    }

    /** The last norm's module. */
    protected String finalNormName() {
        return "model.norm";
    }

    /** The head's module. */
    protected String headName() {
        return "lm_head";
    }

    /** Whether the head has a bias, its own where its matrix is the embedding's too. */
    protected boolean headBias() {
        return false;
    }

    /** Adds the attention's weights of a layer. @param at the layer's prefix, such as {@code model.layers.0.} */
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        long hidden = spec.hiddenSize();
        Layout rotary = interleaved() ? Layout.INTERLEAVED : Layout.SAME;
        list.projection(Role.Q, at + "self_attn.q_proj", gguf + "attn_q", Init.NORMAL, rotary, a.width(), hidden, a.qkvBias());
        list.projection(Role.K, at + "self_attn.k_proj", gguf + "attn_k", Init.NORMAL, rotary, a.kvWidth(), hidden, a.qkvBias());
        list.projection(Role.V, at + "self_attn.v_proj", gguf + "attn_v", Init.NORMAL, Layout.SAME, a.kvWidth(), hidden, a.qkvBias());
        list.projection(Role.OUT, at + "self_attn.o_proj", gguf + "attn_output", Init.RESIDUAL, Layout.SAME, hidden, a.width(), a.outputBias());
        headNormParameters(list, a, at + "self_attn.q_norm", at + "self_attn.k_norm", gguf);
    }

    /** Adds the norms of queries and keys, where the attention has them. */
    protected final void headNormParameters(ParameterList list, Attention a, String queries, String keys, String gguf) {
        switch (a.headNorm()) {
            case NONE -> { }
            case HEAD, TURNED_HEAD -> {
                norm(list, Role.Q_NORM, queries, gguf + "attn_q_norm", a.headDim());
                norm(list, Role.K_NORM, keys, gguf + "attn_k_norm", a.headDim());
            }
            case EACH_HEAD -> {
                norm(list, Role.Q_NORM, queries, gguf + "attn_q_norm", a.heads(), a.headDim());
                norm(list, Role.K_NORM, keys, gguf + "attn_k_norm", a.kvHeads(), a.headDim());
            }
            case ROW -> {
                norm(list, Role.Q_NORM, queries, gguf + "attn_q_norm", a.width());
                norm(list, Role.K_NORM, keys, gguf + "attn_k_norm", a.kvWidth());
            }
        }
    }

    /** Adds the MLP's weights of a layer. @param at the layer's prefix, such as {@code model.layers.0.} */
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        dense(list, spec, (Mlp.Dense) mlp, at + "mlp.gate_proj", at + "mlp.up_proj", at + "mlp.down_proj", gguf, "");
    }

    /** @param suffix of the names in GGUF */
    static void dense(ParameterList list, DecoderSpec spec, Mlp.Dense mlp, String gate, String up, String down, String gguf, String suffix) {
        long hidden = spec.hiddenSize();
        if (mlp.gated()) {
            list.projection(Role.GATE, gate, gguf + "ffn_gate" + suffix, Init.NORMAL, Layout.SAME, mlp.width(), hidden, mlp.bias());
        }
        list.projection(Role.UP, up, gguf + "ffn_up" + suffix, Init.NORMAL, Layout.SAME, mlp.width(), hidden, mlp.bias());
        list.projection(Role.DOWN, down, gguf + "ffn_down" + suffix, Init.RESIDUAL, Layout.SAME, hidden, mlp.width(), mlp.bias());
    }

    /** Adds the norms of a layer; by their {@link #place} transformers calls them differently. */
    protected void normParameters(ParameterList list, DecoderSpec spec, String at, String gguf) {
        long hidden = spec.hiddenSize();
        switch (spec.stack().place()) {
            case AROUND -> {
                norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", hidden);
                norm(list, Role.NORM1_RESULT, at + "post_attention_layernorm", gguf + "post_attention_norm", hidden);
                norm(list, Role.NORM2, at + "pre_feedforward_layernorm", gguf + "ffn_norm", hidden);
                norm(list, Role.NORM2_RESULT, at + "post_feedforward_layernorm", gguf + "post_ffw_norm", hidden);
            }
            case RESULT -> {
                norm(list, Role.NORM1_RESULT, at + "post_attention_layernorm", gguf + "post_attention_norm", hidden);
                norm(list, Role.NORM2_RESULT, at + "post_feedforward_layernorm", gguf + "post_ffw_norm", hidden);
            }
            case PARALLEL -> norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", hidden);
            case BEFORE, AFTER -> {
                norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", hidden);
                norm(list, Role.NORM2, at + "post_attention_layernorm", gguf + "ffn_norm", hidden);
            }
        }
    }

    /** Whether norms have biases. */
    protected boolean normBias() {
        return false;
    }

    /** Adds a norm of the family's kind. */
    protected final void norm(ParameterList list, Role role, String name, String gguf, long... shape) {
        list.norm(role, name, gguf, norm() == Norm.RMS_LESS_ONE || norm() == Norm.LAYER_LESS_ONE, normBias(), shape);
    }

    /** Rotary frequencies, which older versions saved, follow from the configuration. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Families.renamed(stored, view -> view.name().endsWith(".rotary_emb.inv_freq") ? Optional.empty() : Optional.of(view.name()));
    }
}
