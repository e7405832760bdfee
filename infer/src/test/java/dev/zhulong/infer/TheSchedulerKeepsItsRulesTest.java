package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.text.ByteTokenizer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Traps 63 and 65, for the scheduler's part. */
@Timeout(60)
class TheSchedulerKeepsItsRulesTest {
    private static final ByteTokenizer BYTES = new ByteTokenizer(true, true);

    /** Counts its steps, and waits in each while it is told to. */
    private static final class Gate implements LanguageModel {
        private final FakeModel model = FakeModel.hashed(258, 1000);
        private volatile CountDownLatch open = new CountDownLatch(0);
        private final CountDownLatch arrived = new CountDownLatch(1);
        private volatile Predicate<Span> breaks = span -> false;
        /** Of each step, so that a long job is not over before the test has done anything about it. */
        private volatile int millis;

        @Override
        public dev.zhulong.formats.DecoderSpec spec() {
            return model.spec();
        }

        @Override
        public KvCache newCache(int capacity) {
            return model.newCache(capacity);
        }

        @Override
        public List<float[]> forward(List<Span> spans) {
            arrived.countDown();
            try {
                open.await();
                Thread.sleep(millis);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            List<float[]> logits = model.forward(spans);
            if (spans.stream().anyMatch(breaks)) {
                throw new IllegalStateException("broken");
            }
            return logits;
        }

        @Override
        public void close() { }
    }

    private final Gate model = new Gate();
    private Scheduler scheduler;

    @AfterEach
    void nothingStaysOpen() {
        model.open.countDown();
        scheduler.close();
        assertThat(model.model.open).as("caches left open").isZero();
    }

    private static Job job(String client, int tokens) {
        return new Job(new int[] {1, 2, 3}, new GenerateOptions(tokens, SamplerOptions.GREEDY, List.of(), List.of(), true), 0, client, "", null);
    }

    private RecordingListener submit(Job job) {
        var told = new RecordingListener();
        scheduler.submit(job, told);
        return told;
    }

    /** The first job's first step waits until the latch opens. */
    private RecordingListener hold() throws InterruptedException {
        model.open = new CountDownLatch(1);
        RecordingListener first = submit(job("first", 2));
        assertThat(model.arrived.await(10, TimeUnit.SECONDS)).isTrue();
        return first;
    }

    @Test
    void clientsTakeTurns() throws Exception {
        scheduler = new Scheduler(model, BYTES, new SchedulerOptions(1, 100, 10_000, 32, true));
        RecordingListener first = hold();
        List<String> order = new ArrayList<>();
        List<RecordingListener> all = new ArrayList<>();
        for (String client : List.of("a", "a", "a", "b", "b", "c")) {
            var told = new RecordingListener() {
                @Override
                public void started(int promptTokens, int cachedTokens) {
                    order.add(client);
                }
            };
            scheduler.submit(job(client, 2), told);
            all.add(told);
        }
        model.open.countDown();
        first.generation();
        all.forEach(RecordingListener::generation);
        assertThat(order).containsExactly("a", "b", "c", "a", "b", "a");
    }

    @Test
    void aFullQueueSaysWhenToComeBack() throws Exception {
        scheduler = new Scheduler(model, BYTES, new SchedulerOptions(1, 2, 10_000, 32, true));
        RecordingListener first = hold();
        RecordingListener second = submit(job("a", 2));
        RecordingListener third = submit(job("a", 2));
        assertThatThrownBy(() -> submit(job("b", 2))).isInstanceOfSatisfying(QueueFullException.class, e -> assertThat(e.retryAfterSeconds()).isBetween(1, 60))
                .hasMessageContaining("2 requests are waiting");
        model.open.countDown();
        assertThat(List.of(first, second, third)).allSatisfy(told -> assertThat(told.generation().ids()).hasSize(2));
    }

    @Test
    void whoeverLeavesLeavesItsPlaceAtOnce() throws Exception {
        scheduler = new Scheduler(model, BYTES, new SchedulerOptions(1, 10, 10_000, 32, true));
        model.millis = 2;
        var endless = new RecordingListener();
        Scheduler.Ticket ticket = scheduler.submit(job("a", 900), endless);
        endless.wrote.get(10, TimeUnit.SECONDS);
        var waiting = new RecordingListener();
        Scheduler.Ticket second = scheduler.submit(job("a", 900), waiting);
        RecordingListener next = submit(job("b", 2));
        second.cancel();
        assertThat(waiting.problem()).isInstanceOf(CancellationException.class);
        ticket.cancel();
        assertThat(endless.problem()).isInstanceOf(CancellationException.class);
        assertThat(next.generation().ids()).hasSize(2);
        ticket.cancel();
        scheduler.drain();
        assertThat(scheduler.stats().failed()).isEqualTo(2);
    }

