package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CleanMediaListsWhatStaysTest {
    @TempDir
    Path temporary;

    private Path data;

    @BeforeEach
    void draw() throws IOException {
        data = Files.createDirectory(temporary.resolve("data"));
        for (int seed = 1; seed < 3; seed++) {
            var image = new BufferedImage(48, 40, BufferedImage.TYPE_INT_RGB);
            var random = new SplittableRandom(seed);
            image.setRGB(0, 0, 48, 40, random.ints(48 * 40, 0, 1 << 24).toArray(), 0, 48);
            ImageIO.write(image, "png", data.resolve(seed + ".png").toFile());
        }
        Files.copy(data.resolve("1.png"), data.resolve("1-copy.png"));
        Files.writeString(data.resolve("words.txt"), "no picture");
    }

    @Test
    void reasonsAreCountedAndFilesCopied() throws IOException {
        Path out = temporary.resolve("out");
        Cli result = Cli.run("clean-media", "--data", data, "--out", out, "--copy").done();
        assertThat(result.out()).contains("cannot be read 1", "equal 1").containsPattern("kept +2 +of 4").contains(out.resolve("audit.html").toString());
        assertThat(Files.readAllLines(out.resolve("kept.jsonl"))).hasSize(2);
        try (var copies = Files.list(out.resolve("files"))) {
            assertThat(copies.map(path -> path.getFileName().toString())).containsExactlyInAnyOrder("1-copy.png", "2.png");
        }
        assertThat(Cli.run("clean-media", "--data", data, "--out", out).err()).contains("--force");
        Cli.run("clean-media", "--data", data, "--out", out, "--force", "--min-side", "40").done();
        assertThat(Cli.run("clean-media", "--data", data, "--out", temporary.resolve("none"), "--min-side", "41").err()).contains("nothing stays of 4");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--min-side 0|at least 1", "--max-aspect 0.5|at least 1", "--near 17|16 bits", "--max-clipped 2|from 0 to 1", "--min-loudness 3|0 decibels", "--max-seconds 0.1|below the most",
        "--root nowhere|not a directory", "--threads 0|--threads",
    })
    void optionsOutOfTheirRangeAreWrongUsage(String options, String expected) {
        String[] all = ("clean-media --data " + data + " --out " + temporary.resolve("out") + " " + options).split(" ");
        refused(expected, (Object[]) all);
        assertThat(temporary.resolve("out")).doesNotExist();
    }

    @Test
    void resultsAreNotWrittenIntoWhatIsRead() {
        refused("would be read again", "clean-media", "--data", data, "--out", data.resolve("out"));
        refused("two of them have the same", "clean-media", "--data", data, data, "--out", temporary.resolve("out"), "--copy");
    }

    private static void refused(String expected, Object... arguments) {
        Cli result = Cli.run(arguments);
        assertThat(result.code()).isEqualTo(2);
        assertThat(result.err()).contains(expected);
    }
}
