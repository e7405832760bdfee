package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.FusedAdamW;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.log.MetricsLog;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The processor's numbers are what every device has to come to; on the processor itself, bit for bit. */
class WhatIsTrainedOnOneDeviceGoesOnOnAnotherTest {
    private static final long STEPS = 8;
    /** A larger epsilon than usual: with 1e-8 a gradient that is nothing but rounding moves a weight as far as any other. */
    private static final AdamW.Settings ADAMW = new AdamW.Settings(0.9, 0.95, 1e-4, 0.1);

    @TempDir
    Path directory;

    private static Device device(String name) {
        Device device = Device.parse(name);
        assumeTrue(device.unavailable() == null, () -> "needs a CUDA GPU: " + device.unavailable());
        return device;
    }

    private static double tolerance(Device device) {
        return device.isCpu() ? 0 : 2e-4;
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void gradientsOfPackedRowsWithAndWithoutRecompute(String name) {
        Device device = device(name);
        Batch packed = Tiny.packed(Tiny.document(7, 1), Tiny.document(5, 2));
        for (Family family : List.of(Family.of("llama"), Family.of("gpt2"))) {
            save(family);
            for (boolean recompute : new boolean[] {false, true}) {
                var here = on(Device.CPU, model -> Tiny.gradients(model, recompute, Tiny.batch(1), packed));
                var there = on(device, model -> Tiny.gradients(model, recompute, Tiny.batch(1), packed));
                assertThat(there.loss().mean()).isCloseTo(here.loss().mean(), within(tolerance(device)));
                assertThat(there.differenceFrom(here)).as("%s, recompute %s", family, recompute).isLessThanOrEqualTo(tolerance(device));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void aRunOfClippedStepsAndItsEvaluation(String name) {
        Device device = device(name);
        save(Family.of("llama"));
        Map<String, float[]> here = train(Device.CPU, directory.resolve("here"), STEPS);
        Map<String, float[]> there = train(device, directory.resolve("there"), STEPS);
        assertClose(losses("there"), losses("here"), device);
        assertClose(there, here, device);
    }

    /** Half a run on one device and its rest on the other are the run on one, as far as the two agree. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void aCheckpointGoesOnElsewhere(String name) {
        Device device = device(name);
        save(Family.of("llama"));
        Map<String, float[]> whole = train(Device.CPU, directory.resolve("whole"), STEPS);
        train(device, directory.resolve("there and here"), STEPS / 2);
        assertClose(train(Device.CPU, directory.resolve("there and here"), STEPS), whole, device);
        train(Device.CPU, directory.resolve("here and there"), STEPS / 2);
        assertClose(train(device, directory.resolve("here and there"), STEPS), whole, device);
    }

    /** What a merged product's hook adds to the gradients comes from a thread of libtorch's on a GPU. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void adaptersOnWholeAndQuantizedBasesWithAndWithoutDropout(String name) {
        Device device = device(name);
        save(Family.of("llama"));
        for (double dropout : new double[] {0, 0.5}) {
            for (QuantizedMatrix.Format format : new QuantizedMatrix.Format[] {null, QuantizedMatrix.Format.NF4, QuantizedMatrix.Format.INT8}) {
                Map<String, float[]> here = adapt(Device.CPU, dropout, format);
                assertClose(adapt(device, dropout, format), here, device);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void preferences(String name) {
        Device device = device(name);
        save(Family.of("llama"));
        assertClose(prefer(device), prefer(Device.CPU), device);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void theNormOfGradients(String name) {
        try (var on = DeviceScope.open(device(name)); var scope = TensorScope.open()) {
            assertThat(FusedAdamW.norm(List.of(Tensor.of(new float[] {3, 0}, 2), Tensor.of(new float[] {4}, 1, 1))).item()).isEqualTo(5);
        }
    }

    private void save(Family family) {
        try (Decoder model = Tiny.decoder(family, family != Family.of("gpt2"))) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
    }

    private <T> T on(Device device, Function<Decoder, T> what) {
        try (var on = DeviceScope.open(device); Decoder model = DecoderFiles.load(directory)) {
            assertThat(model.device()).isEqualTo(device);
            return what.apply(model);
        }
    }

    private Map<String, float[]> train(Device device, Path run, long steps) {
        return on(device, model -> {
            var o = Tiny.options(STEPS, 2, 0.5);
            new Trainer<>(model, Tiny.nextToken(model), Tiny.data(),
                    new TrainOptions(steps, o.accumulation(), o.schedule(), o.clip(), ADAMW, false, o.seed(), 4, 0, 0, 1), run, new TrainListener() { }).train();
            return values(model.parameters());
        });
    }

    /** @param format null for a base in F32 */
    private Map<String, float[]> adapt(Device device, double dropout, QuantizedMatrix.Format format) {
        try (var on = DeviceScope.open(device);
                Decoder model = format == null ? DecoderFiles.load(directory) : DecoderFiles.loadQuantized(directory, format);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(dropout == 0 ? 1 : 2, 4, LoraConfig.ALL_LINEAR).withDropout(dropout), 3)) {
            model.attach(adapter);
            var o = Tiny.options(3, 1, 1);
            Path run = directory.resolve("adapter " + device.kind() + " " + dropout + " " + format);
            new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), new TrainOptions(3, 1, o.schedule(), 1, ADAMW, true, 5, 0, 0, 0, 1), run,
                    new TrainListener() { }).train();
            return values(adapter.parameters());
        }
    }

    private Map<String, float[]> prefer(Device device) {
        try (var on = DeviceScope.open(device); Decoder model = DecoderFiles.load(directory);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 3)) {
            model.attach(adapter);
            model.requiresGrad(true);
            Loss loss = new Dpo(model, 0.1, 0).accumulate(Tiny.batch(1), false);
            Map<String, float[]> all = new LinkedHashMap<>();
            all.put("loss", new float[] {(float) loss.mean()});
            adapter.parameters().forEach((weight, t) -> {
                if (t.grad() != null) {
                    all.put(weight, t.grad().toFloats());
                    t.clearGrad();
                }
            });
            return all;
        }
    }

    private static Map<String, float[]> values(Map<String, Tensor> weights) {
        Map<String, float[]> values = new LinkedHashMap<>();
        weights.forEach((name, t) -> values.put(name, t.toFloats()));
        return values;
    }

    private Map<String, float[]> losses(String run) {
        List<Float> all = new ArrayList<>();
        MetricsLog.read(directory.resolve(run).resolve("metrics.jsonl")).forEach(line -> {
            for (String field : List.of("loss", "grad_norm", "validation_loss")) {
                if (line.get(field) instanceof Number number) {
                    all.add(number.floatValue());
                }
            }
        });
        float[] values = new float[all.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = all.get(i);
        }
        return Map.of("metrics", values);
    }

    /** Each within the tolerance, relative to the largest of the same weight. */
    private static void assertClose(Map<String, float[]> found, Map<String, float[]> expected, Device device) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        found.forEach((name, values) -> {
            float[] wanted = expected.get(name);
            assertThat(values).as(name).hasSameSizeAs(wanted);
            float largest = 1e-3f;
            for (float v : wanted) {
                largest = Math.max(largest, Math.abs(v));
            }
            for (int i = 0; i < values.length; i++) {
                // some steps of AdamW magnify what two devices' sums differ in
                assertThat(values[i]).as("%s, element %d", name, i).isCloseTo(wanted[i], within((float) (10 * tolerance(device) * largest)));
            }
        });
    }
}
