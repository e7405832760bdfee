package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Products;
import dev.zhulong.tensor.DType;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Traps 4 and 19: where one rank's gradient overflows F16 nobody steps, all halve the scale, and the step is done again as if nothing had been; norms are of unscaled gradients. */
class AnOverflowOnOneRankIsSkippedByAllTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);
    private static final int STEPS = 6;
    private static final int INJECTED = 3;

    @TempDir
    Path directory;

    private record Run(List<TrainListener.Step> steps, Map<String, float[]> weights, LossScale scale, int passes) {}

    /** Small weights, whose gradients do not overflow by themselves. */
    private static Decoder model() {
        return Decoder.random(Tiny.spec(Family.of("llama"), true), 7);
    }

    /** An objective whose gradients leave the range of F16 in some of its passes. */
    private static final class Overflowing implements Objective<Batch> {
        private final Objective<Batch> within;
        private final Decoder model;
        private final Set<Integer> infinite;
        private int passes;

        Overflowing(Decoder model, Set<Integer> infinite) {
            this.within = new NextToken(model);
            this.model = model;
            this.infinite = infinite;
        }

        @Override
        public Loss accumulate(Batch batch, boolean recompute) {
            if (infinite.contains(passes++)) {
                model.products(new Products(DType.F16, 0x1p60));
            }
            return within.accumulate(batch, recompute);
        }

        @Override
        public Loss evaluate(Batch batch) {
            return within.evaluate(batch);
        }

        @Override
        public Unit unit() {
            return within.unit();
        }

        @Override
        public long tokens(Batch batch) {
            return within.tokens(batch);
        }
    }

    private static TrainOptions options(int accumulation, Precision precision) {
        TrainOptions o = Tiny.options(STEPS, accumulation, 1);
        return new TrainOptions(o.steps(), o.accumulation(), o.schedule(), o.clip(), o.optimizer(), false, o.seed(), 0, 0, 2, 2, precision);
    }

    private static Run run(Path run, Ranks ranks, int accumulation, Precision precision, Set<Integer> infinite, LongFunction<Batch> batches) {
        List<TrainListener.Step> steps = new ArrayList<>();
        try (Decoder model = model()) {
            var objective = new Overflowing(model, infinite);
            var trainer = new Trainer<>(model, objective, new TrainData<>(batches, List.of()), ranks, options(accumulation, precision), run, new TrainListener() {
                @Override
                public void step(Step step) {
                    steps.add(step);
                }
            });
            trainer.train();
            Map<String, float[]> weights = new LinkedHashMap<>();
            model.parameters().forEach((name, tensor) -> weights.put(name, tensor.toFloats()));
            return new Run(steps, weights, trainer.scale(), objective.passes);
        }
    }

    /** @param infinite passes of the second rank */
    private List<Run> together(String name, Precision precision, Set<Integer> infinite) throws Exception {
        List<Run> both = new ArrayList<>();
        try (var threads = Executors.newFixedThreadPool(2); var rendezvous = Rendezvous.open("127.0.0.1", 0, 2, 0, KEY, refused -> {})) {
            List<Future<Run>> runs = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                int rank = i;
                runs.add(threads.submit(() -> {
                    var group = new Group(rank, 2, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", KEY, Duration.ofSeconds(10));
                    try (var ranks = new DataParallel(Collectives.join(group, refused -> {}))) {
                        return run(directory.resolve(name), ranks, 1, precision, rank == 0 ? Set.of() : infinite, number -> Tiny.batch(2 * number + rank));
                    }
                }));
            }
            for (Future<Run> run : runs) {
                both.add(run.get(2, TimeUnit.MINUTES));
            }
        }
        return both;
    }

    /** Sums over ranks are F32 whatever is multiplied, so that nothing is lost on the way. */
    @ParameterizedTest
    @EnumSource(value = Precision.class, names = {"BF16", "FP16"})
    void ranksEndInTheBitsOfOneProcess(Precision precision) throws Exception {
        Run alone = run(directory.resolve("one-" + precision), Ranks.ALONE, 2, precision, Set.of(), Tiny::batch);
        for (Run rank : together("two-" + precision, precision, Set.of())) {
            assertThat(rank.weights).usingRecursiveComparison().isEqualTo(alone.weights);
        }
    }

    @Test
    void threeTimesOnOneOfTwo() throws Exception {
        // the second rank's passes 1, 2 and 5: twice in the second step, once in the fourth
        List<Run> both = together("together", Precision.FP16, Set.of(1, 2, 5));
        for (Run rank : both) {
            assertThat(rank.scale.value()).isEqualTo(LossScale.FIRST.value() / (1 << INJECTED));
            assertThat(rank.passes).isEqualTo(STEPS + INJECTED);
            assertThat(rank.steps).hasSize(STEPS);
        }
        assertThat(both.get(0).weights).usingRecursiveComparison().isEqualTo(both.get(1).weights);
        // what was done again left no trace: schedule, counter and moments are those of a run with the smaller scales from the start
        Run alone = run(directory.resolve("alone"), Ranks.ALONE, 2, Precision.FP32, Set.of(), Tiny::batch);
        for (int i = 0; i < STEPS; i++) {
            TrainListener.Step step = both.get(0).steps.get(i);
            assertThat(step.lr()).isEqualTo(alone.steps.get(i).lr());
            assertThat(step.gradNorm() / alone.steps.get(i).gradNorm()).as("norms are of gradients without the scale").isBetween(0.98, 1.02);
        }
    }

    /** A power of two changes nothing but the range, so that skipped steps are no part of the result. */
    @Test
    void aSkippedStepChangesNothing() {
        Run calm = run(directory.resolve("calm"), Ranks.ALONE, 1, Precision.FP16, Set.of(), Tiny::batch);
        Run shaken = run(directory.resolve("shaken"), Ranks.ALONE, 1, Precision.FP16, Set.of(2, 4), Tiny::batch);
        assertThat(calm.scale.value()).isEqualTo(LossScale.FIRST.value());
        assertThat(shaken.scale.value()).isEqualTo(LossScale.FIRST.value() / 4);
        for (int i = 0; i < STEPS; i++) {
            assertThat(shaken.steps.get(i).lr()).isEqualTo(calm.steps.get(i).lr());
            assertThat(shaken.steps.get(i).loss() / calm.steps.get(i).loss()).isBetween(0.9999, 1.0001);
        }
    }

    @Test
    void atTheSmallestScaleItIsAnError() {
        Set<Integer> always = new java.util.HashSet<>();
        for (int i = 0; i < 40; i++) {
            always.add(i);
        }
        assertThatThrownBy(() -> run(directory.resolve("always"), Ranks.ALONE, 1, Precision.FP16, always, Tiny::batch)).isInstanceOf(TrainingStopped.class)
                .hasMessageContainingAll("step 1", "loss scale of 1", "bf16").hasMessageNotContaining("\n");
    }

    @Test
    void afterCalmStepsItGrows() {
        LossScale scale = LossScale.FIRST.overflowed(1);
        for (int i = 0; i < LossScale.PATIENCE; i++) {
            assertThat(scale.value()).isEqualTo(32768);
            scale = scale.held();
        }
        assertThat(scale).isEqualTo(new LossScale(65536, 0));
    }
}
