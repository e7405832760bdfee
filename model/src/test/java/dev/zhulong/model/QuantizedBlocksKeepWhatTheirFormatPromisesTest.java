package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Traps 39 and 92 as far as quantized bases go. */
class QuantizedBlocksKeepWhatTheirFormatPromisesTest {
    private static final double[] LEVELS = {-1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0, 0.0795803, 0.1609302,
        0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1};

    @TempDir
    Path temporary;

    private static float[] back(float[] values, QuantizedMatrix.Format format, long rows, long columns) {
        try (var matrix = QuantizedMatrix.of(MemorySegment.ofArray(values), format, rows, columns); var scope = TensorScope.open()) {
            return matrix.dequantize().toFloats();
        }
    }

    @Test
    void nf4TakesTheNearestOfSixteenLevelsOfItsBlock() {
        var random = new SplittableRandom(3);
        // rows that are no multiple of a block, and an odd number of elements
        float[] values = new float[37 * 31];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        float[] found = back(values, QuantizedMatrix.Format.NF4, 37, 31);
        for (int from = 0; from < values.length; from += QuantizedMatrix.BLOCK) {
            int to = Math.min(values.length, from + QuantizedMatrix.BLOCK);
            double scale = 0;
            for (int i = from; i < to; i++) {
                scale = Math.max(scale, Math.abs(values[i]));
            }
            for (int i = from; i < to; i++) {
                double nearest = Double.NaN;
                for (double level : LEVELS) {
                    if (Double.isNaN(nearest) || Math.abs(level * scale - values[i]) < Math.abs(nearest - values[i])) {
                        nearest = level * scale;
                    }
                }
                assertThat((double) found[i]).as("element " + i).isCloseTo(nearest, within(1e-5 * scale));
            }
        }
    }

    @Test
    void int8IsWithinHalfAStep() {
        var random = new SplittableRandom(4);
        float[] values = new float[64 * 5 + 3];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(10, i / 64 - 3));
        }
        float[] found = back(values, QuantizedMatrix.Format.INT8, 1, values.length);
        for (int i = 0; i < values.length; i++) {
            double scale = 0;
            for (int j = i / 64 * 64; j < Math.min(values.length, i / 64 * 64 + 64); j++) {
                scale = Math.max(scale, Math.abs(values[j]) / 127);
            }
            assertThat((double) found[i]).isCloseTo(values[i], within(0.5001 * scale));
        }
    }

    @ParameterizedTest
    @EnumSource
    void zerosStayZerosAndBrokenWeightsAreRefused(QuantizedMatrix.Format format) {
        assertThat(back(new float[130], format, 13, 10)).containsOnly(0);
        float[] tiny = new float[64];
        tiny[5] = Float.MIN_VALUE;
        assertThat(back(tiny, format, 8, 8)).doesNotContain(Float.NaN, Float.POSITIVE_INFINITY);
        float[] broken = new float[64];
        broken[7] = Float.NaN;
        assertThatThrownBy(() -> back(broken, format, 8, 8)).hasMessageContaining("NaN");
    }

    @Test
    void aModelInBlocksIsSmallAndAdaptersSitOnIt() {
        var spec = new DecoderSpec(Family.of("llama"), 50, 64, 3, 4, 2, 16, 96, 32, DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU,
                true, new DecoderSpec.Rope(10_000, 16, new DecoderSpec.Scaling.None()), true, false, false, false, false, List.of(0, 0, 0), 0,
                List.of(0));
        try (Decoder model = Decoder.random(spec, 3)) {
            NetworkFiles.save(model, temporary, StorageType.F32);
            int[] ids = {4, 8, 15, 16, 23, 42};
            for (var format : QuantizedMatrix.Format.values()) {
                try (Decoder quantized = DecoderFiles.loadQuantized(temporary, format);
                        var scope = TensorScope.open(); var off = NoGrad.open();
                        LoraAdapter adapter = LoraAdapter.create(quantized, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 1)) {
                    assertThat(quantized.bytes()).isLessThan((long) (0.4 * model.bytes()));
                    float[] exact = model.logits(Tensor.of(ids, 1, ids.length)).toFloats();
                    float[] rounded = quantized.logits(Tensor.of(ids, 1, ids.length)).toFloats();
                    double error = 0;
                    double size = 0;
                    for (int i = 0; i < exact.length; i++) {
                        error += Math.pow(rounded[i] - exact[i], 2);
                        size += Math.pow(exact[i], 2);
                    }
                    assertThat(Math.sqrt(error / size)).isBetween(1e-5, format == QuantizedMatrix.Format.NF4 ? 0.3 : 0.03);
                    quantized.attach(adapter);
                    assertThat(quantized.logits(Tensor.of(ids, 1, ids.length)).toFloats()).isEqualTo(rounded);
                    assertThatThrownBy(() -> LoraMerge.fold(quantized, adapter, StorageType.F32)).hasMessageContaining("own precision");
                    assertThatThrownBy(() -> NetworkFiles.save(quantized, temporary, StorageType.F32)).hasMessageContaining("adapter");
                    quantized.detach();
                }
            }
        }
    }

    /** The first one, without the name of an exception: whichever thread found it. */
    @ParameterizedTest
    @EnumSource
    void aWeightThatIsNotFiniteIsNamedByItsPlace(QuantizedMatrix.Format format) {
        float[] values = new float[2000 * 100];
        values[150_003] = Float.NaN;
        values[123_456] = Float.NEGATIVE_INFINITY;
        assertThatThrownBy(() -> QuantizedMatrix.of(MemorySegment.ofArray(values), format, 2000, 100)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("weight [1234, 56] is -Infinity: expected finite weights");
    }

    /** Off-heap memory, which no collector would give back: 3 GB of it, were it kept. */
    @Test
    void aMatrixThatIsRefusedLeavesNoMemoryBehind() throws Exception {
        Path status = Path.of("/proc/self/statm");
        assumeTrue(Files.isReadable(status), "no /proc: resident memory cannot be read");
        float[] values = new float[4000 * 1000];
        values[3] = Float.NaN;
        MemorySegment wrong = MemorySegment.ofArray(values);
        long before = pages(status);
        for (int i = 0; i < 700; i++) {
            assertThatThrownBy(() -> QuantizedMatrix.of(wrong, QuantizedMatrix.Format.INT8, 4000, 1000)).hasMessageContaining("NaN");
        }
        assertThat((pages(status) - before) * 4096).isLessThan(1_000_000_000);
    }

    private static long pages(Path status) throws IOException {
        return Long.parseLong(Files.readString(status).split(" ")[1]);
    }
}
