package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.Reach;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 83: results and gradients are those of attention whose mask says of each pair whether it is visible, reckoned in double precision from that alone. */
class SparseAttentionEqualsDenseUnderTheSameMaskTest {
    private static final int DIM = 8;

    /**
     * A batch.
     *
     * @param documents lengths of the documents of each row
     * @param dim       width of a head
     */
    private record Case(String name, Reach reach, boolean causal, int[][] documents, boolean padded, boolean blind, boolean marked, int heads, int kvHeads, Scoring scoring,
            int dim) {
        Case(String name, Reach reach, boolean causal, int[][] documents, boolean padded, boolean blind, boolean marked, int heads, int kvHeads, Scoring scoring) {
            this(name, reach, causal, documents, padded, blind, marked, heads, kvHeads, scoring, DIM);
        }

        @Override
        public String toString() {
            return name + " " + reach + (causal ? " causal" : " both ways") + (padded ? " padded" : "") + (blind ? " blind" : "") + (marked ? " global" : "") + " " + heads + "/" + kvHeads + " of " + dim;
        }

        int seq() {
            int sum = 0;
            for (int length : documents[0]) {
                sum += length;
            }
            return sum;
        }
    }

    static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        int[][] odd = {{201}, {201}};
        int[][] even = {{192}, {192}};
        int[][] packed = {{1, 63, 64, 70, 3}, {130, 2, 2, 67, 0}, {201, 0, 0, 0, 0}};
        int[][] longer = {{500, 17}, {3, 514}};
        List<Reach> reaches = List.of(Reach.WHOLE, new Reach.Window(1), new Reach.Window(2), new Reach.Window(17), new Reach.Window(64), new Reach.Window(65),
                new Reach.Window(150), new Reach.Window(1000), new Reach.Block(64), new Reach.Block(7), new Reach.Block(500), new Reach.Global(16, 1),
                new Reach.Global(33, 5), new Reach.Global(5, 70), new Reach.Global(400, 3));
        for (Reach reach : reaches) {
            for (boolean causal : new boolean[] {true, false}) {
                cases.add(new Case("odd", reach, causal, odd, false, false, false, 4, 2, Scoring.PLAIN));
                cases.add(new Case("even", reach, causal, even, false, false, false, 2, 2, Scoring.PLAIN));
                cases.add(new Case("packed", reach, causal, packed, false, false, false, 4, 1, Scoring.PLAIN));
                cases.add(new Case("longer", reach, causal, longer, false, false, false, 1, 1, Scoring.PLAIN));
                cases.add(new Case("odd", reach, causal, odd, true, false, false, 4, 2, Scoring.PLAIN));
                cases.add(new Case("packed", reach, causal, packed, true, true, false, 2, 1, Scoring.PLAIN));
                cases.add(new Case("capped", reach, causal, odd, false, false, false, 4, 2, new Scoring(0.7, 1.5, null)));
            }
            if (reach instanceof Reach.Window) {
                for (boolean causal : new boolean[] {true, false}) {
                    cases.add(new Case("odd", reach, causal, odd, false, false, true, 4, 2, Scoring.PLAIN));
                    cases.add(new Case("packed", reach, causal, packed, true, true, true, 2, 1, Scoring.PLAIN));
                    cases.add(new Case("longer", reach, causal, longer, true, false, true, 2, 2, Scoring.PLAIN));
                }
            }
        }
        // every kind, packed and padded, with heads of their own keys, of shared ones and of a single one, in widths that fill vectors and that do not
        for (int[] heads : new int[][] {{3, 3, 5}, {6, 2, 64}, {4, 1, 80}, {2, 2, 128}}) {
            for (Reach reach : List.of(new Reach.Window(65), new Reach.Window(3), new Reach.Block(64), new Reach.Block(9), new Reach.Global(33, 5), Reach.WHOLE)) {
                for (boolean causal : new boolean[] {true, false}) {
                    cases.add(new Case("packed", reach, causal, packed, true, !causal, reach instanceof Reach.Window, heads[0], heads[1], Scoring.PLAIN, heads[2]));
                    cases.add(new Case("single", reach, causal, new int[][] {{131}}, false, false, false, heads[0], heads[1], Scoring.PLAIN, heads[2]));
                }
            }
        }
        return cases;
    }

    /** Whether the token at place {@code i} of a document sees the one at {@code j}. */
    private static boolean reaches(Reach reach, boolean causal, int i, int j) {
        if (causal && j > i) {
            return false;
        }
        return switch (reach) {
            case Reach.Whole whole -> true;
            case Reach.Block(int tokens) -> i / tokens == j / tokens;
            case Reach.Window(int tokens) -> causal ? i - j < tokens : Math.abs(i - j) <= tokens / 2;
            case Reach.Global(int tokens, int first) -> i < first || j < first || (causal ? i - j < tokens : Math.abs(i - j) <= tokens / 2);
        };
    }

    private static final class Batch {
        final boolean[] visible;
        final boolean[] global;
        final long[] documents;
        final boolean[][][] sees;
        final Rows rows;

        Batch(Case test) {
            int batch = test.documents.length;
            int seq = test.seq();
            var random = new SplittableRandom(7);
            visible = new boolean[batch * seq];
            global = new boolean[batch * seq];
            documents = new long[batch * seq];
            int[] places = new int[batch * seq];
            for (int b = 0; b < batch; b++) {
                int at = 0;
                for (int document = 0; document < test.documents[b].length; document++) {
                    for (int i = 0; i < test.documents[b][document]; i++, at++) {
                        documents[b * seq + at] = document;
                        places[b * seq + at] = i;
                        // the end of a row, as batches are padded, and places in between
                        visible[b * seq + at] = !test.padded || at < seq - 90 * b - 4 && random.nextInt(5) > 0;
                        global[b * seq + at] = test.marked && random.nextInt(23) == 0;
                    }
                }
            }
            sees = new boolean[batch][seq][seq];
            for (int b = 0; b < batch; b++) {
                for (int i = 0; i < seq; i++) {
                    for (int j = 0; j < seq; j++) {
                        int p = b * seq + i;
                        int q = b * seq + j;
                        boolean marked = test.marked && (global[p] && visible[p] || global[q]) && (!test.causal || j <= i);
                        sees[b][i][j] = documents[p] == documents[q] && visible[q] && !(test.blind && !visible[p])
                                && (marked || reaches(withoutHidden(test, visible, p - places[p]), test.causal, places[p], places[q])
                                || isFirst(test, places[p], visible[p]) && (!test.causal || j <= i) || isFirst(test, places[q], true) && (!test.causal || j <= i));
                    }
                }
            }
            Rows all = Rows.packed(batch, seq, documents);
            all = test.marked ? all.global(global) : all;
            rows = test.padded ? all.visible(visible, test.blind) : all;
        }

        /** The window alone: whether the first tokens are global depends on padding too. */
        private static Reach withoutHidden(Case test, boolean[] visible, int begin) {
            return test.reach instanceof Reach.Global(int tokens, int first) ? new Reach.Window(tokens) : test.reach;
        }

        private static boolean isFirst(Case test, int place, boolean visible) {
            return visible && test.reach instanceof Reach.Global(int tokens, int first) && place < first;
        }
    }

    private static double[][] dense(Case test, Batch batch, Tensor[] inputs, Tensor direction) {
        try (var scope = TensorScope.open()) {
            Tensor[] leaves = leaves(inputs, DType.F64);
            int seq = test.seq();
            double[] mask = new double[test.documents.length * seq * seq];
            double[] some = new double[test.documents.length * seq];
            for (int b = 0, at = 0; b < test.documents.length; b++) {
                for (int i = 0; i < seq; i++) {
                    for (int j = 0; j < seq; j++, at++) {
                        mask[at] = batch.sees[b][i][j] ? 0 : -1e30;
                        some[b * seq + i] = batch.sees[b][i][j] ? 1 : some[b * seq + i];
                    }
                }
            }
            Tensor k = each(leaves[1], test.heads);
            Tensor v = each(leaves[2], test.heads);
            Scoring how = test.scoring;
            Tensor scores = leaves[0].matmul(k.transpose(2, 3)).mul(how.scale() == 0 ? 1 / Math.sqrt(test.dim) : how.scale());
            scores = how.cap() == 0 ? scores : scores.mul(1 / how.cap()).tanh().mul(how.cap());
            scores = scores.add(Tensor.of(mask, test.documents.length, 1, seq, seq));
            Tensor y = scores.softmax(-1).matmul(v).mul(Tensor.of(some, test.documents.length, 1, seq, 1));
            return results(y, leaves, direction);
        }
    }

    private static Tensor each(Tensor x, int heads) {
        long[] s = x.shape();
        return x.unsqueeze(2).expand(s[0], s[1], heads / s[1], s[2], s[3]).reshape(s[0], heads, s[2], s[3]);
    }

    private static double[][] sparse(Case test, Batch batch, Tensor[] inputs, Tensor direction, DType type) {
        try (var scope = TensorScope.open()) {
            Tensor[] leaves = leaves(inputs, type);
            Tensor y = LocalAttention.of(test.reach, batch.rows, test.causal).attend(leaves[0], leaves[1], leaves[2], test.scoring, null);
            return results(y, leaves, direction);
        }
    }

    private static Tensor[] leaves(Tensor[] inputs, DType type) {
        return Arrays.stream(inputs).map(x -> x.to(type).detach().copy().requiresGrad(true)).toArray(Tensor[]::new);
    }

    private static double[][] results(Tensor y, Tensor[] leaves, Tensor direction) {
        y.backward(direction.to(y.dtype()));
        return new double[][] {doubles(y.detach()), doubles(leaves[0].grad()), doubles(leaves[1].grad()), doubles(leaves[2].grad())};
    }

    private static double[] doubles(Tensor x) {
        return x.to(DType.F64).contiguous().segment().toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void forwardAndGradients(Case test) {
        try (var scope = TensorScope.open()) {
            Libtorch.seed(3);
            int batch = test.documents.length;
            var rows = new Batch(test);
            Tensor[] inputs = {Tensor.randn(batch, test.heads, test.seq(), test.dim), Tensor.randn(batch, test.kvHeads, test.seq(), test.dim),
                Tensor.randn(batch, test.kvHeads, test.seq(), test.dim)};
            Tensor direction = Tensor.randn(batch, test.heads, test.seq(), test.dim);
            double[][] expected = dense(test, rows, inputs, direction);
            close(sparse(test, rows, inputs, direction, DType.F64), expected, 1e-11);
            // where a key that all see sums over the queries of several heads, small sums keep the rounding of the large ones
            close(sparse(test, rows, inputs, direction, DType.F32), expected, test.dim == DIM ? 1e-5 : 1e-5 * Math.max(1, largest(expected)));
        }
    }

    /** Longformer's global tokens attend to all with projections of their own; others attend to them as to any token, and once. */
    @Test
    void globalTokensAttendWithTheirOwnProjections() {
        try (var scope = TensorScope.open()) {
            Libtorch.seed(5);
            var test = new Case("own", new Reach.Window(34), false, new int[][] {{231}, {231}}, true, true, true, 2, 2, Scoring.PLAIN);
            var batch = new Batch(test);
            Tensor[] x = new Tensor[6];
            for (int i = 0; i < x.length; i++) {
                x[i] = Tensor.randn(2, 2, 231, DIM);
            }
            Tensor zero = Tensor.zeros(DType.F32, 2, 2, 231, DIM);
            double[] plain = dense(test, batch, new Tensor[] {x[0], x[1], x[2]}, zero)[0];
            double[] own = dense(test, batch, new Tensor[] {x[3], x[4], x[5]}, zero)[0];
            LocalAttention attention = LocalAttention.of(test.reach, batch.rows, false);
            Tensor queries = LocalAttention.flat(x[3]).indexSelect(0, attention.rowsToAll());
            Tensor y = attention.attend(x[0], x[1], x[2], Scoring.PLAIN, new LocalAttention.Own(queries, x[4], x[5]));
            float[] found = y.contiguous().toFloats();
            int globals = 0;
            for (int i = 0; i < found.length; i++) {
                int token = i / (2 * 231 * DIM) * 231 + i / DIM % 231;
                boolean global = batch.global[token] && batch.visible[token];
                globals += global ? 1 : 0;
                assertThat((double) found[i]).isCloseTo(global ? own[i] : plain[i], within(1e-5));
            }
            assertThat(globals).isGreaterThan(10 * DIM);
        }
    }

    /** A sink takes its share of each head's attention and gives nothing; it learns too. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void sinks(boolean window) {
        try (var scope = TensorScope.open()) {
            Libtorch.seed(4);
            int seq = 300;
            Reach reach = window ? new Reach.Window(70) : Reach.WHOLE;
            Tensor q = Tensor.randn(1, 4, seq, DIM).to(DType.F64).requiresGrad(true);
            Tensor k = Tensor.randn(1, 2, seq, DIM).to(DType.F64).requiresGrad(true);
            Tensor v = Tensor.randn(1, 2, seq, DIM).to(DType.F64).requiresGrad(true);
            Tensor sinks = Tensor.of(new double[] {-1, 0, 2, 0.5}, 4).requiresGrad(true);
            Tensor direction = Tensor.randn(1, 4, seq, DIM).to(DType.F64);
            double[] mask = new double[seq * seq];
            for (int i = 0; i < mask.length; i++) {
                mask[i] = reaches(reach, true, i / seq, i % seq) ? 0 : Double.NEGATIVE_INFINITY;
            }
            Tensor exp = q.matmul(each(k, 4).transpose(2, 3)).mul(1 / Math.sqrt(DIM)).add(Tensor.of(mask, 1, 1, seq, seq)).exp();
            Tensor expected = exp.div(exp.sum(-1, true).add(sinks.exp().view(1, 4, 1, 1))).matmul(each(v, 4));
            expected.backward(direction);
            Tensor[] leaves = {q, k, v, sinks};
            double[][] gradients = Arrays.stream(leaves).map(leaf -> doubles(leaf.grad().copy())).toArray(double[][]::new);
            Arrays.stream(leaves).forEach(Tensor::clearGrad);
            Tensor y = LocalAttention.of(reach, Rows.whole(1, seq), true).attend(q, k, v, new Scoring(0, 0, sinks), null);
            y.backward(direction);
            assertThat(doubles(y.detach())).containsExactly(doubles(expected.detach()), within(1e-11));
            for (int i = 0; i < leaves.length; i++) {
                assertThat(doubles(leaves[i].grad())).containsExactly(gradients[i], within(1e-10));
            }
        }
    }

    private static double largest(double[][] all) {
        return Arrays.stream(all).flatMapToDouble(Arrays::stream).map(Math::abs).max().orElseThrow();
    }

    private static void close(double[][] found, double[][] expected, double most) {
        String[] what = {"result", "gradient of queries", "gradient of keys", "gradient of values"};
        for (int t = 0; t < found.length; t++) {
            assertThat(found[t]).as(what[t]).hasSameSizeAs(expected[t]);
            double furthest = 0;
            for (int i = 0; i < found[t].length; i++) {
                double distance = Math.abs(found[t][i] - expected[t][i]) / Math.max(1, Math.abs(expected[t][i]));
                // written so that what is no number is far off
                furthest = distance <= furthest ? furthest : distance;
            }
            assertThat(furthest).as(what[t]).isLessThan(most);
        }
    }

    @Test
    void aBlockDropsNoToken() {
        try (var scope = TensorScope.open()) {
            // each token alone in its block gives its own value, the partial block's too
            Tensor v = Tensor.randn(1, 1, 130, DIM);
            Tensor y = LocalAttention.of(new Reach.Block(1), Rows.whole(1, 130), false).attend(v, v, v, Scoring.PLAIN, null);
            assertThat(y.contiguous().toFloats()).containsExactly(v.toFloats(), within(1e-6f));
            Tensor ones = Tensor.zeros(DType.F32, 1, 1, 130, DIM);
            float[] last = new float[130];
            last[129] = 1;
            Tensor marked = Tensor.of(last, 1, 1, 130, 1).expand(1, 1, 130, DIM).contiguous();
            float[] means = LocalAttention.of(new Reach.Block(64), Rows.whole(1, 130), false).attend(ones, ones, marked, Scoring.PLAIN, null).contiguous().toFloats();
            assertThat(means[127 * DIM]).isZero();
            assertThat(means[128 * DIM]).isCloseTo(0.5f, within(1e-6f));
            assertThat(means[129 * DIM]).isCloseTo(0.5f, within(1e-6f));
        }
    }
}
