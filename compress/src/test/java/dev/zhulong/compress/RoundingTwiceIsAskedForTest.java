package dev.zhulong.compress;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class RoundingTwiceIsAskedForTest {
    @TempDir
    Path temporary;

    private Path eight;

    @BeforeEach
    void write() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        eight = temporary.resolve("eight.gguf");
        new Quantization(model, Precision.Q8_0, eight, false, 1, Progress.SILENT).run();
        new Quantization(model, Precision.Q4, temporary.resolve("int4"), false, 1, Progress.SILENT).run();
    }

    @Test
    void quantisedWeightsAreRefused() {
        Path out = temporary.resolve("out.gguf");
        assertThatThrownBy(() -> new Quantization(eight, Precision.Q4_0, out, false, 1, Progress.SILENT))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("eight.gguf").hasMessageContaining("Q8_0")
                .hasMessageContaining("--requantize");
        assertThat(out).doesNotExist();
    }

    /** What it was made from is at hand: its zhulong.json names it. */
    @Test
    void ownInt4IsRefusedEvenThen() {
        assertThatThrownBy(() -> new Quantization(temporary.resolve("int4"), Precision.Q4_0, temporary.resolve("out.gguf"), true, 1, Progress.SILENT))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("int4").hasMessageContaining("made from");
    }

    @Test
    void askedForItRoundsWhatWasRounded() {
        Path out = temporary.resolve("out.gguf");
        new Quantization(eight, Precision.Q4_0, out, true, 1, Progress.SILENT).run();
        try (GgufModel from = GgufModel.open(eight);
                GgufModel to = GgufModel.open(out)) {
            GgufTensor before = from.file().tensor("blk.1.ffn_up.weight");
            GgufTensor after = to.file().tensor("blk.1.ffn_up.weight");
            assertThat(after.type().name()).isEqualTo("Q4_0");
            float[] row = new float[64];
            for (int r = 0; r < 96; r++) {
                WeightRows.decode(WeightType.Q8_0, before.data(), r, 64, row);
                byte[] expected = Quantiser.row(WeightType.Q4_0, row, Quantiser.Search.SCALES);
                MemorySegment actual = after.data().asSlice((long) r * expected.length, expected.length);
                assertThat(actual.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
            }
        }
    }
}