    @Test
    void aListenerThatThrowsHasLeft() {
        scheduler = new Scheduler(model, BYTES, SchedulerOptions.of(2, 10_000));
        model.millis = 2;
        var gone = new RecordingListener() {
            @Override
            public void wrote(String piece, List<TokenLogProbs> more) {
                throw new IllegalStateException("nobody there");
            }
        };
        scheduler.submit(job("a", 900), gone);
        RecordingListener other = submit(job("b", 20));
        assertThat(gone.problem()).isInstanceOf(CancellationException.class);
        assertThat(other.generation().ids()).hasSize(20);
    }

    @Test
    void whatIsNotDoneByItsDeadlineIsGivenUp() throws Exception {
        scheduler = new Scheduler(model, BYTES, new SchedulerOptions(1, 10, 10_000, 32, true));
        RecordingListener first = hold();
        Job late = job("a", 900);
        RecordingListener overdue = submit(new Job(late.prompt(), late.options(), 0, "a", "", Instant.now().minus(Duration.ofSeconds(1))));
        model.open.countDown();
        assertThat(overdue.problem()).isInstanceOf(DeadlineException.class);
        assertThat(first.generation().ids()).hasSize(2);
    }

    @Test
    void whatFailsFailsAlone() {
        scheduler = new Scheduler(model, BYTES, SchedulerOptions.of(8, 10_000));
        model.breaks = span -> Arrays.equals(span.ids(), new int[] {66, 6});
        RecordingListener bad = submit(new Job(new int[] {66, 6}, job("a", 5).options(), 0, "a", "", null));
        List<RecordingListener> good = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            good.add(submit(job("b", 30)));
        }
        assertThat(bad.problem()).hasMessage("broken");
        int[] alone = new Generator(model.model, BYTES).generate(new int[] {1, 2, 3}, job("b", 30).options(), text -> { }).ids();
        assertThat(good).allSatisfy(told -> assertThat(told.generation().ids()).isEqualTo(alone));
    }

    @Test
    void drainingEndsWhatWasTakenAndTakesNoMore() throws Exception {
        scheduler = new Scheduler(model, BYTES, new SchedulerOptions(1, 10, 10_000, 32, true));
        RecordingListener first = hold();
        RecordingListener second = submit(job("a", 50));
        Thread drain = Thread.ofVirtual().start(() -> {
            try {
                scheduler.drain();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        while (drain.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        assertThatThrownBy(() -> submit(job("a", 1))).isInstanceOf(IllegalStateException.class);
        model.open.countDown();
        drain.join();
        assertThat(first.end).isDone();
        assertThat(second.end).isDone();
        assertThat(second.generation().ids()).hasSize(50);
    }

    @Test
    void closingGivesUpWhatIsNotDone() throws Exception {
        scheduler = new Scheduler(model, BYTES, new SchedulerOptions(1, 10, 10_000, 32, true));
        model.millis = 2;
        RecordingListener running = submit(job("a", 900));
        running.wrote.get(10, TimeUnit.SECONDS);
        RecordingListener waiting = submit(job("a", 900));
        scheduler.close();
        assertThat(List.of(running, waiting)).allSatisfy(told -> assertThat(told.problem()).isInstanceOf(CancellationException.class));
    }

    @Test
    void whatCanNeverRunIsRefused() {
        scheduler = new Scheduler(model, BYTES, SchedulerOptions.of(2, 500));
        assertThatThrownBy(() -> submit(new Job(new int[0], job("a", 5).options(), 0, "a", "", null))).hasMessageContaining("empty");
        assertThatThrownBy(() -> submit(new Job(new int[1000], job("a", 5).options(), 0, "a", "", null))).hasMessageContaining("at most 999");
        assertThatThrownBy(() -> submit(new Job(new int[] {258}, job("a", 5).options(), 0, "a", "", null))).hasMessageContaining("258");
        assertThatThrownBy(() -> submit(new Job(new int[] {-1}, job("a", 5).options(), 0, "a", "", null))).hasMessageContaining("-1");
        assertThatThrownBy(() -> submit(job("a", 600))).hasMessageContaining("500 tokens");
        assertThat(submit(job("a", 0)).generation().ids()).isEmpty();
    }
}
