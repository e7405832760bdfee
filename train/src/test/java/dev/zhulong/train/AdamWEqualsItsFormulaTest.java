package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Loshchilov and Hutter (2019), algorithm 2, in float64. */
class AdamWEqualsItsFormulaTest {
    private static final AdamW.Settings S = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);
    private static final int N = 50;

    @Test
    void overStepsWithGrowingMomentsAndScaledGradientsAndDecayWhereItBelongs() {
        var random = new SplittableRandom(3);
        try (var scope = TensorScope.open()) {
            Tensor matrix = random(random);
            Tensor norm = random(random);
            Tensor unused = random(random);
            Map<String, Tensor> parameters = new LinkedHashMap<>();
            parameters.put("matrix", matrix.requiresGrad(true));
            parameters.put("norm", norm.requiresGrad(true));
            parameters.put("unused", unused.requiresGrad(true));
            double[][] x = {doubles(matrix), doubles(norm)};
            double[][] m = new double[2][N];
            double[][] v = new double[2][N];
            float[] untouched = unused.toFloats();
            try (AdamW adamw = new AdamW(parameters, List.of("matrix", "unused"), S)) {
                for (int t = 1; t <= 8; t++) {
                    double lr = 1e-2 / t;
                    double scale = 3 * t;
                    Tensor[] gradients = {random(random), random(random)};
                    matrix.setGrad(gradients[0]);
                    norm.setGrad(gradients[1]);
                    for (int k = 0; k < 2; k++) {
                        float[] g = gradients[k].toFloats();
                        for (int i = 0; i < N; i++) {
                            double gi = g[i] / scale;
                            x[k][i] -= lr * (k == 0 ? S.weightDecay() : 0) * x[k][i];
                            m[k][i] = S.beta1() * m[k][i] + (1 - S.beta1()) * gi;
                            v[k][i] = S.beta2() * v[k][i] + (1 - S.beta2()) * gi * gi;
                            double mh = m[k][i] / (1 - Math.pow(S.beta1(), t));
                            double vh = v[k][i] / (1 - Math.pow(S.beta2(), t));
                            x[k][i] -= lr * mh / (Math.sqrt(vh) + S.epsilon());
                        }
                    }
                    adamw.step(t, lr, Tensor.of(new float[] {(float) scale}).squeeze(0));
                }
            }
            for (int i = 0; i < N; i++) {
                assertThat((double) matrix.toFloats()[i]).isCloseTo(x[0][i], within(2e-6));
                assertThat((double) norm.toFloats()[i]).isCloseTo(x[1][i], within(2e-6));
            }
            assertThat(unused.toFloats()).as("a weight without a gradient does not decay either").isEqualTo(untouched);
        }
    }

    private static Tensor random(SplittableRandom random) {
        float[] values = new float[N];
        for (int i = 0; i < N; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, N);
    }

    private static double[] doubles(Tensor t) {
        float[] f = t.toFloats();
        double[] d = new double[f.length];
        for (int i = 0; i < f.length; i++) {
            d[i] = f[i];
        }
        return d;
    }
}
