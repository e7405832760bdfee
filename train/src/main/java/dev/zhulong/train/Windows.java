package dev.zhulong.train;

import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Parts;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;

/**
 * Two pieces of memory that a rank exchanges values through, in turn: one is filled while what is in the other is under way. What is put into one goes in a single call, a
 * megabyte or more where there is as much.
 */
final class Windows {
    /** Bytes from which on a window goes by itself: less, and what a call costs is more than what the values do. */
    private static final long LEAST = 1 << 20;

    private final Exchanges exchanges;
    private final long bytes;
    private final MemorySegment[] memory = new MemorySegment[2];
    private final List<Future<?>> underWay = new ArrayList<>(java.util.Collections.nCopies(2, null));
    private List<MemorySegment> runs = new ArrayList<>();
    private int now;
    private long at;

    /** @param largest values of the largest run */
    Windows(Exchanges exchanges, long largest) {
        this.exchanges = exchanges;
        bytes = bytes(largest);
        for (int i = 0; i < 2; i++) {
            memory[i] = exchanges.ranks().allocate(bytes);
        }
    }

    /** Bytes of one, where the largest run has so many values. */
    static long bytes(long largest) {
        return Math.max(LEAST, Parts.whole(largest) * Float.BYTES);
    }

    /** Bytes of both. */
    long bytes() {
        return 2 * bytes;
    }

    /** Whether so many values more find room in the present one. */
    boolean fits(long values) {
        return at + values * Float.BYTES <= bytes;
    }

    /** Whether what is in the present one is worth a call. */
    boolean isWorthACall() {
        return at >= LEAST;
    }

    /** Memory for a run of so many values, which {@link #fits}. */
    MemorySegment run(long values) {
        if (at == 0 && underWay.get(now) != null) {
            exchanges.await(underWay.set(now, null));
        }
        MemorySegment run = memory[now].asSlice(at, values * Float.BYTES);
        runs.add(run);
        at += Parts.whole(values) * Float.BYTES;
        return run;
    }

    /** Begins a call with the runs of the present one, if there are any, and goes on to the other. */
    void begin(BiConsumer<Collectives, List<MemorySegment>> call) {
        if (runs.isEmpty()) {
            return;
        }
        List<MemorySegment> all = runs;
        underWay.set(now, exchanges.begin(ranks -> call.accept(ranks, all)));
        runs = new ArrayList<>();
        at = 0;
        now = 1 - now;
    }

    /** Returns once nothing is under way. */
    void await() {
        for (int i = 0; i < 2; i++) {
            if (underWay.get(i) != null) {
                exchanges.await(underWay.set(i, null));
            }
        }
    }
}
