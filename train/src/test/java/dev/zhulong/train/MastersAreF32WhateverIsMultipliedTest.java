package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Products;
import dev.zhulong.tensor.DType;
import dev.zhulong.train.schedule.Constant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Traps 19, 20 and 21: only the factors of projections have 16 bits; weights, gradients, moments and checkpoints have 32. */
class MastersAreF32WhateverIsMultipliedTest {
    private static final String QUERIES = "model.layers.0.self_attn.q_proj.weight";

    @TempDir
    Path directory;

    private static Tiny.Gradients gradients(DType type, boolean recompute) {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            model.products(new Products(type, type == DType.F16 ? 1024 : 1));
            return Tiny.gradients(model, recompute, Tiny.batch(1), Tiny.batch(2));
        }
    }

    @ParameterizedTest
    @CsvSource({"BF16, 0.05", "F16, 0.006"})
    void gradientsAreThoseOfF32ButForTheRoundingOfFactors(DType type, double most) {
        Tiny.Gradients exact = gradients(DType.F32, false);
        Tiny.Gradients rounded = gradients(type, false);
        assertThat(rounded.differenceFrom(exact)).isBetween(1e-5, most);
        // run again a block gives the same, as dropped out or not it does in F32
        assertThat(gradients(type, true).differenceFrom(rounded)).isLessThan(1e-6);
    }

    @ParameterizedTest
    @EnumSource(value = Precision.class, names = {"BF16", "FP16"})
    void stepsTooSmallForSixteenBitsAreKept(Precision precision) {
        // a ten-thousandth of a weight: a BF16 has 8 bits, an F16 11
        var options = new TrainOptions(3, 1, new Constant(1e-6, 0, 3), 1, new AdamW.Settings(0.9, 0.95, 1e-8, 0), false, 5, 0, 0, 0, 1, precision);
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            float[] before = model.parameters().get(QUERIES).toFloats();
            new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), options, directory, new TrainListener() {}).train();
            float[] after = model.parameters().get(QUERIES).toFloats();
            int moved = 0;
            for (int i = 0; i < before.length; i++) {
                moved += before[i] != after[i] ? 1 : 0;
                assertThat(Math.abs(after[i] - before[i])).isLessThan(1e-5f);
            }
            assertThat(moved).isGreaterThan(before.length * 9 / 10);
            assertThat(model.parameters().values()).allMatch(weight -> weight.dtype() == DType.F32);
            Path checkpoint = new Checkpoints(directory.resolve("checkpoints"), 1).newest(said -> {}).orElseThrow();
            try (SafetensorsFile stored = SafetensorsFile.open(checkpoint.resolve("model.safetensors"))) {
                assertThat(stored.tensors().values()).allMatch(view -> view.type() == StorageType.F32);
                assertThat(stored.tensors().get(QUERIES).toFloats()).isEqualTo(after);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = Precision.class, names = {"BF16", "FP16"})
    void aStoppedRunEndsInTheSameBits(Precision precision) throws IOException {
        Map<String, float[]> whole = weights(directory.resolve("whole"), precision, 6);
        Path stopped = directory.resolve("stopped");
        weights(stopped, precision, 6);
        // as after a kill: what followed the checkpoint of step 3 is gone
        List<Path> later;
        try (var all = Files.list(stopped.resolve("checkpoints"))) {
            later = all.filter(path -> !path.getFileName().toString().endsWith("3")).toList();
        }
        assertThat(later).isNotEmpty();
        later.forEach(dev.zhulong.formats.FileTree::delete);
        assertThat(weights(stopped, precision, 6)).usingRecursiveComparison().isEqualTo(whole);
    }

    private static Map<String, float[]> weights(Path run, Precision precision, int steps) {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), Tiny.options(steps, 1, 1).in(precision), run, new TrainListener() {}).train();
            Map<String, float[]> all = new LinkedHashMap<>();
            model.parameters().forEach((name, tensor) -> all.put(name, tensor.toFloats()));
            return all;
        }
    }

    @Test
    void anAdapterIsTrainedOverABaseThatIsMultipliedInBf16() {
        List<Double> losses = new ArrayList<>();
        try (Decoder model = Tiny.decoder(Family.of("llama"), true);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 3)) {
            model.attach(adapter);
            Batch batch = Tiny.batch(4);
            var options = new TrainOptions(30, 1, new Constant(2e-2, 0, 30), 1, Tiny.ADAMW, false, 5, 0, 0, 0, 1, Precision.BF16);
            new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(number -> batch, List.of()), options, directory, new TrainListener() {
                @Override
                public void step(Step step) {
                    losses.add(step.loss());
                }
            }).train();
            assertThat(adapter.parameters().values()).allMatch(weight -> weight.dtype() == DType.F32);
        }
        assertThat(losses.getLast()).isLessThan(losses.getFirst() * 0.8);
    }

    /** A12: the rounding of factors is noise that training goes through. */
    @Test
    void heldOutLossIsWithinAPercentOfThatOfF32() {
        double full = heldOut(Precision.FP32);
        assertThat(heldOut(Precision.BF16) / full).isBetween(0.99, 1.01);
        assertThat(heldOut(Precision.FP16) / full).isBetween(0.99, 1.01);
        assertThat(full).as("something has been learnt").isLessThan(0.8 * Math.log(Tiny.VOCAB));
    }

    /** Of a text in which each token follows from the one before it but for some noise. */
    private double heldOut(Precision precision) {
        var options = new TrainOptions(80, 1, new Constant(5e-3, 0, 80), 1, Tiny.ADAMW, false, 5, 0, 0, 0, 1, precision);
        try (Decoder model = Decoder.random(Tiny.spec(Family.of("llama"), true), 7)) {
            var data = new TrainData<>(MastersAreF32WhateverIsMultipliedTest::chain, List.of(chain(1_000_000), chain(1_000_001), chain(1_000_002)));
            return new Trainer<>(model, Tiny.nextToken(model), data, options, directory.resolve("loss-" + precision), new TrainListener() {}).train().orElseThrow().loss();
        }
    }

    private static Batch chain(long number) {
        var random = new java.util.SplittableRandom(number);
        int[][] rows = new int[8][24];
        for (int[] row : rows) {
            row[0] = random.nextInt(Tiny.VOCAB);
            for (int i = 1; i < row.length; i++) {
                row[i] = random.nextInt(8) == 0 ? random.nextInt(Tiny.VOCAB) : (3 * row[i - 1] + 1) % Tiny.VOCAB;
            }
        }
        return Tiny.rows(24, rows);
    }

    @Test
    void whatIsBrokenInBf16IsNamed() {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            model.parameters().get(QUERIES).select(0, 1).fill_(Double.NaN);
            assertThatThrownBy(() -> new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), Tiny.options(4, 1, 1).in(Precision.BF16), directory, new TrainListener() {}).train())
                    .isInstanceOf(TrainingStopped.class).hasMessageContainingAll("step 1", QUERIES);
        }
    }

    @Test
    void afterAStepTheNetworkMultipliesInF32Again() {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            var objective = Tiny.nextToken(model);
            weightsOf(model, objective);
            double full = objective.evaluate(Tiny.batch(9)).sum();
            model.products(new Products(DType.BF16, 1));
            assertThat(objective.evaluate(Tiny.batch(9)).sum()).isNotEqualTo(full);
            model.products(Products.FULL);
            assertThat(objective.evaluate(Tiny.batch(9)).sum()).isEqualTo(full);
        }
    }

    private void weightsOf(Decoder model, NextToken objective) {
        new Trainer<>(model, objective, Tiny.data(), Tiny.options(2, 1, 1).in(Precision.BF16), directory, new TrainListener() {}).train();
    }
}
