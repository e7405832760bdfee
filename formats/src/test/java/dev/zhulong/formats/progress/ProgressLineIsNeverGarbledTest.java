package dev.zhulong.formats.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProgressLineIsNeverGarbledTest {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, false, StandardCharsets.UTF_8);
    private long nanos = Long.MAX_VALUE - 1_000_000_000L; // System.nanoTime may overflow

    @Test
    void aLineHasEveryNumberWithItsUnit() {
        assertThat(step(1_200, 2_000, 3.21, 1.23, 12_345, 0.45, 220)).hasToString(
                "step 1,200/2,000  loss 3.2100  1.230 bits/byte  12.3k tokens/s  45% of matrix speed  3m40s left");
        double unknown = Double.NaN;
        assertThat(step(0, 10, unknown, unknown, unknown, unknown, unknown)).hasToString("step 0/10  loss NaN");
    }

    @ParameterizedTest
    @CsvSource({"0, 0.0s", "0.44, 0.4s", "9.949, 9.9s", "9.95, 10s", "59.4, 59s", "59.6, 1m00s", "185, 3m05s", "3599.7, 1h00m",
        "7620, 2h07m", "86399, 1d00h", "356400, 4d03h", "-1, ?", "NaN, ?", "Infinity, ?"})
    void durations(double seconds, String expected) {
        assertThat(ProgressLine.duration(seconds)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "950.4, 950", "999.4, 999", "999.5, 1.00k", "1234, 1.23k", "12345, 12.3k", "99949, 99.9k", "99950, 100k",
        "999499, 999k", "999500, 1.00M", "1250000, 1.25M", "31e9, 31.0G", "2.5e12, 2.50T", "-1234, -1.23k", "1e21, 1000E"})
    void bigNumbers(double value, String expected) {
        assertThat(ProgressLine.count(value)).isEqualTo(expected);
    }

    @Test
    void aTerminalShowsOneLineBelowWhatStays() {
        try (ProgressLine line = new ProgressLine(out, true, () -> nanos)) {
            line.message("before");
            for (int step = 1; step <= 1_000; step++) {
                nanos += 10_000_000; // 10 ms a step
                line.event(at(step));
                if (step == 500) {
                    line.message("a sample\nof two lines\u001b[2J\u0007\r\u009b31m");
                }
            }
        }
        assertThat(screen()).containsExactly("before", "a sample", "of two lines\ufffd[2J\ufffd\ufffd\ufffd31m", at(1_000).toString(), "");
        long redraws = text().chars().filter(c -> c == '\r').count();
        assertThat(redraws).as("ten a second").isBetween(90L, 110L);
    }

    @Test
    void aFileGetsPlainLinesEveryTenSecondsAndAtEvaluations() {
        try (ProgressLine line = new ProgressLine(out, false, () -> nanos)) {
            for (int step = 1; step <= 1_000; step++) {
                nanos += 100_000_000; // 100 s in all
                line.event(at(step));
                if (step == 555) {
                    line.message("validation loss 2.5");
                    line.report(at(step));
                }
            }
        }
        assertThat(text()).doesNotContain("\r").doesNotContain("\u001b").endsWith("\n");
        assertThat(text().lines()).containsExactly(at(1).toString(), at(101).toString(), at(201).toString(), at(301).toString(),
                at(401).toString(), at(501).toString(), "validation loss 2.5", at(555).toString(), at(655).toString(), at(755).toString(),
                at(855).toString(), at(955).toString(), at(1_000).toString());
    }

    @Test
    void theEndIsShownOnceAndAnUnusedLineShowsNothing() {
        new ProgressLine(out, true, () -> nanos).close();
        assertThat(text()).isEmpty();
        ProgressLine line = new ProgressLine(out, false, () -> nanos);
        line.report(at(7));
        line.close();
        line.close();
        assertThat(text()).isEqualTo(at(7) + "\n");
    }

    @Test
    void whatPassesGoesAndWhatIsMeasuredStays() {
        try (ProgressLine line = new ProgressLine(out, true, () -> nanos)) {
            line.at("clean", 1_000, 90_000_000, "bytes");
            assertThat(text()).as("a short stage shows nothing").isEmpty();
            nanos += 2_000_000_000;
            line.at("clean", 10_000_000, 90_000_000, "bytes");
            assertThat(screen().getLast()).isEqualTo("clean  10.0 MB of 90.0 MB  11%  5.0 MB/s  16 s left");
            line.message("cleaned");
            assertThat(screen()).containsExactly("cleaned", "");
            nanos += 2_000_000_000;
            line.at("merge");
            line.event(at(3));
        }
        assertThat(screen()).containsExactly("cleaned", at(3).toString(), "");
        bytes.reset();
        try (ProgressLine line = new ProgressLine(out, true, () -> nanos)) {
            nanos += 2_000_000_000;
            line.at("score", 3, 7, "lines");
        }
        assertThat(screen()).containsExactly("");
    }

    private static Event at(long step) {
        return step(step, 1_000, 2.5, 1.1, 9_000, 0.5, (1_000 - step) / 10.0);
    }

    private static Event step(long step, long total, double loss, double bitsPerByte, double tokensPerSecond, double matrixShare, double secondsLeft) {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put(Event.LOSS, loss);
        values.put(Event.BITS_PER_BYTE, bitsPerByte);
        values.put(Event.TOKENS_PER_SECOND, tokensPerSecond);
        values.put(Event.MATRIX_SHARE, matrixShare);
        values.put(Event.SECONDS_LEFT, secondsLeft);
        return new Event("train", step, total, "steps", values, "");
    }

    private String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    /** What a terminal that knows the sequences we use would show. */
    private List<String> screen() {
        List<String> rows = new ArrayList<>();
        String row = "";
        String rest = text();
        while (!rest.isEmpty()) {
            if (rest.startsWith("\r\u001b[2K")) {
                row = "";
                rest = rest.substring(5);
            } else if (rest.startsWith("\u001b[?7l") || rest.startsWith("\u001b[?7h")) {
                rest = rest.substring(5);
            } else if (rest.startsWith("\n")) {
                rows.add(row);
                row = "";
                rest = rest.substring(1);
            } else {
                assertThat(rest.charAt(0)).as("no other control character").isGreaterThanOrEqualTo(' ');
                row += rest.charAt(0);
                rest = rest.substring(1);
            }
        }
        rows.add(row);
        return rows;
    }
}
