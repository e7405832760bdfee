package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorsHaveTheTypesChosenForThemTest {
    @TempDir
    Path temporary;

    @Test
    void theFirstExpressionDecidesAndTheMixAboutTheRest() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 64, 96, false));
        Path whole = temporary.resolve("whole.gguf");
        new Quantization(model, Precision.F32, whole, false, 1, Progress.SILENT).run();
        TensorTypes types = TensorTypes.parse(List.of("blk\\.0\\.ffn_down=q8_0", "ffn_DOWN=Q5_1", "output.weight=f16", "norm=q4_0"));
        for (Path source : List.of(model, whole)) {
            Path out = temporary.resolve("out.gguf");
            new Quantization(source, Precision.Q4_0, out, false, 1, Progress.SILENT).types(types).run();
            try (GgufFile file = GgufFile.open(out)) {
                assertThat(file.tensor("blk.0.ffn_down.weight").type()).isEqualTo(GgufType.Q8_0);
                assertThat(file.tensor("blk.1.ffn_down.weight").type()).isEqualTo(GgufType.Q5_1);
                assertThat(file.tensor("blk.1.ffn_up.weight").type()).isEqualTo(GgufType.Q4_0);
                // and attn_output.weight, whose name ends so too, as in llama-quantize
                assertThat(file.tensor("blk.1.attn_output.weight").type()).isEqualTo(GgufType.F16);
                assertThat(file.tensor("output.weight").type()).isEqualTo(GgufType.F16);
                // what is no matrix stays whole
                assertThat(file.tensor("blk.0.attn_norm.weight").type()).isEqualTo(GgufType.F32);
            }
        }
        assertThatThrownBy(() -> new Quantization(model, Precision.Q4_0, temporary.resolve("x.gguf"), false, 1, Progress.SILENT).types(TensorTypes.parse(List.of("attn_q=q6_k"))).run())
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("blk.0.attn_q.weight has rows of 64").hasMessageContaining("256");
    }

    @Test
    void whatIsNoRuleIsSaid() {
        for (String wrong : List.of("ffn_down", "=q4_0", "a=int4", "a=iq2_xxs", "a=", "(=q4_0")) {
            assertThatThrownBy(() -> TensorTypes.parse(List.of(wrong))).as(wrong).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
