package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.Function;
import org.junit.jupiter.api.Test;

class GradientsAgreeWithFiniteDifferencesTest {
    private static void check(Function<Tensor, Tensor> f, double[] x, long... shape) {
        Tensor leaf = Tensor.of(x, shape).requiresGrad(true);
        f.apply(leaf).sum().backward();
        float[] grad = leaf.grad().toFloats();
        for (int i = 0; i < x.length; i++) {
            double h = 1e-5;
            double[] hi = x.clone();
            double[] lo = x.clone();
            hi[i] += h;
            lo[i] -= h;
            double numeric = (f.apply(Tensor.of(hi, shape)).sum().item() - f.apply(Tensor.of(lo, shape)).sum().item()) / (2 * h);
            assertThat((double) grad[i]).isCloseTo(numeric, within(1e-5));
        }
    }

    private static final double[] X = {0.3, -0.7, 1.1, 0.2, -1.4, 0.9};

    @Test
    void elementwise() {
        check(x -> x.silu().mul(x).add(x.gelu(true)), X, 2, 3);
        check(x -> x.square().mean(-1, true).add(1e-5).rsqrt().mul(x).exp(), X, 2, 3);
    }

    @Test
    void joinedAndSplit() {
        check(x -> {
            var parts = x.split(1, 1, 2);
            return Tensor.cat(1, parts.get(1).square(), parts.get(0)).mul(x);
        }, X, 2, 3);
    }

    /** [batch 1, in 2, n 3] by [out 2, in 2, taps 3]; what is beyond the ends is zero. */
    @Test
    void convolved() {
        double[] taps = {0.5, -1, 0.25, 2, 0, 1, -0.5, 0.1, 1, 0.3, -2, 0.7};
        Tensor weight = Tensor.of(taps, 2, 2, 3);
        check(x -> x.conv1d(weight, null, 1, 1).square(), X, 1, 2, 3);
        check(x -> x.conv1d(weight, null, 2, 1).square(), X, 1, 2, 3);
        check(w -> Tensor.of(X, 1, 2, 3).conv1d(w, null, 2, 1).square(), taps, 2, 2, 3);
        Tensor y = Tensor.of(X, 1, 2, 3).conv1d(weight, Tensor.of(new double[] {10, 20}, 2), 2, 1);
        assertThat(y.shape()).containsExactly(1, 2, 2);
        // the first place sees a zero, 0.3 and -0.7, and a zero, 0.2 and -1.4
        assertThat((double) y.toFloats()[0]).isCloseTo(10 - 0.3 - 0.25 * 0.7 - 1.4, within(1e-6));
    }

    @Test
    void nothingIsRecordedWhileNoGradIsOpen() {
        Tensor leaf = Tensor.of(X, 6).requiresGrad(true);
        try (var off = NoGrad.open()) {
            assertThat(leaf.mul(2).requiresGrad()).isFalse();
            try (var on = NoGrad.recording()) {
                assertThat(leaf.mul(2).requiresGrad()).isTrue();
            }
        }
        assertThat(leaf.mul(2).requiresGrad()).isTrue();
    }

    @Test
    void sameSeedGivesSameBits() {
        Libtorch.seed(42);
        float[] a = Tensor.randn(100).toFloats();
        Libtorch.seed(42);
        assertThat(Tensor.randn(100).toFloats()).isEqualTo(a);
    }
}
