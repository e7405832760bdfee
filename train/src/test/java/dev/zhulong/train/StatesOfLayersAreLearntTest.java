package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.HiddenStates.Pair;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StatesOfLayersAreLearntTest {
    private final Decoder student = Tiny.decoder(Family.of("llama"), true);
    private final Decoder teacher = Tiny.decoder(Family.of("gpt2"), false);

    @AfterEach
    void close() {
        student.close();
        teacher.close();
    }

    /** Central differences of the formula in doubles, of two documents in one row and of rows with tokens that do not count. */
    @ParameterizedTest
    @ValueSource(ints = {5, 7})
    void gradientsAreThoseOfTheFormulaInDoubles(int width) {
        for (Batch batch : List.of(Tiny.packed(Tiny.document(5, 5), Tiny.document(3, 6)), Tiny.rows(6, Tiny.document(4, 1), Tiny.document(6, 2)))) {
            int n = batch.batch() * batch.seq();
            double[] x = gaussian(n * 5, 1);
            double[] y = gaussian(n * width, 2);
            try (var scope = TensorScope.open()) {
                HiddenStates.Compared found = HiddenStates.compare(tensor(x, batch, 5), tensor(y, batch, width), batch, 0.7);
                assertThat(found.sum()).isCloseTo(0.7 * formula(x, y, 5, width, batch), within(1e-5));
                float[] gradient = found.gradient().toFloats();
                for (int i = 0; i < x.length; i++) {
                    double[] up = x.clone();
                    double[] down = x.clone();
                    up[i] += 1e-5;
                    down[i] -= 1e-5;
                    assertThat((double) gradient[i]).isCloseTo(0.7 * (formula(up, y, 5, width, batch) - formula(down, y, 5, width, batch)) / 2e-5, within(1e-5));
                }
            }
        }
    }

    private static double formula(double[] x, double[] y, int width, int other, Batch batch) {
        double sum = 0;
        for (int i = 0; i < batch.targets().length; i++) {
            if (batch.targets()[i] == Batch.NO_TARGET) {
                continue;
            }
            if (width == other) {
                sum += 1 - cosine(x, i, width, y, i);
                continue;
            }
            double squares = 0;
            int count = 0;
            for (int j = i / batch.seq() * batch.seq(); j < (i / batch.seq() + 1) * batch.seq(); j++) {
                if (batch.targets()[j] != Batch.NO_TARGET && batch.documents()[i] == batch.documents()[j]) {
                    squares += Math.pow(cosine(x, i, width, x, j) - cosine(y, i, other, y, j), 2);
                    count++;
                }
            }
            sum += squares / count;
        }
        return sum;
    }

    private static double cosine(double[] a, int i, int width, double[] b, int j) {
        double dot = 0;
        double ofA = 0;
        double ofB = 0;
        for (int d = 0; d < width; d++) {
            dot += a[i * width + d] * b[j * width + d];
            ofA += a[i * width + d] * a[i * width + d];
            ofB += b[j * width + d] * b[j * width + d];
        }
        return dot / Math.sqrt(ofA * ofB);
    }

    /** A part at a time, and rows one at a time, change nothing; and the states do. */
    @Test
    void howAStepIsRunChangesNothing() {
        int[][] documents = {Tiny.document(8, 1), Tiny.document(5, 2), Tiny.document(7, 3)};
        student.requiresGrad(true);
        Distillation objective = of(teacher, List.of(new Pair(0, 1), new Pair(1, 0)));
        Loss whole = objective.accumulate(Tiny.rows(8, documents), false);
        Map<String, float[]> expected = taken();
        assertThat(objective.accumulate(Tiny.rows(8, documents), true).sum()).isEqualTo(whole.sum());
        near(expected, taken());
        Loss sum = Loss.NONE;
        for (int[] document : documents) {
            sum = sum.plus(objective.accumulate(Tiny.rows(8, document), false));
        }
        assertThat(sum.sum()).isCloseTo(whole.sum(), within(1e-6 * whole.sum()));
        near(expected, taken());
        Loss without = of(teacher, null).accumulate(Tiny.rows(8, documents), false);
        assertThat(without.sum()).isLessThan(whole.sum() - 1);
        assertThat(taken().get("model.layers.0.mlp.down_proj.weight")).isNotEqualTo(expected.get("model.layers.0.mlp.down_proj.weight"));
        // what is kept in the end is what says most nearly what the teacher says
        assertThat(objective.evaluate(Tiny.rows(8, documents)).sum()).isCloseTo(without.sum(), within(1e-4));
    }

    @Test
    void aStudentThatIsItsTeacherHasNothingToLearn() {
        try (Decoder same = Tiny.decoder(Family.of("llama"), true)) {
            student.requiresGrad(true);
            Loss loss = of(same, List.of(new Pair(0, 0), new Pair(1, 1))).accumulate(Tiny.rows(8, Tiny.document(8, 1)), false);
            assertThat(loss.sum()).isCloseTo(0, within(1e-5));
            taken().forEach((weight, gradient) -> {
                for (float g : gradient) {
                    assertThat(g).as(weight).isCloseTo(0, within(2e-5f));
                }
            });
        }
    }

    /** Layers 0, 1, 4 and 5 of six: the second is to give what the fifth is given. */
    @Test
    void aLayerIsToGiveWhatTheNextOneIsGiven() {
        assertThat(HiddenStates.pairs(List.of(), 4, List.of(0, 1, 4, 5), 6)).containsExactly(new Pair(0, 0), new Pair(1, 3), new Pair(2, 4), new Pair(3, 5));
        assertThat(HiddenStates.pairs(List.of(), 2, List.of(), 6)).containsExactly(new Pair(0, 2), new Pair(1, 5));
        assertThat(HiddenStates.pairs(List.of(1), 2, List.of(), 5)).containsExactly(new Pair(1, 4));
        assertThatThrownBy(() -> HiddenStates.pairs(List.of(2), 2, List.of(), 5)).hasMessageContaining("layer 2");
    }

    private Distillation of(Decoder from, List<Pair> pairs) {
        var tokens = new LayerTeacher(from, Set.of(0, 1));
        SoftTargets whole = SoftTargets.whole(tokens, new Divergence.Forward(), 1);
        return new Distillation(student, whole, whole, pairs == null ? null : new HiddenStates(tokens, pairs, 3));
    }

    private static void near(Map<String, float[]> expected, Map<String, float[]> found) {
        found.forEach((weight, values) -> {
            float largest = 0;
            for (float g : expected.get(weight)) {
                largest = Math.max(largest, Math.abs(g));
            }
            assertThat(values).as(weight).containsExactly(expected.get(weight), within(1e-6f * largest));
        });
    }

    private Map<String, float[]> taken() {
        Map<String, float[]> all = new LinkedHashMap<>();
        student.parameters().forEach((name, weight) -> {
            all.put(name, weight.grad().toFloats());
            weight.clearGrad();
        });
        return all;
    }

    private static Tensor tensor(double[] x, Batch batch, int width) {
        float[] floats = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            floats[i] = (float) x[i];
        }
        return Tensor.of(floats, batch.batch(), batch.seq(), width);
    }

    private static double[] gaussian(int n, long seed) {
        Random random = new Random(seed);
        double[] x = new double[n];
        for (int i = 0; i < n; i++) {
            // a float's number, so that both see the same
            x[i] = (float) random.nextGaussian();
        }
        return x;
    }
}
