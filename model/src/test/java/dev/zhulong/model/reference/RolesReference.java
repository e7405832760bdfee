package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Scales;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/** Any dense decoder, its weights found by what they do: a token at a time, a head at a time, a key at a time. */
record RolesReference(DecoderSpec spec, Map<String, double[]> weights, Parameters table) implements ReferenceDecoder {
    RolesReference(DecoderSpec spec, Map<String, double[]> weights) {
        this(spec, weights, Parameters.of(spec));
    }

    @Override
    public double[][] logits(int[] ids) {
        Scales scales = spec.stack().scales();
        int hidden = spec.hiddenSize();
        double[] embedding = weights.get(table.get(Role.EMBED).name());
        double[][] x = new double[ids.length][hidden];
        for (int t = 0; t < ids.length; t++) {
            for (int i = 0; i < hidden; i++) {
                x[t][i] = embedding[ids[t] * hidden + i] * scales.embedding();
            }
        }
        for (int l = 0; l < spec.layers(); l++) {
            x = layer(x, l);
        }
        double[] head = spec.tiedEmbeddings() ? embedding : weights.get(table.get(Role.HEAD).name());
        double[][] logits = Arithmetic.linear(norm(x, Role.FINAL_NORM, -1), head, bias(Role.HEAD, -1), spec.vocabSize());
        for (double[] row : logits) {
            for (int v = 0; v < row.length; v++) {
                row[v] *= scales.logits();
                row[v] = scales.softcap() == 0 ? row[v] : scales.softcap() * Math.tanh(row[v] / scales.softcap());
            }
        }
        return logits;
    }

    private double[][] layer(double[][] x, int l) {
        double residual = spec.stack().scales().residual();
        switch (spec.stack().place()) {
            case BEFORE, AROUND, RESULT -> {
                x = Arithmetic.add(x, times(residual, norm(attention(norm(x, Role.NORM1, l), l), Role.NORM1_RESULT, l)));
                return Arithmetic.add(x, times(residual, norm(mlp(norm(x, Role.NORM2, l), l), Role.NORM2_RESULT, l)));
            }
            case PARALLEL -> {
                double[][] first = norm(x, Role.NORM1, l);
                double[][] second = table.find(Role.NORM2, l).isEmpty() ? first : norm(x, Role.NORM2, l);
                return Arithmetic.add(x, times(residual, Arithmetic.add(attention(first, l), mlp(second, l))));
            }
            default -> throw new IllegalArgumentException(spec.stack().place() + " is of encoders");
        }
    }

    private static double[][] times(double factor, double[][] x) {
        return Arrays.stream(x).map(row -> Arrays.stream(row).map(v -> v * factor).toArray()).toArray(double[][]::new);
    }

    private double[] bias(Role role, int layer) {
        return table.bias(role, layer).map(p -> weights.get(p.name())).orElse(null);
    }

    /** As it is where there is no such norm. */
    private double[][] norm(double[][] x, Role role, int layer) {
        Optional<Parameter> weight = table.find(role, layer);
        if (weight.isEmpty()) {
            boolean plain = spec.norm() == Norm.LAYER_PLAIN && (role == Role.NORM1 || role == Role.NORM2 || role == Role.FINAL_NORM);
            return plain ? Arrays.stream(x).map(row -> normed(row, null, null)).toArray(double[][]::new) : x;
        }
        return Arrays.stream(x).map(row -> normed(row, weights.get(weight.get().name()), bias(role, layer))).toArray(double[][]::new);
    }

    private double[] normed(double[] x, double[] weight, double[] bias) {
        double mean = spec.norm() == Norm.RMS || spec.norm() == Norm.RMS_LESS_ONE ? 0 : Arrays.stream(x).average().orElseThrow();
        double spread = Math.sqrt(Arrays.stream(x).map(v -> (v - mean) * (v - mean)).average().orElseThrow() + spec.normEpsilon());
        double[] y = new double[x.length];
        for (int i = 0; i < y.length; i++) {
            double one = spec.norm() == Norm.RMS_LESS_ONE || spec.norm() == Norm.LAYER_LESS_ONE ? 1 : 0;
            y[i] = (x[i] - mean) / spread * (weight == null ? 1 : weight[i] + one) + (bias == null ? 0 : bias[i]);
        }
        return y;
    }

    private double[][] attention(double[][] x, int l) {
        Attention a = spec.layer(l).attention();
        double[][][] qkv = {new double[x.length][], new double[x.length][], new double[x.length][]};
        if (table.find(Role.QKV, l).isPresent()) {
            boolean byHead = table.get(Role.QKV, l).layout() == Layout.BY_HEAD;
            double[][] all = project(x, Role.QKV, l);
            for (int t = 0; t < x.length; t++) {
                apart(all[t], a, byHead, t, qkv);
            }
        } else {
            qkv = new double[][][] {project(x, Role.Q, l), project(x, Role.K, l), project(x, Role.V, l)};
        }
        Rope rope = spec.stack().rope(l);
        boolean turnedFirst = a.headNorm() == HeadNorm.TURNED_HEAD;
        for (int t = 0; t < x.length; t++) {
            qkv[0][t] = clipped(turnedFirst ? qkv[0][t] : normHeads(qkv[0][t], Role.Q_NORM, l), a);
            qkv[1][t] = clipped(turnedFirst ? qkv[1][t] : normHeads(qkv[1][t], Role.K_NORM, l), a);
            qkv[2][t] = clipped(qkv[2][t], a);
            if (rope != null) {
                RotaryAngles.of(rope, x.length).rotate(qkv[0][t], a.headDim(), t, rope.neighbours());
                RotaryAngles.of(rope, x.length).rotate(qkv[1][t], a.headDim(), t, rope.neighbours());
            }
            if (turnedFirst) {
                qkv[0][t] = normHeads(qkv[0][t], Role.Q_NORM, l);
                qkv[1][t] = normHeads(qkv[1][t], Role.K_NORM, l);
            }
        }
        double[][] y = new double[x.length][a.width()];
        for (int t = 0; t < x.length; t++) {
            for (int head = 0; head < a.heads(); head++) {
                attend(qkv, a, l, t, head, y[t]);
            }
        }
        return project(y, Role.OUT, l);
    }

