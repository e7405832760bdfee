package dev.zhulong.train.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResumedMetricsHaveEachStepOnceTest {

    @TempDir
    Path directory;

    @Test
    void aRunCutAtAnyByteAndResumedEqualsTheUnbrokenRun() throws IOException {
        Path whole = directory.resolve("whole.jsonl");
        write(MetricsLog.open(whole), 0, 9);
        byte[] expected = Files.readAllBytes(whole);
        Path file = directory.resolve("metrics.jsonl");
        for (int cut = 0; cut <= expected.length; cut++) {
            byte[] left = Arrays.copyOf(expected, cut);
            Files.write(file, left);
            // the last checkpoint: every third step, not later than the last whole line
            long lines = new String(left, StandardCharsets.UTF_8).chars().filter(c -> c == '\n').count();
            long checkpoint = lines / 3 * 3 - 1;
            write(MetricsLog.resume(file, checkpoint), checkpoint + 1, 9);
            assertThat(Files.readAllBytes(file)).as("cut at byte %s", cut).isEqualTo(expected);
        }
        assertThat(Files.list(directory)).hasSize(2);
    }

    @Test
    void resumingTwiceAndWithoutAFileWorks() {
        Path file = directory.resolve("metrics.jsonl");
        write(MetricsLog.resume(file, -1), 0, 5);
        write(MetricsLog.resume(file, 3), 4, 7);
        write(MetricsLog.resume(file, 3), 4, 4);
        assertThat(MetricsLog.read(file)).extracting(line -> line.get("step")).containsExactly(0, 1, 2, 3, 4);
    }

    @Test
    void linesKeepTheirFieldsInOrderAndTheirValues() throws IOException {
        Path file = directory.resolve("metrics.jsonl");
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", 5_000_000_000L);
        line.put("loss", Double.NaN);
        line.put("grad_norm", Double.POSITIVE_INFINITY);
        line.put("lr", 3e-4);
        line.put("sample", "烛龙\n\u2028\"quoted\"");
        try (MetricsLog log = MetricsLog.open(file)) {
            log.append(line);
            log.force();
            assertThat(MetricsLog.read(file)).as("readable while the run goes on").hasSize(1);
        }
        assertThat(Files.readAllLines(file)).hasSize(1);
        Map<String, Object> read = MetricsLog.read(file).getFirst();
        assertThat(read.keySet()).containsExactly("step", "loss", "grad_norm", "lr", "sample");
        assertThat(read.get("step")).isEqualTo(5_000_000_000L);
        assertThat(read.get("sample")).isEqualTo("烛龙\n\u2028\"quoted\"");
        assertThat(MetricsLog.number(read, "loss")).isNaN();
        assertThat(MetricsLog.number(read, "grad_norm")).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(MetricsLog.number(read, "lr")).isEqualTo(3e-4);
        assertThat(MetricsLog.number(read, "absent")).isNaN();
    }

    @Test
    void aPartialLastLineIsNotRead() throws IOException {
        Path file = directory.resolve("metrics.jsonl");
        Files.writeString(file, "{\"step\":0,\"loss\":1.5}\n{\"step\":1,\"lo");
        assertThat(MetricsLog.read(file)).hasSize(1);
        Files.writeString(file, "{\"step\":0,\"loss\":1.5}\n{\"step\":1}");
        assertThat(MetricsLog.read(file)).as("a number may have been cut short").hasSize(1);
        Files.writeString(file, "");
        assertThat(MetricsLog.read(file)).isEmpty();
    }

    @Test
    void aBrokenWholeLineIsNamedAndNothingIsLost() throws IOException {
        Path file = directory.resolve("metrics.jsonl");
        for (String bad : List.of("{\"step\":", "null", "[1]", "{\"step\":1.5}", "{\"loss\":1}", "{\"step\":1} x",
                "{\"step\":1,\"step\":2}", "")) {
            String content = "{\"step\":0}\n" + bad + "\n{\"step\":2}\n";
            Files.writeString(file, content);
            assertThatThrownBy(() -> MetricsLog.resume(file, 5)).as(bad)
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("metrics.jsonl:2");
            assertThat(Files.readString(file)).isEqualTo(content);
        }
    }

    @Test
    void aNewRunDoesNotOverwriteAnotherAndEveryLineNeedsAStep() {
        Path file = directory.resolve("metrics.jsonl");
        try (MetricsLog log = MetricsLog.open(file)) {
            assertThatThrownBy(() -> log.append(Map.of("loss", 1.0))).hasMessageContaining("\"step\"");
        }
        assertThatThrownBy(() -> MetricsLog.open(file)).isInstanceOf(UncheckedIOException.class).hasMessageContaining("resume");
    }

    private static void write(MetricsLog log, long from, long to) {
        try (log) {
            for (long step = from; step <= to; step++) {
                Map<String, Object> line = new LinkedHashMap<>();
                line.put("step", step);
                line.put("loss", 10.0 / (step + 1));
                line.put("note", "步 " + step);
                log.append(line);
            }
        }
    }
}
