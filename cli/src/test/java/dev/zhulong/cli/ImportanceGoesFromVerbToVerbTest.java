package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImportanceGoesFromVerbToVerbTest {
    @TempDir
    static Path temporary;

    private static Path model;
    private static Path text;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        text = Files.writeString(temporary.resolve("notes.txt"), TinyModel.text(30) + TinyModel.text(31));
    }

    @Test
    void collectedThenUsed() {
        Path file = temporary.resolve("model.imatrix.gguf");
        Cli collected = Cli.run("imatrix", "--model", model, "--text", text, "--out", file, "--tokens", "64").done();
        assertThat(collected.out()).contains("importance of").contains("tokens");
        Path out = temporary.resolve("weighed.gguf");
        Cli.run("quantize", "--model", model, "--to", "q4_0", "--imatrix", file, "--no-measure", "--out", out).done();
        try (GgufFile written = GgufFile.open(out)) {
            assertThat(written.metadata().text("quantize.imatrix.file")).contains("model.imatrix.gguf");
            assertThat(written.metadata().text("quantize.imatrix.dataset")).contains("notes.txt");
        }
        // nothing is replaced unasked
        assertThat(Cli.run("imatrix", "--model", model, "--text", text, "--out", file).err()).contains("--force");
    }

    @Test
    void noMoreTokensAreReadThanWereAskedFor() {
        for (String tokens : new String[] {"20", "70"}) {
            Cli few = Cli.run("imatrix", "--model", model, "--text", text, "--out", temporary.resolve(tokens), "--tokens", tokens).done();
            // whole chunks: the context has room for 64
            assertThat(few.out()).contains("from " + Math.min(64, Integer.parseInt(tokens)) + " tokens");
        }
    }

    @Test
    void layersAreCalibratedOnOtherTextThanIsMeasured() throws IOException {
        Path out = temporary.resolve("calibrated.gguf");
        Cli calibrated = Cli.run("quantize", "--model", model, "--to", "q4_0", "--calibrate", text, "--tokens", "256", "--no-measure", "--out", out).done();
        assertThat(calibrated.err()).contains("with feedback");
        try (GgufFile written = GgufFile.open(out)) {
            assertThat(written.metadata().text("zhulong.calibration.dataset")).contains("notes.txt");
        }
        Cli same = Cli.run("quantize", "--model", model, "--to", "q4_0", "--calibrate", text, "--text", text, "--out", temporary.resolve("x.gguf"));
        assertThat(same.code()).isEqualTo(2);
        assertThat(same.err()).contains("notes.txt is given to --calibrate and to --text");
        assertThat(Cli.run("quantize", "--model", model, "--to", "q4_0", "--tokens", "5", "--out", temporary.resolve("x.gguf")).code()).isEqualTo(2);
    }

    @Test
    void whatIsNoImportanceAndWhatIsNoTextIsSaid() throws IOException {
        assertThat(Cli.run("quantize", "--model", model, "--to", "q4_0", "--imatrix", text, "--no-measure", "--out", temporary.resolve("x.gguf")).err())
                .contains("notes.txt").contains("no imatrix file");
        Path empty = Files.writeString(temporary.resolve("empty.txt"), "");
        assertThat(Cli.run("imatrix", "--model", model, "--text", empty, "--out", temporary.resolve("x.gguf")).err()).contains("empty.txt").contains("at least 16");
        assertThat(temporary.resolve("x.gguf")).doesNotExist();
    }
}