    private static double[] clipped(double[] row, Attention a) {
        return a.clip() == 0 ? row : Arrays.stream(row).map(v -> Math.clamp(v, -a.clip(), a.clip())).toArray();
    }

    private static void apart(double[] all, Attention a, boolean byHead, int t, double[][][] qkv) {
        int d = a.headDim();
        int sharing = a.heads() / a.kvHeads();
        qkv[0][t] = new double[a.width()];
        qkv[1][t] = new double[a.kvWidth()];
        qkv[2][t] = new double[a.kvWidth()];
        for (int head = 0; head < a.heads(); head++) {
            int from = byHead ? (head / sharing * (sharing + 2) + head % sharing) * d : head * d;
            System.arraycopy(all, from, qkv[0][t], head * d, d);
        }
        for (int head = 0; head < a.kvHeads(); head++) {
            int from = byHead ? (head * (sharing + 2) + sharing) * d : a.width() + head * d;
            System.arraycopy(all, from, qkv[1][t], head * d, d);
            System.arraycopy(all, byHead ? from + d : from + a.kvWidth(), qkv[2][t], head * d, d);
        }
    }

    private double[] normHeads(double[] row, Role role, int l) {
        Attention a = spec.layer(l).attention();
        if (a.headNorm() == HeadNorm.NONE) {
            return row;
        }
        if (a.headNorm() == HeadNorm.ROW) {
            return normed(row, weights.get(table.get(role, l).name()), bias(role, l));
        }
        int d = a.headDim();
        double[] y = new double[row.length];
        for (int head = 0; head < row.length / d; head++) {
            Parameter p = table.find(role, l, a.headNorm() == HeadNorm.EACH_HEAD ? head : -1, false).or(() -> table.find(role, l)).orElseThrow();
            double[] weight = weights.get(p.name());
            weight = weight.length == d ? weight : Arrays.copyOfRange(weight, head * d, (head + 1) * d);
            System.arraycopy(normed(Arrays.copyOfRange(row, head * d, (head + 1) * d), weight, bias(role, l)), 0, y, head * d, d);
        }
        return y;
    }

    private void attend(double[][][] qkv, Attention a, int l, int t, int head, double[] y) {
        int d = a.headDim();
        int kv = head / (a.heads() / a.kvHeads()) * d;
        int first = a.window() == 0 ? 0 : Math.max(0, t - a.window() + 1);
        double[] share = new double[t + 1];
        double sum = a.sinks() ? Math.exp(weights.get(table.get(Role.SINKS, l).name())[head]) : 0;
        for (int s = first; s <= t; s++) {
            double score = 0;
            for (int i = 0; i < d; i++) {
                score += qkv[0][t][head * d + i] * qkv[1][s][kv + i];
            }
            score *= a.scale() == 0 ? 1 / Math.sqrt(d) : a.scale();
            share[s] = Math.exp(a.softcap() == 0 ? score : a.softcap() * Math.tanh(score / a.softcap()));
            sum += share[s];
        }
        for (int s = first; s <= t; s++) {
            for (int i = 0; i < d; i++) {
                y[head * d + i] += share[s] / sum * qkv[2][s][kv + i];
            }
        }
    }

    private double[][] mlp(double[][] x, int l) {
        Mlp mlp = spec.layer(l).mlp();
        if (!mlp.gated()) {
            double[][] up = project(x, Role.UP, l);
            return project(Arrays.stream(up).map(row -> Arrays.stream(row).map(v -> Arithmetic.activate(mlp.activation(), v)).toArray())
                    .toArray(double[][]::new), Role.DOWN, l);
        }
        boolean together = table.find(Role.GATE_UP, l).isPresent();
        double[][] gate = project(x, together ? Role.GATE_UP : Role.GATE, l);
        double[][] up = together ? null : project(x, Role.UP, l);
        double[][] inside = new double[x.length][mlp.width()];
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < mlp.width(); i++) {
                inside[t][i] = Arithmetic.activate(mlp.activation(), gate[t][i]) * (together ? gate[t][mlp.width() + i] : up[t][i]);
            }
        }
        return project(inside, Role.DOWN, l);
    }

    private double[][] project(double[][] x, Role role, int l) {
        Parameter p = table.get(role, l);
        return Arithmetic.linear(x, weights.get(p.name()), bias(role, l), (int) p.outputs());
    }
}
