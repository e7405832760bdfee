package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Head;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against the formula written out in float64, over one chunk and over several. */
class TheChunkedHeadEqualsPlainCrossEntropyTest {
    private static final int HIDDEN = 6;

    @ParameterizedTest
    @CsvSource({"40, 31, 1", "600, 17000, 1", "600, 17000, 3", "40, 31, 1000"})
    void lossAndGradientsEqualFloat64(int rows, int vocab, int everySo) {
        var random = new SplittableRandom(rows + everySo);
        float[] hidden = values(random, rows * HIDDEN);
        float[] weight = values(random, vocab * HIDDEN);
        int[] targets = new int[rows];
        for (int r = 0; r < rows; r++) {
            targets[r] = (r + 1) % everySo == 0 ? random.nextInt(vocab) : Batch.NO_TARGET;
        }
        double sum = 0;
        int count = 0;
        double[] hiddenGradient = new double[rows * HIDDEN];
        double[] weightGradient = new double[vocab * HIDDEN];
        for (int r = 0; r < rows; r++) {
            if (targets[r] == Batch.NO_TARGET) {
                continue;
            }
            double[] p = softmax(hidden, weight, r, vocab);
            sum -= Math.log(p[targets[r]]);
            count++;
            p[targets[r]] -= 1;
            for (int v = 0; v < vocab; v++) {
                for (int h = 0; h < HIDDEN; h++) {
                    hiddenGradient[r * HIDDEN + h] += p[v] * weight[v * HIDDEN + h];
                    weightGradient[v * HIDDEN + h] += p[v] * hidden[r * HIDDEN + h];
                }
            }
        }
        try (var scope = TensorScope.open()) {
            Tensor w = Tensor.of(weight, vocab, HIDDEN).requiresGrad(true);
            // a gradient that is there already is added to, not replaced
            w.setGrad(Tensor.ones(dev.zhulong.tensor.DType.F32, vocab, HIDDEN));
            HeadLoss found = HeadLoss.withGradient(Tensor.of(hidden, rows, HIDDEN), new Head(w), targets.clone());

            assertThat(found.loss().count()).isEqualTo(count);
            assertThat(found.loss().sum()).isCloseTo(sum, within(1e-6 * sum + 1e-12));
            assertThat(HeadLoss.of(Tensor.of(hidden, rows, HIDDEN), new Head(w), targets.clone())).isEqualTo(found.loss());
            assertClose(found.gradient().toFloats(), hiddenGradient, 0);
            assertClose(w.grad().toFloats(), weightGradient, 1);
        }
    }

    private static double[] softmax(float[] hidden, float[] weight, int row, int vocab) {
        double[] p = new double[vocab];
        double total = 0;
        for (int v = 0; v < vocab; v++) {
            double dot = 0;
            for (int h = 0; h < HIDDEN; h++) {
                dot += (double) hidden[row * HIDDEN + h] * weight[v * HIDDEN + h];
            }
            p[v] = Math.exp(dot);
            total += p[v];
        }
        for (int v = 0; v < vocab; v++) {
            p[v] /= total;
        }
        return p;
    }

    private static void assertClose(float[] found, double[] expected, double there) {
        for (int i = 0; i < found.length; i++) {
            assertThat((double) found[i] - there).as("element %d", i).isCloseTo(expected[i], within(1e-4 + 1e-4 * Math.abs(expected[i])));
        }
    }

    private static float[] values(SplittableRandom random, int n) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
