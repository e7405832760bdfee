package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import java.util.Map;

/** Llama (Touvron et al. 2023) and its relatives: Mistral's window, Qwen2's biases, Qwen3's norms of queries and keys. */
record LlamaReference(DecoderSpec spec, Map<String, double[]> weights) implements ReferenceDecoder {
    @Override
    public double[][] logits(int[] ids) {
        int hidden = spec.hiddenSize();
        double[] embedding = weights.get("model.embed_tokens.weight");
        double[][] x = new double[ids.length][hidden];
        for (int t = 0; t < ids.length; t++) {
            System.arraycopy(embedding, ids[t] * hidden, x[t], 0, hidden);
        }
        for (int l = 0; l < spec.layers(); l++) {
            String at = "model.layers." + l + ".";
            double[][] normed = Arithmetic.rmsNorm(x, weights.get(at + "input_layernorm.weight"), spec.normEpsilon());
            x = Arithmetic.add(x, attention(normed, at + "self_attn.", spec.windows().get(l)));
            normed = Arithmetic.rmsNorm(x, weights.get(at + "post_attention_layernorm.weight"), spec.normEpsilon());
            x = Arithmetic.add(x, mlp(normed, at + "mlp."));
        }
        x = Arithmetic.rmsNorm(x, weights.get("model.norm.weight"), spec.normEpsilon());
        return Arithmetic.linear(x, spec.tiedEmbeddings() ? embedding : weights.get("lm_head.weight"), null, spec.vocabSize());
    }

    private double[][] attention(double[][] x, String at, int window) {
        int d = spec.headDim();
        double[][] q = project(x, at + "q_proj", spec.heads() * d);
        double[][] k = project(x, at + "k_proj", spec.kvHeads() * d);
        double[][] v = project(x, at + "v_proj", spec.kvHeads() * d);
        if (spec.family() == Family.of("qwen3")) {
            normHeads(q, weights.get(at + "q_norm.weight"));
            normHeads(k, weights.get(at + "k_norm.weight"));
        }
        RotaryAngles angles = RotaryAngles.of(spec.rope(), x.length);
        for (int t = 0; t < x.length; t++) {
            angles.rotate(q[t], d, t);
            angles.rotate(k[t], d, t);
        }
        return project(Arithmetic.attention(q, k, v, spec.heads(), spec.kvHeads(), d, window), at + "o_proj", spec.hiddenSize());
    }

    private void normHeads(double[][] x, double[] weight) {
        int d = spec.headDim();
        for (double[] row : x) {
            for (int from = 0; from < row.length; from += d) {
                System.arraycopy(Arithmetic.rmsNorm(row, from, d, weight, spec.normEpsilon()), 0, row, from, d);
            }
        }
    }

    private double[][] mlp(double[][] x, String at) {
        double[][] gate = project(x, at + "gate_proj", spec.intermediateSize());
        double[][] up = project(x, at + "up_proj", spec.intermediateSize());
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < gate[t].length; i++) {
                gate[t][i] = Arithmetic.activate(spec.activation(), gate[t][i]) * up[t][i];
            }
        }
        return project(gate, at + "down_proj", spec.hiddenSize());
    }

    private double[][] project(double[][] x, String name, int out) {
        return Arithmetic.linear(x, weights.get(name + ".weight"), weights.get(name + ".bias"), out);
    }
}
