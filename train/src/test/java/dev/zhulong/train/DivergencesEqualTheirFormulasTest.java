package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against sums in doubles, and gradients against central differences of those. */
class DivergencesEqualTheirFormulasTest {
    private static final int N = 5;
    private static final int VOCAB = 37;

    @ParameterizedTest
    @CsvSource({"forward, 1", "forward, 2.5", "reverse, 1", "reverse, 0.7", "jsd, 1", "jsd, 3"})
    void inDoubles(String name, double temperature) {
        Divergence divergence = DistillationKeepsTheContractTest.named(name);
        var random = new SplittableRandom(3);
        float[] student = logits(random);
        float[] teacher = logits(random);
        try (var scope = TensorScope.open()) {
            Divergence.Rows found = divergence.of(Tensor.of(student, N, VOCAB), Tensor.of(teacher, N, VOCAB), temperature, true);
            float[] each = found.each().toFloats();
            float[] gradient = found.gradient().toFloats();
            assertThat(divergence.of(Tensor.of(student, N, VOCAB), Tensor.of(teacher, N, VOCAB), temperature, false).gradient()).isNull();
            for (int row = 0; row < N; row++) {
                double[] z = row(student, row);
                double[] p = softmax(row(teacher, row), temperature);
                assertThat((double) each[row]).isCloseTo(value(name, z, p, temperature), within(1e-5));
                for (int id = 0; id < VOCAB; id++) {
                    double at = z[id];
                    double step = 1e-5;
                    z[id] = at + step;
                    double up = value(name, z, p, temperature);
                    z[id] = at - step;
                    double down = value(name, z, p, temperature);
                    z[id] = at;
                    assertThat((double) gradient[row * VOCAB + id]).isCloseTo((up - down) / (2 * step), within(1e-5));
                }
            }
        }
    }

    private static float[] logits(SplittableRandom random) {
        float[] logits = new float[N * VOCAB];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) (2 * random.nextGaussian());
        }
        return logits;
    }

    private static double[] row(float[] all, int row) {
        double[] one = new double[VOCAB];
        for (int id = 0; id < VOCAB; id++) {
            one[id] = all[row * VOCAB + id];
        }
        return one;
    }

    private static double[] softmax(double[] z, double temperature) {
        double[] p = new double[z.length];
        double sum = 0;
        for (int id = 0; id < z.length; id++) {
            p[id] = Math.exp(z[id] / temperature);
            sum += p[id];
        }
        for (int id = 0; id < z.length; id++) {
            p[id] /= sum;
        }
        return p;
    }

    private static double kl(double[] p, double[] q) {
        double sum = 0;
        for (int id = 0; id < p.length; id++) {
            sum += p[id] * Math.log(p[id] / q[id]);
        }
        return sum;
    }

    private static double value(String name, double[] z, double[] p, double temperature) {
        double[] q = softmax(z, temperature);
        double[] m = new double[p.length];
        for (int id = 0; id < m.length; id++) {
            m[id] = 0.3 * p[id] + 0.7 * q[id];
        }
        return temperature * temperature * switch (name) {
            case "forward" -> kl(p, q);
            case "reverse" -> kl(q, p);
            default -> 0.3 * kl(p, m) + 0.7 * kl(q, m);
        };
    }

    @Test
    void whatIsNoMixtureIsRefused() {
        assertThatThrownBy(() -> new Divergence.JensenShannon(0)).hasMessageContaining("beta");
        assertThatThrownBy(() -> new Divergence.JensenShannon(1)).hasMessageContaining("beta");
        assertThatThrownBy(() -> new Distillation(null, null, new Divergence.Forward(), 0)).hasMessageContaining("temperature");
    }
}
