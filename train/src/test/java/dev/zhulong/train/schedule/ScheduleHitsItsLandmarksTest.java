package dev.zhulong.train.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.train.schedule.Schedule.Kind;
import java.util.stream.LongStream;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ScheduleHitsItsLandmarksTest {

    private static final double PEAK = 3e-4;
    private static final double FINAL = 3e-5;

    /** Values worked out by hand from the published formulas, peak 8, final 2. */
    @ParameterizedTest
    @CsvSource({
        // kind, warmup, decay, total, step, expected
        "CONSTANT, 4, 0, 9, 0, 2", "CONSTANT, 4, 0, 9, 3, 8", "CONSTANT, 4, 0, 9, 4, 8", "CONSTANT, 4, 0, 9, 8, 8",
        "LINEAR, 4, 0, 10, 0, 2", "LINEAR, 4, 0, 10, 2, 6", "LINEAR, 4, 0, 10, 3, 8", "LINEAR, 4, 0, 10, 4, 7",
        "LINEAR, 4, 0, 10, 6, 5", "LINEAR, 4, 0, 10, 8, 3", "LINEAR, 4, 0, 10, 9, 2",
        "COSINE, 4, 0, 10, 0, 2", "COSINE, 4, 0, 10, 3, 8", "COSINE, 4, 0, 10, 5, 6.5", "COSINE, 4, 0, 10, 6, 5",
        "COSINE, 4, 0, 10, 7, 3.5", "COSINE, 4, 0, 10, 9, 2",
        "WSD, 2, 4, 10, 0, 4", "WSD, 2, 4, 10, 1, 8", "WSD, 2, 4, 10, 5, 8", "WSD, 2, 4, 10, 6, 6.5", "WSD, 2, 4, 10, 8, 3.5",
        "WSD, 2, 4, 10, 9, 2",
        "WSD_SQRT, 2, 4, 10, 5, 8", "WSD_SQRT, 2, 4, 10, 6, 5", "WSD_SQRT, 2, 4, 10, 9, 2",
        // no warm-up: the first step has the peak
        "LINEAR, 0, 0, 4, 0, 8", "LINEAR, 0, 0, 4, 1, 6", "LINEAR, 0, 0, 4, 3, 2", "COSINE, 0, 0, 3, 0, 8", "COSINE, 0, 0, 3, 1, 5",
        "WSD, 0, 4, 4, 0, 8", "WSD, 0, 4, 4, 3, 2", "WSD, 0, 1, 3, 1, 8", "WSD, 0, 1, 3, 2, 2",
        // a run as long as its warm-up, and runs of one step
        "COSINE, 4, 0, 4, 2, 6", "COSINE, 4, 0, 4, 3, 2", "LINEAR, 1, 0, 1, 0, 2", "COSINE, 0, 0, 1, 0, 2", "WSD, 0, 1, 1, 0, 2",
        "CONSTANT, 4, 0, 4, 3, 8", "CONSTANT, 0, 0, 1, 0, 8", "LINEAR, 3, 0, 4, 2, 8", "LINEAR, 3, 0, 4, 3, 2",
    })
    void tableOfSteps(Kind kind, long warmup, long decay, long total, long step, double expected) {
        assertThat(Schedule.of(kind, 8, 2, warmup, decay, total).at(step)).isCloseTo(expected, within(1e-12));
    }

    @Test
    void peakComesAtTheEndOfTheWarmUpAndNotLater() {
        // transformers #18436 had its peak at 2500 where the warm-up was 10000
        Schedule schedule = new Cosine(PEAK, FINAL, 10_000, 100_000);
        assertThat(schedule.at(9_999)).isEqualTo(PEAK);
        assertThat(schedule.at(9_998)).isLessThan(PEAK);
        assertThat(schedule.at(10_000)).isLessThan(PEAK);
        assertThat(schedule.at(2_499)).isCloseTo(PEAK / 4, within(1e-15));
    }

    @Test
    void sumsEqualTheClosedForms() {
        long w = 137;
        long total = 4_000;
        long n = total - w; // steps after the peak
        double rise = PEAK * (w + 1) / 2;
        // Σ_{k=1..n} (1 - k/n) = (n-1)/2, and Σ_{k=1..n} cos(πk/n) = -1 gives the cosine the same sum
        double fall = n * FINAL + (PEAK - FINAL) * (n - 1) / 2;
        assertThat(sum(new Linear(PEAK, FINAL, w, total))).isCloseTo(rise + fall, within(1e-12));
        assertThat(sum(new Cosine(PEAK, FINAL, w, total))).isCloseTo(rise + fall, within(1e-12));
        assertThat(sum(new Constant(PEAK, w, total))).isCloseTo(rise + n * PEAK, within(1e-12));

        long d = 800;
        double stable = PEAK * (n - d);
        double linear = d * FINAL + (PEAK - FINAL) * (d - 1) / 2;
        assertThat(sum(Schedule.of(Kind.WSD, PEAK, FINAL, w, d, total))).isCloseTo(rise + stable + linear, within(1e-12));
        // Euler-Maclaurin: Σ_{k=1..d} sqrt(k/d) = 2d/3 + 1/2 + ζ(-1/2)/sqrt(d) + 1/(24 d) + ...
        double roots = 2.0 * d / 3 + 0.5 - 0.207886224977355 / Math.sqrt(d) + 1.0 / (24 * d);
        double sqrt = d * FINAL + (PEAK - FINAL) * (d - roots);
        assertThat(sum(Schedule.of(Kind.WSD_SQRT, PEAK, FINAL, w, d, total))).isCloseTo(rise + stable + sqrt, within(1e-12));
    }

    @Property(seed = "7", edgeCases = EdgeCasesMode.FIRST, tries = 2000)
    void neverNegativeNeverAboveThePeakAndLastStepIsFinal(@ForAll Kind kind, @ForAll @IntRange(min = 1, max = 60) int total,
            @ForAll @DoubleRange(min = 0, max = 1) double warmShare, @ForAll @DoubleRange(min = 0, max = 1) double finalShare,
            @ForAll @DoubleRange(min = 0, max = 1) double decayShare) {
        boolean wsd = kind == Kind.WSD || kind == Kind.WSD_SQRT;
        long warmup = Math.round(warmShare * (wsd ? total - 1 : total));
        long decay = 1 + Math.round(decayShare * (total - warmup - 1));
        double floor = PEAK * finalShare;
        Schedule schedule = Schedule.of(kind, PEAK, floor, warmup, decay, total);
        double before = PEAK;
        for (long s = 0; s < total; s++) {
            double lr = schedule.at(s);
            assertThat(lr).isBetween(0.0, PEAK);
            if (s < total - 1) {
                assertThat(lr).as("step %s", s).isPositive();
            }
            if (s >= warmup) {
                assertThat(lr).as("no rise after the warm-up, step %s", s).isLessThanOrEqualTo(before);
                before = lr;
            }
        }
        assertThat(schedule.at(total - 1)).isEqualTo(schedule.finalLr());
        if (kind != Kind.CONSTANT) {
            assertThat(schedule.finalLr()).isEqualTo(floor);
        }
        if (total > 1 && warmup < total) {
            assertThat(schedule.at(Math.max(0, warmup - 1))).isEqualTo(PEAK);
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void stepsOutsideTheRunAreRefused(Kind kind) {
        Schedule schedule = Schedule.of(kind, PEAK, FINAL, 2, 3, 10);
        assertThatThrownBy(() -> schedule.at(10)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("0 to 9");
        assertThatThrownBy(() -> schedule.at(-1)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("step -1");
    }

    @Test
    void impossibleRunsAreRefusedWithTheNumbers() {
        assertThatThrownBy(() -> new Cosine(PEAK, FINAL, 100, 20)).hasMessageContaining("warm-up of 100 steps").hasMessageContaining("20");
        assertThatThrownBy(() -> new Cosine(PEAK, FINAL, -1, 20)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Linear(PEAK, PEAK * 2, 0, 20)).hasMessageContaining("between 0 and the peak");
        assertThatThrownBy(() -> new Linear(PEAK, -1e-9, 0, 20)).hasMessageContaining("between 0 and the peak");
        assertThatThrownBy(() -> new Linear(Double.NaN, 0, 0, 20)).hasMessageContaining("positive");
        assertThatThrownBy(() -> new Linear(PEAK, Double.NaN, 0, 20)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Constant(0, 0, 20)).hasMessageContaining("positive");
        assertThatThrownBy(() -> new Constant(PEAK, 0, 0)).hasMessageContaining("at least 1");
        assertThatThrownBy(() -> Schedule.of(Kind.WSD, PEAK, FINAL, 10, 0, 20)).hasMessageContaining("between 1 and 10");
        assertThatThrownBy(() -> Schedule.of(Kind.WSD, PEAK, FINAL, 10, 11, 20)).hasMessageContaining("decay of 11");
        assertThatThrownBy(() -> Schedule.of(Kind.WSD, PEAK, FINAL, 20, 1, 20)).hasMessageContaining("shorten the warm-up");
    }

    private static double sum(Schedule schedule) {
        return LongStream.range(0, schedule.total()).mapToDouble(schedule::at).sum();
    }
}
