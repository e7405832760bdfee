package dev.zhulong.compress.recover;

import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.compress.SmallModels;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class WhatRoundingLostIsWonBackInTheSameBitsTest {
    private static final List<String> TEXTS = IntStream.range(0, 40).mapToObj(SmallModels::text).toList();

    @TempDir
    Path temporary;

    private Path model(int hidden) throws IOException {
        // smaller weights than elsewhere: what a step changes is to follow from its gradient
        return SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), hidden, 2 * hidden, false), (name, values) -> {
            for (int i = 0; !name.contains("norm") && i < values.length; i++) {
                values[i] *= name.contains("lm_head") ? 0.2f : 0.5f;
            }
        });
    }

    private Path quantised(Path model, Precision precision) {
        Path file = temporary.resolve(precision + ".gguf");
        new Quantization(model, precision, file, false, 2, Progress.SILENT).run();
        return file;
    }

    /** Few bits have much to win in a few steps, four bits little. */
    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q2_0"})
    void typesAndScalesStayAndTheDivergenceFalls(Precision precision) throws IOException {
        Path model = model(64);
        Path start = quantised(model, precision);
        Path out = temporary.resolve("better.gguf");
        Recovery.Result result = new Recovery(model, start, Progress.SILENT).run(TEXTS, List.of(), 60, temporary.resolve("run"), out);
        assertThat(result.before()).isPositive();
        assertThat(result.after()).as("nats a token, from %f", result.before()).isLessThan(precision == Precision.Q2_0 ? 0.98 * result.before() : result.before());
        assertThat(result.step()).isPositive();
        try (GgufModel before = GgufModel.open(start); GgufModel after = GgufModel.open(out)) {
            Map<String, GgufTensor> tensors = before.file().tensors();
            assertThat(after.file().metadata().values()).isEqualTo(before.file().metadata().values());
            boolean changed = false;
            for (GgufTensor tensor : after.file().tensors().values()) {
                GgufTensor former = tensors.get(tensor.name());
                assertThat(tensor.type()).isEqualTo(former.type());
                WeightType type = WeightType.valueOf(tensor.type().name());
                if (!type.quantised()) {
                    assertThat(tensor.data().mismatch(former.data())).as(tensor.name()).isEqualTo(-1);
                    continue;
                }
                if (type == WeightType.Q8_0 || type == WeightType.Q6_K) {
                    assertThat(tensor.data().mismatch(former.data())).as(tensor.name() + " in many bits").isEqualTo(-1);
                    continue;
                }
                changed |= tensor.data().mismatch(former.data()) >= 0;
                requantisedAsItIs(tensor, type);
            }
            assertThat(changed).isTrue();
        }
    }

    /** What was trained on a lattice is on it: rounding it once more, as whoever reads the file elsewhere may do, finds the same values (ggml #24603). */
    private static void requantisedAsItIs(GgufTensor tensor, WeightType type) {
        int columns = Math.toIntExact(tensor.shape()[1]);
        for (int row = 0; row < tensor.shape()[0]; row++) {
            float[] values = new float[columns];
            WeightRows.decode(type, tensor.data(), row, columns, values);
            byte[] again = Quantiser.row(type, values, Quantiser.Search.SCALES);
            float[] then = new float[columns];
            WeightRows.decode(type, MemorySegment.ofArray(again), 0, columns, then);
            for (int i = 0; i < columns; i++) {
                assertThat(then[i]).as("%s, row %d, weight %d", tensor.name(), row, i).isEqualTo(values[i] + 0f);
            }
        }
    }

    @Test
    void theSameRunGivesTheSameBytesAndGoesOnWhereItWasStopped() throws IOException {
        Path model = model(64);
        Path start = quantised(model, Precision.Q4_0);
        var recovery = new Recovery(model, start, Progress.SILENT);
        recovery.run(TEXTS, List.of(), 16, temporary.resolve("one"), temporary.resolve("one.gguf"));
        recovery.run(TEXTS, List.of(), 16, temporary.resolve("two"), temporary.resolve("two.gguf"));
        assertThat(ContentHash.ofFile(temporary.resolve("two.gguf"))).isEqualTo(ContentHash.ofFile(temporary.resolve("one.gguf")));
        assertThat(Files.list(temporary.resolve("one/checkpoints"))).isNotEmpty();
        // stopped between its last step and its file
        recovery.run(TEXTS, List.of(), 16, temporary.resolve("one"), temporary.resolve("again.gguf"));
        assertThat(ContentHash.ofFile(temporary.resolve("again.gguf"))).isEqualTo(ContentHash.ofFile(temporary.resolve("one.gguf"))).isNotEqualTo(ContentHash.ofFile(start));
    }

    @Test
    void matricesThatAreStoredTheOtherWayRoundAreRefusedByName() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("gpt2"), 64, 128, true));
        Path start = quantised(model, Precision.Q4_0);
        assertThatIllegalArgumentException().isThrownBy(() -> RoundedWeights.of(start)).withMessageContaining("blk.0.").withMessageContaining("the other way round");
    }
}
