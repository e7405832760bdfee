package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class FusedAdamWFollowsThePaperTest {
    @Test
    void threeStepsAgreeWithTheRecurrenceInFloat64() {
        float[] start = {0.5f, -1.25f, 2f};
        double[] p = {0.5, -1.25, 2};
        double[] m = new double[3];
        double[] v = new double[3];
        Tensor pt = Tensor.of(start, 3);
        Tensor mt = Tensor.zeros(DType.F32, 3);
        Tensor vt = Tensor.zeros(DType.F32, 3);
        Tensor nt = Tensor.zeros(DType.F32);
        double lr = 0.01, b1 = 0.9, b2 = 0.95, decay = 0.1, eps = 1e-8, scale = 2;
        for (int s = 1; s <= 3; s++) {
            float[] g = {0.3f * s, -0.2f, 1.5f / s};
            nt.fill_(s);
            FusedAdamW.step(
                    List.of(pt), List.of(Tensor.of(g, 3)), List.of(mt), List.of(vt), List.of(nt),
                    lr, b1, b2, decay, eps, Tensor.of(new float[] {(float) scale}, 1).view());
            for (int i = 0; i < 3; i++) {
                double gi = g[i] / scale;
                p[i] -= lr * decay * p[i];
                m[i] = b1 * m[i] + (1 - b1) * gi;
                v[i] = b2 * v[i] + (1 - b2) * gi * gi;
                p[i] -= lr * (m[i] / (1 - Math.pow(b1, s))) / (Math.sqrt(v[i] / (1 - Math.pow(b2, s))) + eps);
            }
        }
        float[] got = pt.toFloats();
        for (int i = 0; i < 3; i++) {
            assertThat((double) got[i]).isCloseTo(p[i], within(1e-6));
        }
    }

    @Test
    void anOperatorFirstUsedInsideAScopeOutlivesIt() {
        for (int i = 0; i < 2; i++) {
            try (var scope = TensorScope.open()) {
                assertThat(FusedAdamW.norm(List.of(Tensor.ones(DType.F32, 4))).item()).isEqualTo(2.0);
            }
        }
    }

    @Test
    void normIsOverAllElementsOfAllTensors() {
        Tensor n = FusedAdamW.norm(List.of(Tensor.of(new float[] {3, 0}, 2), Tensor.of(new float[] {0, 4, 12}, 3)));
        assertThat(n.item()).isEqualTo(13.0);
    }
}
