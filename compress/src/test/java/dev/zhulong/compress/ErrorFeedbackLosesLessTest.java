package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.kernels.BlockRounding;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ErrorFeedbackLosesLessTest {
    private static final int ROWS = 12;

    /** Rows of inputs whose columns go together, as those of models do. */
    private static float[] inputs(int count, int columns, long seed) {
        Random random = new Random(seed);
        float[][] directions = new float[Math.max(1, columns / 8)][columns];
        for (float[] direction : directions) {
            for (int i = 0; i < columns; i++) {
                direction[i] = (float) random.nextGaussian();
            }
        }
        float[] x = new float[count * columns];
        for (int row = 0; row < count; row++) {
            for (float[] direction : directions) {
                float share = (float) random.nextGaussian();
                for (int i = 0; i < columns; i++) {
                    x[row * columns + i] += share * direction[i];
                }
            }
            for (int i = 0; i < columns; i++) {
                x[row * columns + i] += (float) (0.5 * random.nextGaussian());
            }
        }
        return x;
    }

    private static float[] weights(int columns) {
        Random random = new Random(9);
        float[] w = new float[ROWS * columns];
        for (int i = 0; i < w.length; i++) {
            w[i] = (float) (0.05 * random.nextGaussian());
        }
        return w;
    }

    /** tr(ΔW·XᵀX·ΔWᵀ) over tr(W·XᵀX·Wᵀ), in double precision and by hand. */
    private static double error(float[] w, float[] rounded, float[] x, int columns) {
        double error = 0;
        double all = 0;
        for (int row = 0; row < ROWS; row++) {
            for (int at = 0; at < x.length; at += columns) {
                double one = 0;
                double other = 0;
                for (int i = 0; i < columns; i++) {
                    one += (double) w[row * columns + i] * x[at + i];
                    other += (double) (rounded[row * columns + i] - w[row * columns + i]) * x[at + i];
                }
                all += one * one;
                error += other * other;
            }
        }
        return error / all;
    }

    private static ErrorFeedback.Result round(WeightType type, int columns, float[] w, float[] x, int threads) {
        try (var off = NoGrad.open(); var scope = TensorScope.open(); var hessian = new Hessian(columns); var pool = new ThreadPool(threads)) {
            hessian.add(Tensor.of(x, x.length / columns, columns));
            Optional<Hessian.Factor> factor = hessian.factor();
            ErrorFeedback.Result result = ErrorFeedback.round("w", Tensor.of(w, ROWS, columns), hessian, factor, type, pool);
            factor.ifPresent(each -> each.tensor().close());
            return result;
        }
    }

    @ParameterizedTest
    @EnumSource(names = "F32|F16|BF16|Q8_0|IQ[123]_.*|TQ.*|MXFP4", mode = EnumSource.Mode.MATCH_NONE)
    void intoBlocksOfAnyType(WeightType type) {
        int columns = 512;
        float[] w = weights(columns);
        float[] x = inputs(900, columns, 1);
        ErrorFeedback.Result result = round(type, columns, w, x, 1);
        try (Tensor rounded = result.rounded()) {
            assertThat(result.after()).as("%s", type).isLessThan(0.8 * result.before());
            assertThat(error(w, rounded.toFloats(), x, columns)).isCloseTo(result.after(), org.assertj.core.data.Percentage.withPercentage(1));
        }
        // calibrated weights that are those of plain rounding are the mark of feedback that does nothing
        byte[] plain = new byte[result.blocks().length];
        for (int row = 0; row < ROWS; row++) {
            byte[] bytes = new byte[(int) type.rowBytes(columns)];
            Quantiser.quantise(type, w, row * columns, columns, Quantiser.Search.SCALES, bytes);
            System.arraycopy(bytes, 0, plain, row * bytes.length, bytes.length);
        }
        assertThat(result.blocks()).isNotEqualTo(plain);
        // and what they gain holds on inputs that were not seen
        float[] unseen = Arrays.copyOfRange(inputs(1800, columns, 1), 900 * columns, 1800 * columns);
        assertThat(error(w, decoded(type, result.blocks(), columns), unseen, columns)).isLessThan(error(w, decoded(type, plain, columns), unseen, columns));
    }

    private static float[] decoded(WeightType type, byte[] blocks, int columns) {
        float[] all = new float[ROWS * columns];
        for (int row = 0; row < ROWS; row++) {
            float[] values = new float[columns];
            WeightRows.decode(type, MemorySegment.ofArray(blocks), row, columns, values);
            System.arraycopy(values, 0, all, row * columns, columns);
        }
        return all;
    }

    /** The method by its definition, in double precision: after each column the best change of all columns to come, from the inverse of what is left of the Hessian. */
    @Test
    void theSameAsByItsDefinition() {
        int columns = 64;
        float[] w = weights(columns);
        float[] x = inputs(300, columns, 2);
        double[][] h = new double[columns][columns];
        for (int at = 0; at < x.length; at += columns) {
            for (int i = 0; i < columns; i++) {
                for (int j = 0; j < columns; j++) {
                    h[i][j] += (double) x[at + i] * x[at + j] / 300;
                }
            }
        }
        float[] importance = new float[columns];
        double mean = 0;
        for (int i = 0; i < columns; i++) {
            importance[i] = (float) h[i][i];
            mean += h[i][i] / columns;
        }
        for (int i = 0; i < columns; i++) {
            h[i][i] += 0.01 * mean;
        }
        ErrorFeedback.Result result = round(WeightType.Q4_0, columns, w, x, 1);
        float[] found = result.rounded().toFloats();
        int same = 0;
        for (int row = 0; row < ROWS; row++) {
            double[] moving = new double[columns];
            for (int i = 0; i < columns; i++) {
                moving[i] = w[row * columns + i];
            }
            var block = new BlockRounding(WeightType.Q4_0, Quantiser.Search.SCALES);
            for (int c = 0; c < columns; c++) {
                if (c % 32 == 0) {
                    float[] now = new float[columns];
                    for (int i = 0; i < columns; i++) {
                        now[i] = (float) moving[i];
                    }
                    block.fit(now, c, importance, c);
                }
                float q = block.round(c % 32, (float) moving[c]);
                double[][] inverse = inverse(h, c);
                double error = (moving[c] - q) / inverse[0][0];
                for (int j = c; j < columns; j++) {
                    moving[j] -= error * inverse[0][j - c];
                }
                same += q == found[row * columns + c] ? 1 : 0;
            }
        }
        // where a weight lies at a half, floats and doubles part
        assertThat(same).isGreaterThan(ROWS * columns * 97 / 100);
    }

    /** Of the rows and columns from {@code from} on, by Gauss and Jordan. */
    private static double[][] inverse(double[][] h, int from) {
        int n = h.length - from;
        double[][] a = new double[n][2 * n];
        for (int i = 0; i < n; i++) {
            System.arraycopy(h[from + i], from, a[i], 0, n);
            a[i][n + i] = 1;
        }
        for (int c = 0; c < n; c++) {
            double pivot = a[c][c];
            for (int j = 0; j < 2 * n; j++) {
                a[c][j] /= pivot;
            }
            for (int i = 0; i < n; i++) {
                double factor = i == c ? 0 : a[i][c];
                for (int j = 0; factor != 0 && j < 2 * n; j++) {
                    a[i][j] -= factor * a[c][j];
                }
            }
        }
        return Arrays.stream(a).map(row -> Arrays.copyOfRange(row, n, 2 * n)).toArray(double[][]::new);
    }

    @Test
    void bytesDoNotDependOnThreads() {
        float[] w = weights(256);
        float[] x = inputs(400, 256, 3);
        for (WeightType type : new WeightType[] {WeightType.Q4_0, WeightType.Q4_K}) {
            assertThat(round(type, 256, w, x, 2).blocks()).isEqualTo(round(type, 256, w, x, 1).blocks());
        }
    }

    /** AutoGPTQ #708, #572: Hessians without a factor. */
    @ParameterizedTest
    @ValueSource(strings = {"four rows", "dead columns", "one direction", "all zero", "infinite"})
    void whateverTheInputsThereIsAResultNoWorse(String kind) {
        int columns = 64;
        float[] x = inputs(kind.equals("four rows") ? 4 : 200, columns, 4);
        for (int i = 0; i < x.length; i++) {
            x[i] = switch (kind) {
                case "dead columns" -> i % columns < 20 ? 0 : x[i];
                case "one direction" -> (i / columns % 7 - 3) * (1 + i % columns);
                case "all zero" -> 0;
                case "infinite" -> i == 5 * columns + 3 ? Float.POSITIVE_INFINITY : x[i];
                default -> x[i];
            };
        }
        ErrorFeedback.Result result = round(WeightType.Q4_0, columns, weights(columns), x, 1);
        for (float value : result.rounded().toFloats()) {
            assertThat(value).isFinite();
        }
        if (!kind.equals("all zero")) {
            assertThat(result.after()).isFinite().isLessThanOrEqualTo(result.before());
        }
        boolean possible = kind.equals("dead columns") || kind.equals("one direction") || kind.equals("infinite");
        assertThat(result.damping() > 0).isEqualTo(possible);
    }
}
