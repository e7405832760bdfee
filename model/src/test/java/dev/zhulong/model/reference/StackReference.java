package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import java.util.Map;

/**
 * The relatives of Llama that norm elsewhere, scale, cap, and turn in some layers alone: Gemma 1 to 3 (Gemma Team 2024, 2025), Granite 3, OLMo 2 (Walsh et
 * al. 2025), SmolLM 3, Command R, ERNIE 4.5. Each weight is asked for by its published name.
 */
public record StackReference(DecoderSpec spec, Map<String, double[]> weights) implements ReferenceDecoder {
    @Override
    public double[][] logits(int[] ids) {
        var scales = spec.stack().scales();
        int hidden = spec.hiddenSize();
        double[] embedding = weights.get("model.embed_tokens.weight");
        double[][] x = new double[ids.length][hidden];
        for (int t = 0; t < ids.length; t++) {
            for (int i = 0; i < hidden; i++) {
                x[t][i] = embedding[ids[t] * hidden + i] * scales.embedding();
            }
        }
        for (int l = 0; l < spec.layers(); l++) {
            String at = "model.layers." + l + ".";
            double[][] seen = norm(x, at + "input_layernorm");
            double[][] given = attention(seen, at + "self_attn.", l);
            switch (spec.stack().place()) {
                case BEFORE -> {
                    x = add(x, given);
                    x = add(x, mlp(norm(x, at + "post_attention_layernorm"), at + "mlp."));
                }
                case AROUND -> {
                    x = add(x, norm(given, at + "post_attention_layernorm"));
                    x = add(x, norm(mlp(norm(x, at + "pre_feedforward_layernorm"), at + "mlp."), at + "post_feedforward_layernorm"));
                }
                case RESULT -> {
                    x = add(x, norm(attention(x, at + "self_attn.", l), at + "post_attention_layernorm"));
                    x = add(x, norm(mlp(x, at + "mlp."), at + "post_feedforward_layernorm"));
                }
                case PARALLEL -> x = add(add(x, given), mlp(seen, at + "mlp."));
                case AFTER -> throw new IllegalArgumentException("no such decoder");
            }
        }
        double[][] logits = Arithmetic.linear(norm(x, "model.norm"), spec.tiedEmbeddings() ? embedding : weights.get("lm_head.weight"), null, spec.vocabSize());
        for (double[] row : logits) {
            for (int i = 0; i < row.length; i++) {
                row[i] = capped(row[i] * scales.logits(), scales.softcap());
            }
        }
        return logits;
    }

    private static double capped(double value, double cap) {
        return cap == 0 ? value : cap * Math.tanh(value / cap);
    }

    private double[][] add(double[][] x, double[][] given) {
        double[][] scaled = new double[given.length][];
        for (int t = 0; t < given.length; t++) {
            scaled[t] = given[t].clone();
            for (int i = 0; i < scaled[t].length; i++) {
                scaled[t][i] *= spec.stack().scales().residual();
            }
        }
        return Arithmetic.add(x, scaled);
    }

    /** The rows as they are where there is no such norm. */
    private double[][] norm(double[][] x, String name) {
        double[] weight = weights.get(name + ".weight");
        if (weight == null) {
            return x;
        }
        double[][] y = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            y[t] = norm(x[t], 0, x[t].length, weight, 0);
        }
        return y;
    }

    /** @param first of the weights that are used */
    private double[] norm(double[] x, int from, int n, double[] weight, int first) {
        double mean = 0;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            mean += spec.norm() == Norm.LAYER ? x[from + i] / n : 0;
        }
        for (int i = 0; i < n; i++) {
            squares += (x[from + i] - mean) * (x[from + i] - mean);
        }
        double[] y = new double[n];
        for (int i = 0; i < n; i++) {
            double factor = weight[first + i] + (spec.norm() == Norm.RMS_LESS_ONE ? 1 : 0);
            y[i] = (x[from + i] - mean) / Math.sqrt(squares / n + spec.normEpsilon()) * factor;
        }
        return y;
    }

    private void normHeads(double[][] x, double[] weight, Attention a) {
        for (double[] row : x) {
            int n = a.headNorm() == HeadNorm.ROW ? row.length : a.headDim();
            for (int from = 0; from < row.length; from += n) {
                System.arraycopy(norm(row, from, n, weight, a.headNorm() == HeadNorm.HEAD ? 0 : from), 0, row, from, n);
            }
        }
    }

    private double[][] attention(double[][] x, String at, int layer) {
        Attention a = spec.layer(layer).attention();
        double[][] q = project(x, at + "q_proj", a.width());
        double[][] k = project(x, at + "k_proj", a.kvWidth());
        double[][] v = project(x, at + "v_proj", a.kvWidth());
        if (a.headNorm() != HeadNorm.NONE) {
            normHeads(q, weights.get(at + "q_norm.weight"), a);
            normHeads(k, weights.get(at + "k_norm.weight"), a);
        }
        Rope rope = spec.stack().rope(layer);
        for (int t = 0; rope != null && t < x.length; t++) {
            turn(q[t], rope, a.headDim(), t);
            turn(k[t], rope, a.headDim(), t);
        }
        double[][] out = new double[x.length][a.width()];
        for (int i = 0; i < x.length; i++) {
            for (int h = 0; h < a.heads(); h++) {
                attend(q, k, v, out[i], i, h, a);
            }
        }
        return project(out, at + "o_proj", spec.hiddenSize());
    }

    private static void attend(double[][] q, double[][] k, double[][] v, double[] out, int i, int h, Attention a) {
        int d = a.headDim();
        int kv = h / (a.heads() / a.kvHeads()) * d;
        int first = a.window() == 0 ? 0 : Math.max(0, i - a.window() + 1);
        double sum = 0;
        double[] p = new double[i + 1];
        for (int j = first; j <= i; j++) {
            double dot = 0;
            for (int c = 0; c < d; c++) {
                dot += q[i][h * d + c] * k[j][kv + c];
            }
            p[j] = Math.exp(capped(dot * (a.scale() == 0 ? 1 / Math.sqrt(d) : a.scale()), a.softcap()));
            sum += p[j];
        }
        for (int j = first; j <= i; j++) {
            for (int c = 0; c < d; c++) {
                out[h * d + c] += p[j] / sum * v[j][kv + c];
            }
        }
    }

    private static void turn(double[] row, Rope rope, int d, int position) {
        for (int head = 0; head < row.length; head += d) {
            for (int i = 0; i < rope.rotaryDims() / 2; i++) {
                double angle = position * Math.pow(rope.theta(), -2.0 * i / rope.rotaryDims());
                int one = head + (rope.neighbours() ? 2 * i : i);
                int other = head + (rope.neighbours() ? 2 * i + 1 : i + rope.rotaryDims() / 2);
                double a = row[one];
                double b = row[other];
                row[one] = a * Math.cos(angle) - b * Math.sin(angle);
                row[other] = b * Math.cos(angle) + a * Math.sin(angle);
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
