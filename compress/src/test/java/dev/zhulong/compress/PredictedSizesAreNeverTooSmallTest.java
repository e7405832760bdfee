package dev.zhulong.compress;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import static org.assertj.core.api.Assertions.assertThat;

class PredictedSizesAreNeverTooSmallTest {
    @TempDir
    Path temporary;

    @Test
    void ofNoPrecision() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 256, 96, false));
        var size = new PredictedSize(model);
        for (Precision precision : Precision.values()) {
            if (!precision.isDirectory()) {
                Path file = temporary.resolve(precision + ".gguf");
                new Quantization(model, precision, file, false, 2, Progress.SILENT).run();
                assertThat(size.bytes(precision, false)).as(precision.toString()).isBetween(Files.size(file), Files.size(file) + 8_000);
            }
        }
    }

    @Test
    void theVocabularysShareIsOfEmbeddingAndHead() throws IOException {
        Path tied = SmallModels.write(temporary.resolve("tied"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        // 300 x 64 beside two layers of 64 x 64 (q, o), 32 x 64 (k, v), 3 x 96 x 64 and norms
        double layers = 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64 + 2 * 64) + 64;
        assertThat(new PredictedSize(tied).vocabularyShare()).isEqualTo(300 * 64 / (300 * 64 + layers));
    }
}
