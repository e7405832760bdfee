package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a family's parameters are called and how they are laid out: Hugging Face's names and shapes, in the order of its state dictionary.
 *
 * @param embedding  name of the token embedding
 * @param positions  name of the learned positions, or null
 * @param norm       prefix of the final norm
 * @param head       name of the head's weight
 * @param parameters every parameter
 */
public record Architecture(String embedding, String positions, String norm, String head, Map<String, Parameter> parameters) {
    /** How a parameter starts. */
    public enum Init { NORMAL, RESIDUAL, ONE, ZERO }

    /**
     * One parameter.
     *
     * @param shape as stored
     * @param init  NORMAL: N(0, 0.02²); RESIDUAL: that over √(2·layers), for what adds to the residual stream (Radford et al. 2019)
     * @param decay whether weight decay applies: matrices and embeddings, not norms and biases
     */
    public record Parameter(long[] shape, Init init, boolean decay) {}

    /** The architecture of {@code spec}. */
    public static Architecture of(DecoderSpec spec) {
        return switch (spec.family()) {
            case LLAMA, MISTRAL, QWEN2, QWEN3 -> llama(spec);
            case GPT2 -> gpt2(spec);
        };
    }

    /** A layer over {@code tensors}; its projections are noted in {@code linears}. */
    Block block(DecoderSpec spec, int layer, Map<String, Tensor> tensors, Map<String, Linear> linears) {
        return switch (spec.family()) {
            case LLAMA, MISTRAL, QWEN2, QWEN3 -> new LlamaBlock(spec, layer, tensors, linears);
            case GPT2 -> new Gpt2Block(spec, layer, tensors, linears);
        };
    }

    /** Trainable elements; a tied head counts once. */
    public long count() {
        return parameters.values().stream().mapToLong(p -> {
            long n = 1;
            for (long s : p.shape) {
                n *= s;
            }
            return n;
        }).sum();
    }

    private static Architecture llama(DecoderSpec s) {
        Map<String, Parameter> p = new LinkedHashMap<>();
        long h = s.hiddenSize();
        long qs = (long) s.heads() * s.headDim();
        long kv = (long) s.kvHeads() * s.headDim();
        long f = s.intermediateSize();
        p.put("model.embed_tokens.weight", matrix(Init.NORMAL, s.vocabSize(), h));
        for (int l = 0; l < s.layers(); l++) {
            String at = "model.layers." + l + ".";
            projection(p, at + "self_attn.q_proj", Init.NORMAL, qs, h, s.qkvBias());
            projection(p, at + "self_attn.k_proj", Init.NORMAL, kv, h, s.qkvBias());
            projection(p, at + "self_attn.v_proj", Init.NORMAL, kv, h, s.qkvBias());
            projection(p, at + "self_attn.o_proj", Init.RESIDUAL, h, qs, s.outputBias());
            if (s.qkNorm()) {
                p.put(at + "self_attn.q_norm.weight", vector(Init.ONE, s.headDim()));
                p.put(at + "self_attn.k_norm.weight", vector(Init.ONE, s.headDim()));
            }
            projection(p, at + "mlp.gate_proj", Init.NORMAL, f, h, s.mlpBias());
            projection(p, at + "mlp.up_proj", Init.NORMAL, f, h, s.mlpBias());
            projection(p, at + "mlp.down_proj", Init.RESIDUAL, h, f, s.mlpBias());
            p.put(at + "input_layernorm.weight", vector(Init.ONE, h));
            p.put(at + "post_attention_layernorm.weight", vector(Init.ONE, h));
        }
        p.put("model.norm.weight", vector(Init.ONE, h));
        if (!s.tiedEmbeddings()) {
            p.put("lm_head.weight", matrix(Init.NORMAL, s.vocabSize(), h));
        }
        return new Architecture("model.embed_tokens.weight", null, "model.norm", "lm_head.weight", p);
    }

    private static Architecture gpt2(DecoderSpec s) {
        Map<String, Parameter> p = new LinkedHashMap<>();
        long h = s.hiddenSize();
        p.put("transformer.wte.weight", matrix(Init.NORMAL, s.vocabSize(), h));
        p.put("transformer.wpe.weight", matrix(Init.NORMAL, s.contextLength(), h));
        for (int l = 0; l < s.layers(); l++) {
            String at = "transformer.h." + l + ".";
            norm(p, at + "ln_1", h);
            transposed(p, at + "attn.c_attn", Init.NORMAL, h, 3 * h);
            transposed(p, at + "attn.c_proj", Init.RESIDUAL, h, h);
            norm(p, at + "ln_2", h);
            transposed(p, at + "mlp.c_fc", Init.NORMAL, h, s.intermediateSize());
            transposed(p, at + "mlp.c_proj", Init.RESIDUAL, s.intermediateSize(), h);
        }
        norm(p, "transformer.ln_f", h);
        if (!s.tiedEmbeddings()) {
            p.put("lm_head.weight", matrix(Init.NORMAL, s.vocabSize(), h));
        }
        return new Architecture("transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f", "lm_head.weight", p);
    }

    private static Parameter matrix(Init init, long... shape) {
        return new Parameter(shape, init, true);
    }

    private static Parameter vector(Init init, long n) {
        return new Parameter(new long[] {n}, init, false);
    }

    private static void projection(Map<String, Parameter> p, String name, Init init, long out, long in, boolean bias) {
        p.put(name + ".weight", matrix(init, out, in));
        if (bias) {
            p.put(name + ".bias", vector(Init.ZERO, out));
        }
    }

    private static void transposed(Map<String, Parameter> p, String name, Init init, long in, long out) {
        p.put(name + ".weight", matrix(init, in, out));
        p.put(name + ".bias", vector(Init.ZERO, out));
    }

    private static void norm(Map<String, Parameter> p, String name, long n) {
        p.put(name + ".weight", vector(Init.ONE, n));
        p.put(name + ".bias", vector(Init.ZERO, n));
    }

    /** Names of the parameters that weight decay applies to. */
    public List<String> decayed() {
        List<String> names = new ArrayList<>();
        parameters.forEach((name, p) -> {
            if (p.decay) {
                names.add(name);
            }
        });
        return names;
    }
}
