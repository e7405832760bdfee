package dev.zhulong.kernels;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Whether C2 has compiled a piece of vector code. The first to ask has it run on a thread of its own, on made-up numbers, until it is as fast as
 * compiled code; what gives the same bits in plain loops answers meanwhile.
 *
 * <p>Vector code that is not compiled yet makes an object of every vector and is tens of times slower than plain loops, which are fast as soon as C1
 * has seen them.
 */
final class Warmth {
    private static final int COLD = 0;
    private static final int WARMING = 1;
    private static final int WARM = 2;

    /** After which code counts as compiled whatever its speed: then it is as fast as it will be. */
    private static final long PATIENCE_NANOS = 3_000_000_000L;
    /** Before it begins: the compiler has enough to do in a process that has just started, and a small model's first token is out by then. */
    private static final long DELAY_MILLIS = 150;

    private static final List<Warmth> ALL = new CopyOnWriteArrayList<>();

    /** For tests: what all code counts as; COLD for what it is. */
    private static int pretended = COLD;

    private final Runnable exercise;
    private final AtomicInteger state = new AtomicInteger(COLD);

    /** @param exercise ends in {@link #repeat} */
    Warmth(Runnable exercise) {
        this.exercise = exercise;
        ALL.add(this);
    }

    /** Whether the code is compiled; if nobody has, asks for it. */
    boolean isWarm() {
        int now = pretended == COLD ? state.getPlain() : pretended;
        if (now == COLD && state.compareAndSet(COLD, WARMING)) {
            Thread.ofPlatform().daemon().name("kernel-warmth").start(this::warm);
        }
        return now == WARM;
    }

    private void warm() {
        try {
            Thread.sleep(DELAY_MILLIS);
            exercise.run();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            state.set(WARM);
        }
    }

    /** Runs a round of vector code again and again, until one took no longer than compiled code needs at most, or patience has ended. */
    static void repeat(double nanos, Runnable round) {
        long start = System.nanoTime();
        for (long from = start, to; ; from = to) {
            round.run();
            to = System.nanoTime();
            if (to - from < nanos || to - start > PATIENCE_NANOS) {
                return;
            }
        }
    }

    /** Until no code that was asked for is still to be compiled. */
    static void await() {
        long until = System.nanoTime() + 4 * PATIENCE_NANOS;
        for (Warmth warmth : ALL) {
            while (warmth.state.get() == WARMING && System.nanoTime() < until) {
                try {
                    Thread.sleep(5);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
        }
    }

    /** For tests: all code counts as compiled, or none does and none is asked for. */
    static void pretend(boolean warm) {
        pretended = warm ? WARM : WARMING;
    }

    /** For tests: as in a new JVM. */
    static void forget() {
        pretended = COLD;
        ALL.forEach(warmth -> warmth.state.set(COLD));
    }
}
