package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.tensor.FastProducts;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What training relies on, of every objective. A test that extends this says over which weights and batches.
 *
 * @param <O> the objective
 */
abstract class ObjectiveContract<O extends Objective<B>, B> {
    private static final double STEP = 2e-2;

    abstract O objective();

    /** What is trained, by name, all of it in F32 on the processor; gradients are asked for. */
    abstract Map<String, Tensor> weights();

    /** Two batches that differ. */
    abstract List<B> batches();

    /** What is supervised in {@code batch}, counted without the objective. */
    abstract long supervised(B batch);

    abstract Unit unit();

    @ParameterizedTest(name = "recompute {0}")
    @ValueSource(booleans = {false, true})
    void gradientsEqualFiniteDifferencesOfTheLoss(boolean recompute) {
        B batch = batches().getFirst();
        objective().accumulate(batch, recompute);
        var random = new SplittableRandom(1);
        taken().forEach((name, g) -> {
            double[] along = new double[g.length];
            for (int i = 0; i < g.length; i++) {
                along[i] = g[i];
            }
            double size = norm(along);
            double tolerance = 3e-2 * size + 4e-3;
            if (size > 0) {
                assertThat(slope(name, batch, along)).as(name).isCloseTo(size, within(tolerance));
            }
            double[] any = random.doubles(g.length, -1, 1).toArray();
            double expected = 0;
            for (int i = 0; i < g.length; i++) {
                expected += g[i] * any[i] / norm(any);
            }
            assertThat(slope(name, batch, any)).as(name + ", at random").isCloseTo(expected, within(tolerance));
        });
    }

    @Test
    void evaluatingIsDeterministicAndChangesNothing() {
        Map<String, float[]> before = values();
        for (B batch : batches()) {
            Loss once = objective().evaluate(batch);
            assertThat(objective().evaluate(batch)).isEqualTo(once);
        }
        assertThat(weights().values()).allMatch(w -> w.grad() == null && w.requiresGrad());
        assertSame(values(), before);

        objective().accumulate(batches().get(0), false);
        Map<String, float[]> gradients = gradients();
        objective().evaluate(batches().get(1));
        assertSame(taken(), gradients);
    }

    @ParameterizedTest(name = "recompute {0}")
    @ValueSource(booleans = {false, true})
    void accumulatingMovesNoWeightAndGivesTheLossThatEvaluatingGives(boolean recompute) {
        Map<String, float[]> before = values();
        for (B batch : batches()) {
            Loss loss = objective().accumulate(batch, recompute);
            Loss evaluated = objective().evaluate(batch);
            assertThat(loss.sum()).isCloseTo(evaluated.sum(), within(1e-5 * Math.abs(evaluated.sum())));
            assertThat(loss.count()).isEqualTo(evaluated.count());
            assertThat(loss.bytes()).isEqualTo(evaluated.bytes());
        }
        assertSame(values(), before);
        taken();
    }

    @Test
    void aBatchHasTheSameGradientBitsEachTime() {
        objective().accumulate(batches().getFirst(), false);
        Map<String, float[]> once = taken();
        objective().accumulate(batches().getFirst(), false);
        assertSame(taken(), once);
    }

    @Test
    void accumulatingTwiceGivesTheSum() {
        objective().accumulate(batches().get(0), false);
        Map<String, float[]> first = taken();
        objective().accumulate(batches().get(1), false);
        Map<String, float[]> second = taken();
        objective().accumulate(batches().get(0), false);
        objective().accumulate(batches().get(1), false);
        taken().forEach((name, sum) -> {
            double largest = 0;
            double difference = 0;
            for (int i = 0; i < sum.length; i++) {
                double expected = (double) first.get(name)[i] + second.get(name)[i];
                largest = Math.max(largest, Math.abs(expected));
                difference = Math.max(difference, Math.abs(sum[i] - expected));
            }
            assertThat(difference).as(name).isLessThanOrEqualTo(1e-5 * largest);
        });
    }

    @Test
    void whatWasSupervisedIsCounted() {
        // all batches together are multiplied as in training
        try (var fast = FastProducts.open()) {
            Loss total = Loss.NONE;
            for (B batch : batches()) {
                Loss loss = objective().evaluate(batch);
                assertThat(loss.count()).isPositive().isEqualTo(supervised(batch));
                assertThat(loss.mean()).isEqualTo(loss.sum() / loss.count());
                total = total.plus(loss);
            }
            assertThat(objective().evaluateAll(batches())).isEqualTo(total);
            assertThat(objective().evaluateAll(List.of())).isEqualTo(Loss.NONE);
        }
    }

    @Test
    void theUnitIsNamed() {
        assertThat(objective().unit()).isEqualTo(unit());
        assertThat(objective().unit().toString()).contains(unit().loss()).endsWith(unit().each());
        assertThat(batches()).allMatch(batch -> objective().tokens(batch) > 0);
    }

    /** Change of the loss for a move of length one along {@code direction}. */
    private double slope(String name, B batch, double[] direction) {
        return (moved(name, batch, direction, STEP / norm(direction)) - moved(name, batch, direction, -STEP / norm(direction))) / (2 * STEP);
    }

    private double moved(String name, B batch, double[] direction, double by) {
        MemorySegment weight = weights().get(name).segment();
        float[] before = weight.toArray(ValueLayout.JAVA_FLOAT);
        for (int i = 0; i < before.length; i++) {
            weight.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (before[i] + by * direction[i]));
        }
        double loss = objective().evaluate(batch).sum();
        MemorySegment.copy(before, 0, weight, ValueLayout.JAVA_FLOAT, 0, before.length);
        return loss;
    }

    private static double norm(double[] g) {
        double sum = 0;
        for (double v : g) {
            sum += v * v;
        }
        return Math.sqrt(sum);
    }

    private Map<String, float[]> values() {
        Map<String, float[]> all = new LinkedHashMap<>();
        weights().forEach((name, w) -> all.put(name, w.toFloats()));
        return all;
    }

    private Map<String, float[]> gradients() {
        Map<String, float[]> all = new LinkedHashMap<>();
        weights().forEach((name, w) -> {
            if (w.grad() != null) {
                all.put(name, w.grad().toFloats());
            }
        });
        assertThat(all).isNotEmpty();
        return all;
    }

    /** The gradients, which are then no more. */
    private Map<String, float[]> taken() {
        Map<String, float[]> all = gradients();
        weights().values().forEach(Tensor::clearGrad);
        return all;
    }

    private static void assertSame(Map<String, float[]> found, Map<String, float[]> expected) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, values) -> assertThat(found.get(name)).as(name).isEqualTo(values));
    }
}
