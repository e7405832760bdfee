package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.bench.AttentionBench;
import dev.zhulong.bench.AttentionBench.Point;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BenchAttentionFitsThePowerTest {
    @Test
    void ofPointsOnACurve() {
        List<Point> points = Stream.of(100, 200, 1000, 3000).map(n -> new Point(n, 3e-9 * n * n, 5e-9 * n, 7L * n)).toList();
        assertThat(AttentionBench.exponentOfTime(points)).isCloseTo(2, within(1e-12));
        assertThat(AttentionBench.exponentOfProcessorTime(points)).isCloseTo(1, within(1e-12));
        assertThat(AttentionBench.exponentOfMemory(points)).isCloseTo(1, within(1e-12));
        assertThat(AttentionBench.exponentOfTime(points.subList(0, 1))).isNaN();
    }

    @Test
    void ofEveryPattern() {
        String out = Cli.run("bench", "attention", "--lengths", "130,300", "--heads", "1", "--window", "32", "--backward").done().out();
        assertThat(out).contains("window of 32, forward and backward", "global of 32 and 4 tokens", "block of 32", "dense,");
        assertThat(out.lines().filter(line -> line.contains("time grows with the length to the power of"))).hasSize(4);
        assertThat(out.lines().filter(line -> line.matches(" *(130|300) tokens +[0-9.]+ ms.*"))).hasSize(8);
    }

    @Test
    void wrongUsageIsNamed() {
        assertThat(Cli.run("bench", "attention", "--lengths", "300,130")).matches(cli -> cli.code() == 2 && cli.err().contains("must rise"));
        assertThat(Cli.run("bench", "attention", "--window", "0")).matches(cli -> cli.code() == 2 && cli.err().contains("--window"));
        assertThat(Cli.run("bench", "attention", "--kind", "ring")).matches(cli -> cli.code() == 2 && cli.err().contains("ring"));
    }
}
