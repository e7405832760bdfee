package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.kernels.WeightType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TheFastestOfWhatFitsAndKeepsItsQualityIsChosenTest {
    private static final List<Optional<WeightType>> TYPES = List.of(Optional.empty(), Optional.of(WeightType.Q8_0), Optional.of(WeightType.INT4));

    private static Candidate candidate(int type, Route route, long memory, double seconds) {
        return new Candidate(TYPES.get(type), route, memory, seconds, Optional.empty());
    }

    @Property
    void nothingThatFitsAndKeepsTheFloorIsFaster(@ForAll long seed) {
        var random = new SplittableRandom(seed);
        List<Candidate> candidates = new ArrayList<>();
        double[] rises = new double[6];
        for (int i = 0; i < 6; i++) {
            candidates.add(new Candidate(TYPES.get(i / 2), Route.values()[i % 2], random.nextLong(1, 100), random.nextInt(1, 8),
                    random.nextInt(4) == 0 ? Optional.of("it cannot be") : Optional.empty()));
            rises[i] = i == 0 ? 0 : random.nextInt(10) == 0 ? Double.NaN : random.nextInt(8) / 100.0;
        }
        long available = random.nextLong(1, 120);
        double floor = random.nextInt(5) == 0 ? Double.POSITIVE_INFINITY : random.nextInt(6) / 100.0;
        boolean[] asked = new boolean[6];
        // by a plain search
        int best = -1;
        for (int i = 0; i < 6; i++) {
            Candidate c = candidates.get(i);
            boolean good = c.obstacle().isEmpty() && c.memory() <= available && (floor == Double.POSITIVE_INFINITY || rises[i] <= floor);
            if (good && (best < 0 || c.seconds() < candidates.get(best).seconds())) {
                best = i;
            }
        }
        if (best < 0) {
            assertThatThrownBy(() -> Choice.of(candidates, available, floor, c -> rises[candidates.indexOf(c)])).isInstanceOf(IllegalArgumentException.class)
                    .message().satisfies(message -> assertThat(message.lines()).hasSize(1)).matches(
                            ".*(it cannot be|--expect.*smaller model|--quality-floor|not finite).*");
            return;
        }
        Choice choice = Choice.of(candidates, available, floor, c -> {
            asked[candidates.indexOf(c)] = true;
            return rises[candidates.indexOf(c)];
        });
        assertThat(choice.taken()).isSameAs(candidates.get(best));
        assertThat(choice.passed()).hasSize(5).allSatisfy(passed -> assertThat(passed.why()).isNotEmpty());
        for (int i = 0; i < 6; i++) {
            assertThat(asked[i] && candidates.get(i).seconds() > choice.taken().seconds()).as("quality of the slower is not measured").isFalse();
        }
    }

    /** Where the throughput route gains the more, or loses the less, the more rows there are. */
    @Property
    void moreSequencesNeverTurnThroughputIntoLatency(@ForAll long seed, @ForAll @IntRange(min = 1, max = 64) int prompt,
            @ForAll @IntRange(min = 1, max = 64) int answer) {
        var random = new SplittableRandom(seed);
        int[] rows = {1, random.nextInt(2, 32), 64};
        double[] latency = new double[3];
        double[] throughput = new double[3];
        double gain = random.nextDouble(-10, 5);
        for (int i = 0; i < 3; i++) {
            throughput[i] = (i == 0 ? 0 : throughput[i - 1]) + random.nextDouble(11, 20);
            gain += i == 0 ? 0 : random.nextDouble(0, 10);
            latency[i] = throughput[i] + gain;
        }
        var head = new RowTimes(new int[] {1, 64}, new double[] {1, 5});
        boolean taken = false;
        for (int sequences : new int[] {1, 2, 3, 5, 8, 13, 21, 34, 55, 64, 65, 100, 400}) {
            var task = new ExpectedTask(prompt, answer, sequences);
            Choice choice = Choice.of(List.of(candidate(0, Route.LATENCY, 1, task.seconds(new RowTimes(rows, latency), head)),
                    candidate(0, Route.THROUGHPUT, 1, task.seconds(new RowTimes(rows, throughput), head))), 1, Double.POSITIVE_INFINITY, c -> Double.NaN);
            boolean now = choice.taken().route() == Route.THROUGHPUT;
            assertThat(taken && !now).as("%d sequences, %s against %s", sequences, Arrays.toString(latency), Arrays.toString(throughput)).isFalse();
            taken = now;
        }
    }

    @Test
    void theTaskIsReadInPanelsAndWrittenInSteps() {
        var blocks = new RowTimes(new int[] {1, 4, 64}, new double[] {1, 2, 12});
        var head = new RowTimes(new int[] {1, 64}, new double[] {0.5, 8});
        // 128 rows read and one of the head, then nine steps
        assertThat(new ExpectedTask(128, 10, 1).seconds(blocks, head)).isEqualTo(24 + 0.5 + 9 * 1.5);
        // 4 sequences: 2 a step, and the head between 1 and 64
        double step = 2 + 0.5 + 7.5 * 3 / 63;
        assertThat(new ExpectedTask(16, 3, 4).seconds(blocks, head)).isCloseTo(12 + (step - 2) + 2 * step, org.assertj.core.data.Offset.offset(1e-12));
        assertThat(new ExpectedTask(100, 50, 3).tokens(120)).isEqualTo(360);
        assertThat(ExpectedTask.of("1024, 8,4")).isEqualTo(new ExpectedTask(1024, 8, 4));
        for (String bad : List.of("1,2", "1,2,3,4", "0,1,1", "a,1,1", "", "1,1,99999999999")) {
            assertThatThrownBy(() -> ExpectedTask.of(bad)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(bad);
        }
    }

    @Test
    void theReasonsHaveTheirFigures() {
        var full = candidate(0, Route.LATENCY, 200_000_000, Double.NaN);
        var int8 = candidate(1, Route.LATENCY, 90_000_000, 2);
        var int4 = candidate(2, Route.LATENCY, 50_000_000, 1);
        Choice choice = Choice.of(List.of(full, int8, int4), 100_000_000, 0.01, c -> c == int4 ? 0.031 : 0);
        assertThat(choice.taken()).isSameAs(int8);
        assertThat(choice.passed()).extracting(Choice.Passed::why).containsExactly("1.00 s but perplexity +3.10 %",
                "needs 200.0 MB and 100.0 MB are available");
        assertThatThrownBy(() -> Choice.of(List.of(full, int8, int4), 1_000_000, 0.01, c -> 0)).hasMessageContaining("50.0 MB").hasMessageContaining("1.0 MB");
        assertThatThrownBy(() -> Choice.of(List.of(int4), 100_000_000, 0.01, c -> 0.031)).hasMessageContaining("by 3.10 %").hasMessageContaining("--quality-floor");
    }
}
