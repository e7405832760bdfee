package dev.zhulong.model.reference;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Positions.RelativeBias;
import java.util.Arrays;
import java.util.Map;

/**
 * T5 (Raffel et al. 2020): RMS norms before, scores that are not divided, a learned number a head for each range of distances in self-attention alone, one
 * table a stack. Each weight is asked for by its published name.
 *
 * @param weights by name, row by row
 */
public record T5Reference(EncoderDecoderSpec spec, Map<String, double[]> weights) {
    /**
     * Logits after each token of {@code target}.
     *
     * @param visible which tokens of {@code source} are no padding
     */
    public double[][] logits(int[] source, boolean[] visible, int[] target) {
        double[][] encoded = stack("encoder.", spec.encoder(), embed(source), visible, null, null);
        double[][] x = stack("decoder.", spec.decoder(), embed(target), null, encoded, visible);
        boolean tied = spec.tiedEmbeddings();
        if (tied) {
            for (double[] row : x) {
                for (int i = 0; i < row.length; i++) {
                    row[i] /= Math.sqrt(row.length);
                }
            }
        }
        return Arithmetic.linear(x, weights.get(tied ? "shared.weight" : "lm_head.weight"), null, spec.vocabSize());
    }

    private double[][] embed(int[] ids) {
        int hidden = spec.hiddenSize();
        return Arrays.stream(ids).mapToObj(id -> Arrays.copyOfRange(weights.get("shared.weight"), id * hidden, (id + 1) * hidden)).toArray(double[][]::new);
    }

    /** @param visible tokens of its own that are seen; null for all before and itself */
    private double[][] stack(String at, Stack stack, double[][] x, boolean[] visible, double[][] encoded, boolean[] visibleThere) {
        double[] table = weights.get(at + "block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        for (int l = 0; l < stack.layers().size(); l++) {
            String block = at + "block." + l + ".layer.";
            double[][] h = norm(x, block + "0.layer_norm", stack);
            x = Arithmetic.add(x, attention(h, h, block + "0.SelfAttention.", stack, l, table, visible, encoded != null));
            if (encoded != null) {
                x = Arithmetic.add(x, attention(norm(x, block + "1.layer_norm", stack), encoded, block + "1.EncDecAttention.", stack, l, null, visibleThere, false));
            }
            String last = block + (encoded == null ? 1 : 2) + ".";
            x = Arithmetic.add(x, mlp(norm(x, last + "layer_norm", stack), last + "DenseReluDense.", (Mlp.Dense) stack.layers().get(l).mlp(), stack.hiddenSize()));
        }
        return norm(x, at + "final_layer_norm", stack);
    }

    private double[][] norm(double[][] x, String name, Stack stack) {
        return Arithmetic.rmsNorm(x, weights.get(name + ".weight"), stack.normEpsilon());
    }

    private double[][] attention(double[][] x, double[][] there, String at, Stack stack, int layer, double[] table, boolean[] visible, boolean causal) {
        int heads = stack.layers().get(layer).attention().heads();
        int d = stack.layers().get(layer).attention().headDim();
        double[][] q = Arithmetic.linear(x, weights.get(at + "q.weight"), null, heads * d);
        double[][] k = Arithmetic.linear(there, weights.get(at + "k.weight"), null, heads * d);
        double[][] v = Arithmetic.linear(there, weights.get(at + "v.weight"), null, heads * d);
        double[][] out = new double[x.length][heads * d];
        for (int i = 0; i < x.length; i++) {
            for (int h = 0; h < heads; h++) {
                double[] scores = new double[there.length];
                Arrays.fill(scores, Double.NEGATIVE_INFINITY);
                for (int j = 0; j < there.length; j++) {
                    if (causal && j > i || visible != null && !visible[j]) {
                        continue;
                    }
                    scores[j] = table == null ? 0 : table[range((RelativeBias) stack.positions(), j - i, !causal) * heads + h];
                    for (int c = 0; c < d; c++) {
                        scores[j] += q[i][h * d + c] * k[j][h * d + c];
                    }
                }
                double most = Arrays.stream(scores).max().orElseThrow();
                double sum = Arrays.stream(scores).map(s -> Math.exp(s - most)).sum();
                for (int j = 0; j < there.length; j++) {
                    for (int c = 0; c < d; c++) {
                        out[i][h * d + c] += Math.exp(scores[j] - most) / sum * v[j][h * d + c];
                    }
                }
            }
        }
        return Arithmetic.linear(out, weights.get(at + "o.weight"), null, stack.hiddenSize());
    }

    /**
     * By whole numbers: of n ranges, half are for one distance each and the rest end at equal ratios up to the farthest. Distance d lies in range e + i where
     * (farthest / e)^i ≤ (d / e)^(n - e) &lt; (farthest / e)^(i + 1).
     */
    private static int range(RelativeBias bias, int distance, boolean bothWays) {
        int n = bothWays ? bias.buckets() / 2 : bias.buckets();
        int base = bothWays && distance > 0 ? n : 0;
        int far = bothWays ? Math.abs(distance) : Math.max(0, -distance);
        int e = n / 2;
        int range = far;
        if (far >= e) {
            range = e;
            while (range < n - 1 && (range - e + 1) * Math.log((double) bias.farthest() / e) <= (n - e) * Math.log((double) far / e) + 1e-12) {
                range++;
            }
        }
        return base + range;
    }

    private double[][] mlp(double[][] x, String at, Mlp.Dense shape, int hidden) {
        double[][] wide = Arithmetic.linear(x, weights.get(at + (shape.gated() ? "wi_0" : "wi") + ".weight"), null, shape.width());
        double[][] up = shape.gated() ? Arithmetic.linear(x, weights.get(at + "wi_1.weight"), null, shape.width()) : null;
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < shape.width(); i++) {
                wide[t][i] = Arithmetic.activate(shape.activation(), wide[t][i]) * (up == null ? 1 : up[t][i]);
            }
        }
        return Arithmetic.linear(wide, weights.get(at + "wo.weight"), null, hidden);
    }
}
