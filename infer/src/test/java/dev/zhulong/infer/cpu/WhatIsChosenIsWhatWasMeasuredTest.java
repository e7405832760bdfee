package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Choosing on real engines, though small ones. */
class WhatIsChosenIsWhatWasMeasuredTest {
    private static final List<Optional<WeightType>> TYPES = List.of(Optional.empty(), Optional.of(WeightType.Q8_0), Optional.of(WeightType.INT4));

    @TempDir
    Path directory;

    private ModelDirectory model(Family family) {
        try (Decoder model = TinyDecoder.random(family, 3)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        return ModelDirectory.open(directory);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void theKeptEngineIsTheOneThatIsNamed(Family family) {
        try (ModelDirectory files = model(family)) {
            // int4 loses much here, so that something is measured and does not pass
            Chooser.Chosen chosen = Chooser.of(files, TYPES).choose(List.of(Route.LATENCY), CpuOptions.of(2), ExpectedTask.DEFAULT, 1L << 30, 0.002, step -> { });
            Candidate taken = chosen.choice().taken();
            assertThat(chosen.choice().rise()).isBetween(0.0, 0.002);
            assertThat(chosen.reference().weights()).isEmpty();
            try (CpuEngine named = CpuEngine.load(files, taken.weights(), CpuOptions.of(2).withRoute(taken.route()))) {
                if (chosen.engine() != null) {
                    assertThat(logits(chosen.engine())).isEqualTo(logits(named));
                    chosen.engine().close();
                } else {
                    assertThat(taken.weights()).as("full precision loses nothing, so it was not loaded").isEmpty();
                }
            }
        }
    }

    @Test
    void memoryTakesTheMorePreciseAway() {
        try (ModelDirectory files = model(Family.of("llama"))) {
            var task = new ExpectedTask(8, 8, 1);
            long[] needs = TYPES.stream().mapToLong(type -> CpuMemory.of(files, type, CpuOptions.of(1)).total(16)).toArray();
            Chooser chooser = Chooser.of(files, TYPES);
            Chooser.Chosen int4 = chooser.choose(List.of(Route.LATENCY), CpuOptions.of(1), task, needs[2], 0, step -> { });
            assertThat(int4.choice().taken().weights()).contains(WeightType.INT4);
            assertThat(int4.reference().weights()).as("itself: nothing more precise fits").contains(WeightType.INT4);
            assertThat(int4.engine()).isNull();
            assertThatThrownBy(() -> chooser.choose(List.of(Route.LATENCY), CpuOptions.of(1), task, needs[2] - 1, 0, step -> { }))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("take a smaller model");
        }
    }

    @Test
    void anotherArchitectureHasNoThroughputRoute() {
        String real = System.getProperty("os.arch");
        try (ModelDirectory files = model(Family.of("llama"))) {
            System.setProperty("os.arch", "riscv64");
            Chooser.Chosen chosen = Chooser.of(files, List.of(Optional.empty())).choose(List.of(Route.values()), CpuOptions.of(1),
                    new ExpectedTask(4000, 1, 64), 1L << 30, Double.POSITIVE_INFINITY, step -> { });
            assertThat(chosen.choice().taken().route()).isEqualTo(Route.LATENCY);
            assertThat(chosen.choice().passed()).singleElement().satisfies(passed -> assertThat(passed.why()).contains("riscv64"));
        } finally {
            System.setProperty("os.arch", real);
        }
    }

    /** Against the definition in 64 bits, with distributions written out. */
    @Test
    void theDivergenceIsKullbacksAndLeiblers() {
        var random = new SplittableRandom(5);
        float[] p = new float[40];
        float[] q = new float[40];
        double sumP = 0;
        double sumQ = 0;
        for (int i = 10; i < 40; i++) {
            p[i] = (float) random.nextGaussian(300, 3);
            q[i] = (float) (p[i] + random.nextGaussian(-20, 0.5));
            sumP += Math.exp(p[i] - 300);
            sumQ += Math.exp(q[i] - 280);
        }
        double expected = 0;
        for (int i = 10; i < 40; i++) {
            double a = Math.exp(p[i] - 300) / sumP;
            expected += a * Math.log(a / (Math.exp(q[i] - 280) / sumQ));
        }
        assertThat(QualityProbe.divergence(p, q, 10, 30)).isCloseTo(expected, within(1e-9)).isGreaterThan(0.001);
        assertThat(QualityProbe.divergence(p, p, 10, 30)).isZero();
        q[20] = Float.NaN;
        assertThat(QualityProbe.divergence(p, q, 10, 30)).isNaN();
    }

    /** Four bits fewer are steps 16 times as wide, and the divergence goes with their square. */
    @Test
    void fewerBitsLoseMore() {
        try (ModelDirectory files = model(Family.of("llama"));
                CpuEngine full = CpuEngine.load(files, Optional.empty(), CpuOptions.of(1));
                CpuEngine again = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2));
                CpuEngine int8 = CpuEngine.load(files, Optional.of(WeightType.Q8_0), CpuOptions.of(1));
                CpuEngine int4 = CpuEngine.load(files, Optional.of(WeightType.INT4), CpuOptions.of(1))) {
            var probe = new QualityProbe(full);
            assertThat(probe.rise(again)).as("the same bits").isZero();
            assertThat(probe.rise(int8)).isPositive().isLessThan(probe.rise(int4) / 2);
        }
    }

    private static float[] logits(CpuEngine engine) {
        try (var cache = engine.newCache(5)) {
            return engine.forward(List.of(new Span(cache, new int[] {1, 7, 30, 4, 100})), true).getFirst();
        }
    }
}
