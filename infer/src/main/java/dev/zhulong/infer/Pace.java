package dev.zhulong.infer;

import java.util.Arrays;
import java.util.function.LongSupplier;

/** How long it takes until a place becomes free, by how many did in the last minute of work. Safe for several threads. */
final class Pace {
    private static final int WINDOW = 60;
    /** Where nothing is known yet. */
    private static final int FIRST_GUESS = 5;

    private final LongSupplier seconds;
    /** Places that became free in each second of the window, by the second modulo its length. */
    private final int[] freed = new int[WINDOW];
    /** The newest second in the window. */
    private long now;
    /** When the work began that goes on still. */
    private long since;

    /** @param seconds a clock that never goes back */
    Pace(LongSupplier seconds) {
        this.seconds = seconds;
        now = seconds.getAsLong();
        since = now;
    }

    /** Work begins after there was none: what was measured before says nothing of it. */
    synchronized void begin() {
        advance();
        since = now;
        Arrays.fill(freed, 0);
    }

    /** A place has become free. */
    synchronized void freed() {
        advance();
        freed[(int) (now % WINDOW)]++;
    }

    private void advance() {
        long to = seconds.getAsLong();
        for (long second = Math.max(now + 1, to - WINDOW + 1); second <= to; second++) {
            freed[(int) (second % WINDOW)] = 0;
        }
        now = to;
    }

    /** Seconds until the next place is likely to be free, 1 to 60. */
    synchronized int retryAfter() {
        advance();
        int count = 0;
        for (int each : freed) {
            count += each;
        }
        long worked = Math.min(WINDOW, now - since + 1);
        return (int) (count == 0 ? Math.max(FIRST_GUESS, worked) : Math.max(1, (worked + count - 1) / count));
    }
}
