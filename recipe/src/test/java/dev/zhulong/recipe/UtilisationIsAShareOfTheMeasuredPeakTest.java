package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.tensor.MachineSpeed;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.Unit;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Trap 13: a peak from a data sheet may be twice what the machine has. */
class UtilisationIsAShareOfTheMeasuredPeakTest {
    private static final DecoderSpec SPEC = new DecoderSpec(Family.of("llama"), 1000, 64, 2, 4, 2, 16, 96, 128, DecoderSpec.Norm.RMS, 1e-5,
            DecoderSpec.Activation.SILU, true, new DecoderSpec.Rope(10_000, 16, new DecoderSpec.Scaling.None()), true, false, false, false, false,
            List.of(0, 0), -1, List.of());

    @Test
    void workIsCountedFromTheShape() {
        // a block: query and output 64 x 64 each, key and value 64 x 32 each, three of 64 x 96; two norms of 64; at the end one more and the tied head
        double weights = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96 + 2 * 64) + 64 + 1000 * 64;
        double attention = 12.0 * 2 * 64 * 32;
        assertThat(TrainingConsole.flopsPerToken(SPEC, 32)).isCloseTo(6 * weights + attention, within(1e-6));
        // an adapter: no gradient of the weights, and half the tokens meet the head
        double inside = weights - 1000 * 64;
        assertThat(TrainingConsole.flopsPerToken(SPEC, 32, 0.5, true)).isCloseTo(4 * (inside + 0.5 * 1000 * 64) + attention, within(1e-6));
    }

    @Test
    void aLayerThatSeesAWindowWorksOnThatAlone() {
        var windows = SPEC.withReach(new Reach.Global(8, 2));
        double short10 = TrainingConsole.flopsPerToken(SPEC, 10);
        assertThat(TrainingConsole.flopsPerToken(windows, 10)).isEqualTo(short10);
        assertThat(TrainingConsole.flopsPerToken(windows, 100)).isEqualTo(short10);
        assertThat(TrainingConsole.flopsPerToken(SPEC, 100)).isGreaterThan(short10);
    }

    @Test
    void halfTheMeasuredSpeedIsTwiceTheShare() {
        double flops = TrainingConsole.flopsPerToken(SPEC, 32);
        double tokens = 0.30 * 50e9 / flops;
        assertThat(shown(50, tokens)).contains("30% of matrix speed");
        assertThat(shown(25, tokens)).contains("60% of matrix speed");
        assertThat(shown(Double.NaN, tokens)).doesNotContain("matrix speed");
    }

    @Test
    void thePeakIsMeasuredHereAndNow() {
        double gflops = MachineSpeed.gflops();
        assertThat(gflops).isPositive().isLessThan(1e6);
        // two measurements of one machine are not the same number, as a constant would be
        assertThat(MachineSpeed.gflops()).isNotEqualTo(gflops);
    }

    private static String shown(double gflops, double tokensPerSecond) {
        var out = new ByteArrayOutputStream();
        try (ProgressLine line = ProgressLine.on(new PrintStream(out, true, StandardCharsets.UTF_8))) {
            new TrainingConsole(line, SPEC, null, 32, gflops, "", 1).step(new TrainListener.Step(1, 1, 2.0, Unit.NATS_A_TOKEN, 1.0, 0.001, 1.0, tokensPerSecond, 0));
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
