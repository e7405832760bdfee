package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A model is loaded and adapted on the device without numbers, which every machine has: whatever of it stayed on the processor, or read its memory
 * as the processor's, fails.
 */
class NothingOfAModelStaysOnTheProcessorTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void weightsThatAreLoaded(Family family) {
        saved(family);
        try (var on = DeviceScope.open(Device.META); Decoder model = DecoderFiles.load(directory)) {
            assertThat(model.device()).isEqualTo(Device.META);
            assertAway(model.parameters());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void freshWeightsAndAnAdapterFreshOrLoaded(Family family) {
        DecoderSpec spec = SpecDraft.of(family).build();
        LoraConfig config = LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR).withDora(true);
        try (Decoder model = Decoder.random(spec, 1); LoraAdapter adapter = LoraAdapter.create(model, config, 1)) {
            adapter.save(directory, StorageType.F32);
        }
        try (var on = DeviceScope.open(Device.META); Decoder model = Decoder.random(spec, 1); LoraAdapter fresh = LoraAdapter.create(model, config, 1);
                LoraAdapter loaded = LoraAdapter.load(directory, model)) {
            assertAway(model.parameters());
            assertAway(fresh.parameters());
            assertAway(loaded.parameters());
        }
    }

    @ParameterizedTest
    @EnumSource(QuantizedMatrix.Format.class)
    void blocksOfAQuantizedBase(QuantizedMatrix.Format format) {
        saved(Family.of("qwen2"));
        try (Decoder here = DecoderFiles.loadQuantized(directory, format); var on = DeviceScope.open(Device.META);
                Decoder model = DecoderFiles.loadQuantized(directory, format)) {
            assertAway(model.parameters());
            assertThat(model.bytes()).isEqualTo(here.bytes());
        }
    }

    @Test
    void rotaryTables() {
        DecoderSpec spec = SpecDraft.of(Family.of("llama")).build();
        try (var on = DeviceScope.open(Device.META); var table = new RotaryTable(spec.rope())) {
            assertThat(table.cos(10).device()).isEqualTo(Device.META);
            assertThat(table.sin(10).device()).isEqualTo(Device.META);
        }
    }

    @Test
    void whatHasNoNumbersIsNotWritten() {
        try (var on = DeviceScope.open(Device.META); Decoder model = Decoder.random(SpecDraft.of(Family.of("llama")).build(), 1)) {
            assertThatThrownBy(() -> NetworkFiles.save(model, directory, StorageType.F32)).isInstanceOf(RuntimeException.class);
        }
    }

    /** The operations a GPU makes a quantized matrix whole by, on the processor, where loops over the blocks say what they must give. */
    @ParameterizedTest
    @EnumSource(QuantizedMatrix.Format.class)
    void blocksAreMadeWholeByOperationsAsByLoops(QuantizedMatrix.Format format) {
        var random = new SplittableRandom(9);
        for (long[] shape : new long[][] {{64, 2}, {37, 31}, {1, 1}, {3, 128}}) {
            float[] values = new float[(int) (shape[0] * shape[1])];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            try (var matrix = QuantizedMatrix.of(MemorySegment.ofArray(values), format, shape[0], shape[1]); var blocks = matrix.onDevice();
                    var scope = TensorScope.open()) {
                Tensor whole = blocks.dequantize(shape);
                assertThat(whole.shape()).isEqualTo(shape);
                assertThat(whole.toFloats()).isEqualTo(matrix.dequantize().toFloats());
            }
        }
    }

    private void saved(Family family) {
        try (Decoder made = Decoder.random(SpecDraft.of(family).build(), 1)) {
            NetworkFiles.save(made, directory, StorageType.BF16);
        }
    }

    private static void assertAway(Map<String, Tensor> weights) {
        assertThat(weights).isNotEmpty().allSatisfy((name, t) -> assertThat(t.device()).as(name).isEqualTo(Device.META));
    }
}
