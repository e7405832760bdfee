package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.model.Head;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Of heads with a bias, a scale and a cap, in one chunk and in several: the loss and gradients of the graph that libtorch records for {@link Head#logits}. */
class TheChunkedHeadEqualsAutogradTest {
    private static final int HIDDEN = 6;

    @ParameterizedTest
    @CsvSource({"40, 31, false, 0.25, 0", "40, 31, true, 1, 0", "40, 31, false, 1, 2", "600, 17000, true, 1.5, 3"})
    void withBiasScaleAndCap(int rows, int vocab, boolean biased, double scale, double cap) {
        var random = new SplittableRandom(rows + vocab);
        try (var scope = TensorScope.open()) {
            Tensor hidden = values(random, rows, HIDDEN);
            Tensor weight = values(random, vocab, HIDDEN);
            Tensor bias = biased ? values(random, vocab) : null;
            int[] targets = random.ints(rows, 0, vocab).toArray();

            Tensor logits = new Head(weight, bias, scale, cap).logits(hidden);
            Tensor loss = logits.logSoftmax(-1).gather(1, Tensor.of(targets, rows, 1)).sum().neg();
            loss.backward();
            float[] ofHidden = hidden.grad().toFloats();
            float[] ofWeight = weight.grad().toFloats();
            float[] ofBias = biased ? bias.grad().toFloats() : new float[0];
            weight.clearGrad();
            if (biased) {
                bias.clearGrad();
            }
            HeadLoss found = HeadLoss.withGradient(hidden.detach(), new Head(weight, bias, scale, cap), targets);

            assertThat(found.loss().sum()).isCloseTo(loss.item(), within(1e-5 * loss.item()));
            assertClose(found.gradient().toFloats(), ofHidden);
            assertClose(weight.grad().toFloats(), ofWeight);
            if (biased) {
                assertClose(bias.grad().toFloats(), ofBias);
            }
            if (cap > 0) {
                assertThat(logits.abs().max().item()).as("a logit near the cap").isBetween(0.8 * cap, cap);
            }
        }
    }

    private static Tensor values(SplittableRandom random, long... shape) {
        long n = 1;
        for (long size : shape) {
            n *= size;
        }
        float[] values = new float[(int) n];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape).requiresGrad(true);
    }

    private static void assertClose(float[] found, float[] expected) {
        double largest = 0;
        for (float each : expected) {
            largest = Math.max(largest, Math.abs(each));
        }
        assertThat(largest).isGreaterThan(0.1);
        assertThat(found).containsExactly(expected, within((float) (1e-5 * largest)));
    }
}
