package dev.zhulong.compress.recover;

import dev.zhulong.compress.SmallModels;
import dev.zhulong.compress.prune.DecoderPrune;
import dev.zhulong.compress.prune.Staying;
import dev.zhulong.compress.prune.Staying.Wanted;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import static org.assertj.core.api.Assertions.assertThat;

class AStudentIsMeasuredBesideItsControlTest {
    private static final List<String> TEXTS = IntStream.range(0, 40).mapToObj(SmallModels::text).toList();

    @TempDir
    Path temporary;

    @Test
    void itComesNearerToTheWholeModelThanOneThatLearnsTheTextAlone() throws IOException {
        Path whole = SmallModels.write(temporary.resolve("whole"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        Path cut = temporary.resolve("cut");
        try (Decoder decoder = DecoderFiles.load(whole)) {
            DecoderPrune.write(whole, decoder, Staying.choose(decoder.spec(), Wanted.layers(List.of(0)), null), cut);
        }
        Path out = temporary.resolve("student");
        var student = new Student(whole, cut, Progress.SILENT);
        Student.Result result = student.run(TEXTS, List.of(), 24, temporary.resolve("run"), out);
        assertThat(result.after()).isPositive().isLessThan(result.before()).isLessThan(result.control());
        try (Decoder read = DecoderFiles.load(out)) {
            assertThat(read.spec().layers()).isEqualTo(1);
        }
        assertThat(out.resolve("tokenizer.json")).hasSameBinaryContentAs(whole.resolve("tokenizer.json"));

        // stopped between its last step and its directory
        assertThat(student.run(TEXTS, List.of(), 24, temporary.resolve("run"), temporary.resolve("again"))).isEqualTo(result);
        assertThat(Files.mismatch(out.resolve("model.safetensors"), temporary.resolve("again/model.safetensors"))).isEqualTo(-1);
    }
}
