package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.distribute.WorkQueue.Pushed;
import dev.zhulong.distribute.WorkQueue.Task;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Trap 22 of scaling out, over time that is counted and not waited for. */
class NoGradientIsStalerThanAllowedTest {
    private static final long PATIENCE = 1000;

    /** A worker is done with a batch at a time. */
    private record Done(long at, int worker, Task task) {}

    private record Used(long number, long behind, long update) {}

    /** What happened to all workers together. */
    private static final class Run {
        private final List<Used> used = new ArrayList<>();
        private final Map<Integer, Integer> byWorker = new HashMap<>();
        private long pushes;
        private long time;
    }

    private interface Delay {
        /** How long a worker takes; 0: it never comes back. */
        long of(int worker, long now);
    }

    private static Run simulate(int workers, int pushes, int staleness, long updates, Delay delay) {
        long[] now = {0};
        var queue = new WorkQueue<String>(0, updates, pushes, staleness, PATIENCE, () -> now[0]);
        var run = new Run();
        var busy = new PriorityQueue<Done>(Comparator.comparingLong(Done::at).thenComparingInt(Done::worker));
        boolean[] idle = new boolean[workers];
        java.util.Arrays.fill(idle, true);
        for (int worker = 0; worker < workers; worker++) {
            queue.came(worker);
        }
        while (queue.version() < updates) {
            for (int worker = 0; worker < workers; worker++) {
                Optional<Task> task = idle[worker] ? queue.poll(worker) : Optional.empty();
                if (task.isPresent()) {
                    idle[worker] = false;
                    long takes = delay.of(worker, now[0]);
                    if (takes > 0) {
                        busy.add(new Done(now[0] + takes, worker, task.get()));
                    }
                }
            }
            if (busy.isEmpty()) {
                now[0] += PATIENCE / 2;
                continue;
            }
            Done next = busy.poll();
            now[0] = Math.max(now[0], next.at);
            run.pushes++;
            queue.push(next.worker, next.task.number(), next.task.version(), "gradient");
            idle[next.worker] = true;
            for (List<Pushed<String>> all = queue.ready(); !all.isEmpty(); all = queue.ready()) {
                assertThat(all).hasSize(pushes).isSortedAccordingTo(Comparator.comparingLong(Pushed::number));
                for (Pushed<String> each : all) {
                    run.used.add(new Used(each.number(), queue.version() - each.version(), queue.version()));
                    run.byWorker.merge(each.worker(), 1, Integer::sum);
                }
                queue.updated();
            }
        }
        run.time = now[0];
        return run;
    }

    @ParameterizedTest
    @CsvSource({"0,3,3", "1,4,2", "4,3,2", "2,7,3", "0,5,2", "3,2,5", "8,16,1"})
    void inTenThousandPushesWithRandomDelays(int staleness, int workers, int pushes) {
        var random = new SplittableRandom(31 * staleness + workers);
        Run run = simulate(workers, pushes, staleness, 10_000 / pushes, (worker, now) -> 1 + (long) (random.nextDouble() < 0.05 ? random.nextInt(300) : random.nextInt(20)) * (1 + worker % 3));
        assertThat(run.pushes).isGreaterThanOrEqualTo(10_000 / pushes * pushes);
        assertThat(run.used).allMatch(each -> each.behind <= staleness);
        assertThat(run.used.stream().map(Used::number).sorted()).as("each batch counts once").containsExactlyElementsOf(java.util.stream.LongStream.range(0, 10_000 / pushes * pushes).boxed().toList());
    }

    /** The batches of a step are those of the synchronous training, in its order. */
    @Test
    void withoutStalenessEachStepHasItsOwnBatches() {
        var random = new SplittableRandom(5);
        Run run = simulate(4, 3, 0, 1000, (worker, now) -> 1 + random.nextInt(50));
        for (int i = 0; i < run.used.size(); i++) {
            assertThat(run.used.get(i)).isEqualTo(new Used(i, 0, i / 3));
        }
    }

    /** Three workers, one of them four times slower: 2.25 batches are computed in the time of one, and a synchronous training would have 0.75. */
    @Test
    void aSlowWorkerDoesNotSetTheOthersPace() {
        Run run = simulate(3, 2, 4, 1000, (worker, now) -> worker == 0 ? 400 : 100);
        assertThat(run.time).isLessThan((long) (1.05 * 2000 * 100 / 2.25));
        assertThat(run.byWorker.get(0)).as("what the slow one computes is of use").isGreaterThan(150);
        Run synchronous = simulate(3, 3, 0, 667, (worker, now) -> worker == 0 ? 400 : 100);
        assertThat((double) run.time / synchronous.time).isLessThan(0.5);
    }

    @ParameterizedTest
    @CsvSource({"0", "4"})
    void aWorkerThatNeverComesBackHoldsNobodyUp(int staleness) {
        var random = new SplittableRandom(2);
        Run run = simulate(3, 2, staleness, 500, (worker, now) -> worker == 1 && now > 5000 ? 0 : 50 + random.nextInt(20));
        assertThat(run.used.stream().map(Used::number).distinct()).hasSize(1000);
        assertThat(run.time).isLessThan(1000 * 70 / 2 + 5000 + 3 * PATIENCE);
    }

    @Test
    void whatALostWorkerHadIsGivenToAnother() {
        long[] now = {0};
        var queue = new WorkQueue<String>(0, 2, 2, 0, PATIENCE, () -> now[0]);
        queue.came(1);
        queue.came(2);
        Task first = queue.poll(1).orElseThrow();
        assertThat(queue.poll(2)).contains(new Task(1, 0));
        assertThat(queue.poll(2)).as("the next step's are not given out yet").isEmpty();
        assertThat(queue.lost(1)).isEqualTo(1);
        assertThat(queue.poll(2)).contains(first);
        assertThat(queue.push(1, first.number(), 0, "late")).as("of a worker that is gone").isFalse();
        assertThatIllegalArgumentException().isThrownBy(() -> queue.push(2, 0, 1, "of a version that is not there"));
        queue.lost(2);
        assertThatThrownBy(queue::next).isInstanceOf(RankFailure.class).hasMessageContaining("all workers are gone");
    }
}
