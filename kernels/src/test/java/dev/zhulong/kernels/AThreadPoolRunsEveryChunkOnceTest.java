package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class AThreadPoolRunsEveryChunkOnceTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void manyShortRegions(int threads) {
        try (ThreadPool pool = new ThreadPool(threads)) {
            for (int region = 0; region < 3000; region++) {
                int count = region % 37;
                AtomicIntegerArray runs = new AtomicIntegerArray(count + 1);
                pool.run(runs::incrementAndGet, count);
                for (int i = 0; i < count; i++) {
                    assertThat(runs.get(i)).isEqualTo(1);
                }
                assertThat(runs.get(count)).isZero();
            }
        }
    }

    @Test
    void aThreadThatHasParkedWakesUp() throws InterruptedException {
        try (ThreadPool pool = new ThreadPool(3)) {
            for (int i = 0; i < 20; i++) {
                AtomicInteger sum = new AtomicInteger();
                pool.run(sum::addAndGet, 10);
                assertThat(sum.get()).isEqualTo(45);
                Thread.sleep(5);
            }
        }
    }

    /** Until it ends, each chunk is run by who asked; afterwards by all. */
    @Test
    void aCallerThatWorksAlone() {
        try (ThreadPool pool = new ThreadPool(3)) {
            pool.workAlone(TimeUnit.HOURS.toNanos(1));
            Set<Thread> takers = ConcurrentHashMap.newKeySet();
            pool.run(chunk -> takers.add(Thread.currentThread()), 200);
            assertThat(takers).containsExactly(Thread.currentThread());
            pool.workAlone(0);
            var both = new CountDownLatch(2);
            pool.run(chunk -> {
                both.countDown();
                try {
                    assertThat(both.await(20, TimeUnit.SECONDS)).as("a second thread takes a chunk").isTrue();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }, 2);
        }
    }

    @Test
    void callersTakeTurns() throws InterruptedException {
        try (ThreadPool pool = new ThreadPool(2)) {
            AtomicInteger sum = new AtomicInteger();
            List<Thread> callers = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                callers.add(Thread.ofPlatform().start(() -> {
                    for (int i = 0; i < 500; i++) {
                        pool.run(chunk -> sum.incrementAndGet(), 7);
                    }
                }));
            }
            for (Thread caller : callers) {
                caller.join();
            }
            assertThat(sum.get()).isEqualTo(4 * 500 * 7);
        }
    }

    @Test
    void aCallFromInsideATaskRunsOnTheSpot() {
        try (ThreadPool pool = new ThreadPool(3)) {
            AtomicInteger sum = new AtomicInteger();
            pool.run(outer -> pool.run(inner -> sum.incrementAndGet(), 5), 6);
            assertThat(sum.get()).isEqualTo(30);
        }
    }

    @Test
    void anExceptionReachesTheCallerAndThePoolGoesOn() {
        try (ThreadPool pool = new ThreadPool(3)) {
            for (int i = 0; i < 100; i++) {
                AtomicInteger others = new AtomicInteger();
                assertThatThrownBy(() -> pool.run(chunk -> {
                    if (chunk == 4) {
                        throw new IllegalArgumentException("chunk 4");
                    }
                    others.incrementAndGet();
                }, 9)).isInstanceOf(IllegalArgumentException.class).hasMessage("chunk 4");
                assertThat(others.get()).isEqualTo(8);
            }
        }
    }

    @Test
    void aClosedPoolRefusesAndItsThreadsEnd() throws InterruptedException {
        ThreadPool pool = new ThreadPool(3);
        pool.run(chunk -> {}, 4);
        pool.close();
        assertThatThrownBy(() -> pool.run(chunk -> {}, 4)).isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
        for (int i = 0; i < 200 && Thread.getAllStackTraces().keySet().stream().anyMatch(t -> t.getName().startsWith("kernels-")); i++) {
            Thread.sleep(10);
        }
        assertThat(Thread.getAllStackTraces().keySet()).noneMatch(t -> t.getName().startsWith("kernels-"));
    }

    @Test
    void startingATaskAllocatesNothing() {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (ThreadPool pool = new ThreadPool(2)) {
            ThreadPool.Task task = chunk -> {};
            for (int i = 0; i < 20_000; i++) {
                pool.run(task, 4);
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 20_000; i++) {
                pool.run(task, 4);
            }
            assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(20_000);
        }
    }

    /** However many threads there are: with one thread, or one chunk, callers wait for each other as elsewhere. */
    @ParameterizedTest
    @CsvSource({"1, 3", "1, 1", "3, 1", "3, 5"})
    void callersTakeTurns(int threads, int chunks) throws InterruptedException {
        try (ThreadPool pool = new ThreadPool(threads)) {
            var inside = new AtomicInteger();
            var both = new AtomicBoolean();
            var caller = new Object() {
                void run() {
                    for (int i = 0; i < 200; i++) {
                        var mine = new AtomicInteger();
                        pool.run(chunk -> {
                            // the first chunk of a call comes in, its last one goes out
                            if (mine.getAndIncrement() == 0 && inside.getAndIncrement() > 0) {
                                both.set(true);
                            }
                            Thread.onSpinWait();
                            if (mine.get() == chunks) {
                                Thread.yield();
                            }
                            if (mine.addAndGet(1000) / 1000 == chunks) {
                                inside.decrementAndGet();
                            }
                        }, chunks);
                    }
                }
            };
            Thread other = Thread.ofPlatform().start(caller::run);
            caller.run();
            other.join();
            assertThat(both).isFalse();
        }
    }
}
