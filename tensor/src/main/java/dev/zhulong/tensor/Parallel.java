package dev.zhulong.tensor;

import java.util.function.IntConsumer;

/** What runs independent pieces of work on several threads: a thread pool of the caller's, since this module has none. */
@FunctionalInterface
public interface Parallel {
    /** On the calling thread, one after another. */
    Parallel NOT = (work, count) -> {
        for (int i = 0; i < count; i++) {
            work.accept(i);
        }
    };

    /** Runs {@code work} for 0 … {@code count - 1}, in any order, and returns when all have ended. */
    void run(IntConsumer work, int count);
}
