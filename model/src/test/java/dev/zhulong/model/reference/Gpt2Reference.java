package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec;
import java.util.Arrays;
import java.util.Map;

/** GPT-2 (Radford et al. 2019): norms before each part, learned positions, matrices stored [in, out], q, k and v side by side. */
record Gpt2Reference(DecoderSpec spec, Map<String, double[]> weights) implements ReferenceDecoder {
    @Override
    public double[][] logits(int[] ids) {
        int n = spec.hiddenSize();
        double[] tokens = weights.get("transformer.wte.weight");
        double[] positions = weights.get("transformer.wpe.weight");
        double[][] x = new double[ids.length][n];
        for (int t = 0; t < ids.length; t++) {
            for (int i = 0; i < n; i++) {
                x[t][i] = tokens[ids[t] * n + i] + positions[t * n + i];
            }
        }
        for (int l = 0; l < spec.layers(); l++) {
            String at = "transformer.h." + l + ".";
            x = Arithmetic.add(x, attention(norm(x, at + "ln_1"), at + "attn."));
            x = Arithmetic.add(x, mlp(norm(x, at + "ln_2"), at + "mlp."));
        }
        return Arithmetic.linear(norm(x, "transformer.ln_f"), spec.tiedEmbeddings() ? tokens : weights.get("lm_head.weight"), null,
                spec.vocabSize());
    }

    private double[][] attention(double[][] x, String at) {
        int n = spec.hiddenSize();
        double[][] fused = project(x, at + "c_attn", 3 * n);
        double[][] mixed = Arithmetic.attention(part(fused, 0), part(fused, n), part(fused, 2 * n), spec.heads(), spec.heads(),
                n / spec.heads(), 0);
        return project(mixed, at + "c_proj", n);
    }

    private double[][] part(double[][] fused, int from) {
        return Arrays.stream(fused).map(row -> Arrays.copyOfRange(row, from, from + spec.hiddenSize())).toArray(double[][]::new);
    }

    private double[][] mlp(double[][] x, String at) {
        double[][] inner = project(x, at + "c_fc", spec.intermediateSize());
        for (double[] row : inner) {
            Arrays.setAll(row, i -> Arithmetic.activate(spec.activation(), row[i]));
        }
        return project(inner, at + "c_proj", spec.hiddenSize());
    }

    private double[][] norm(double[][] x, String name) {
        return Arithmetic.layerNorm(x, weights.get(name + ".weight"), weights.get(name + ".bias"), spec.normEpsilon());
    }

    private double[][] project(double[][] x, String name, int out) {
        return Arithmetic.transposedLinear(x, weights.get(name + ".weight"), weights.get(name + ".bias"), out);
    }
}
