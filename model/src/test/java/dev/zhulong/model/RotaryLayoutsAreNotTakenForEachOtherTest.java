package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Trap 33. Llama was published with rotated pairs side by side, (0, 1), (2, 3) and so on, a complex number each; Hugging Face's converter
 * reorders the rows of queries and keys head by head so that the pairs are (0, half), (1, half + 1). Weights in the first layout, run
 * through complex arithmetic, must give what the same weights, reordered, give here; unreordered they must not. Each of the key's heads
 * is reordered by itself: there are fewer of them than of the query's.
 */
class RotaryLayoutsAreNotTakenForEachOtherTest {
    private static final int SEQ = 12;

    @ParameterizedTest(name = "{0} of {1} dimensions rotate")
    @CsvSource({"8, 8", "6, 12"})
    void pairsSideBySideReorderedAreTheHalves(int rotary, int headDim) {
        DecoderSpec spec = SpecDraft.of(Family.of("llama")).headDim(headDim).rope(10_000, rotary, new Scaling.None()).build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 21); var scope = TensorScope.open(); var off = NoGrad.open()) {
            Map<String, double[]> weights = decoder.weights();
            int[] ids = LoudDecoder.ids(spec, SEQ, 9);
            double[] expected = firstBlocksAttention(spec, weights, ids);

            double[] unordered = attentionOf(decoder, ids);
            double apart = 0;
            for (int i = 0; i < expected.length; i++) {
                apart = Math.max(apart, Math.abs(unordered[i] - expected[i]));
            }
            assertThat(apart).isGreaterThan(0.1);

            for (String name : new String[] {"q_proj", "k_proj"}) {
                reorder(decoder.model().parameters().get("model.layers.0.self_attn." + name + ".weight"), spec);
            }
            assertThat(attentionOf(decoder, ids)).containsExactly(expected, within(1e-4));
        }
    }

    /** What attention adds to the residual stream in the first block: the block's output with its MLP silenced, less its input. */
    private static double[] attentionOf(LoudDecoder decoder, int[] ids) {
        Decoder model = decoder.model();
        model.parameters().get("model.layers.0.mlp.down_proj.weight").zero_();
        Pass context = model.causal(ids.length);
        Tensor[] x = model.parts().get(0).forward(new Tensor[] {Tensor.of(ids, 1, ids.length)}, context);
        float[] before = x[0].toFloats();
        float[] after = model.parts().get(1).forward(x, context)[0].toFloats();
        double[] added = new double[after.length];
        for (int i = 0; i < added.length; i++) {
            added[i] = (double) after[i] - before[i];
        }
        return added;
    }

    /** Rows of each head: what stood at 2i goes to i, what stood at 2i + 1 to half + i; those that do not rotate stay. */
    private static void reorder(Tensor weight, DecoderSpec spec) {
        int d = spec.headDim();
        int half = spec.rope().rotaryDims() / 2;
        int hidden = spec.hiddenSize();
        float[] from = weight.toFloats();
        float[] to = from.clone();
        for (int head = 0; head < from.length / hidden; head += d) {
            for (int i = 0; i < half; i++) {
                System.arraycopy(from, (head + 2 * i) * hidden, to, (head + i) * hidden, hidden);
                System.arraycopy(from, (head + 2 * i + 1) * hidden, to, (head + half + i) * hidden, hidden);
            }
        }
        weight.copy_(Tensor.of(to, weight.shape()));
    }

    /** The first block's attention in float64, pairs side by side, each turned as a complex number. */
    private static double[] firstBlocksAttention(DecoderSpec spec, Map<String, double[]> weights, int[] ids) {
        String at = "model.layers.0.";
        int hidden = spec.hiddenSize();
        int d = spec.headDim();
        double[] embedding = weights.get("model.embed_tokens.weight");
        double[] norm = weights.get(at + "input_layernorm.weight");
        double[][] x = new double[ids.length][hidden];
        for (int t = 0; t < ids.length; t++) {
            double squares = 0;
            for (int i = 0; i < hidden; i++) {
                squares += embedding[ids[t] * hidden + i] * embedding[ids[t] * hidden + i] / hidden;
            }
            for (int i = 0; i < hidden; i++) {
                x[t][i] = norm[i] * embedding[ids[t] * hidden + i] / Math.sqrt(squares + spec.normEpsilon());
            }
        }
        double[][] q = times(x, weights.get(at + "self_attn.q_proj.weight"), spec.heads() * d);
        double[][] k = times(x, weights.get(at + "self_attn.k_proj.weight"), spec.kvHeads() * d);
        double[][] v = times(x, weights.get(at + "self_attn.v_proj.weight"), spec.kvHeads() * d);
        turn(q, spec);
        turn(k, spec);
        double[][] joined = new double[ids.length][spec.heads() * d];
        for (int head = 0; head < spec.heads(); head++) {
            int kv = head / (spec.heads() / spec.kvHeads());
            for (int t = 0; t < ids.length; t++) {
                double[] share = new double[t + 1];
                double total = 0;
                for (int s = 0; s <= t; s++) {
                    double score = 0;
                    for (int i = 0; i < d; i++) {
                        score += q[t][head * d + i] * k[s][kv * d + i];
                    }
                    share[s] = Math.exp(score / Math.sqrt(d));
                    total += share[s];
                }
                for (int s = 0; s <= t; s++) {
                    for (int i = 0; i < d; i++) {
                        joined[t][head * d + i] += share[s] / total * v[s][kv * d + i];
                    }
                }
            }
        }
        double[][] out = times(joined, weights.get(at + "self_attn.o_proj.weight"), hidden);
        double[] flat = new double[ids.length * hidden];
        for (int t = 0; t < ids.length; t++) {
            System.arraycopy(out[t], 0, flat, t * hidden, hidden);
        }
        return flat;
    }

    private static void turn(double[][] x, DecoderSpec spec) {
        int dims = spec.rope().rotaryDims();
        for (int t = 0; t < x.length; t++) {
            for (int head = 0; head < x[t].length; head += spec.headDim()) {
                for (int i = 0; i < dims; i += 2) {
                    double angle = t * Math.pow(spec.rope().theta(), -(double) i / dims);
                    double real = x[t][head + i];
                    double imaginary = x[t][head + i + 1];
                    x[t][head + i] = real * Math.cos(angle) - imaginary * Math.sin(angle);
                    x[t][head + i + 1] = real * Math.sin(angle) + imaginary * Math.cos(angle);
                }
            }
        }
    }

    private static double[][] times(double[][] x, double[] weight, int out) {
        int in = x[0].length;
        double[][] y = new double[x.length][out];
        for (int t = 0; t < x.length; t++) {
            for (int o = 0; o < out; o++) {
                for (int i = 0; i < in; i++) {
                    y[t][o] += weight[o * in + i] * x[t][i];
                }
            }
        }
        return y;
    }
}
