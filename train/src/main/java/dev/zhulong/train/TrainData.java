package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import java.util.List;
import java.util.function.LongFunction;

/**
 * What a run reads.
 *
 * @param training   the batch of a number; nothing but the number decides it, so a resumed run needs to remember nothing else
 * @param validation held-out batches; may be empty
 * @param tokenBytes UTF-8 bytes each token id stands for: turns nats a token into bits a byte; zeros where that would say nothing
 */
public record TrainData(LongFunction<Batch> training, List<Batch> validation, int[] tokenBytes) {
    /** Bytes of the supervised targets in {@code batch}. */
    long bytes(Batch batch) {
        long n = 0;
        for (int t : batch.targets()) {
            n += t == Batch.NO_TARGET ? 0 : tokenBytes[t];
        }
        return n;
    }
}
