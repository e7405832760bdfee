package dev.zhulong.train;

import java.util.List;
import java.util.function.LongFunction;

/**
 * What a run reads.
 *
 * @param training   the batch of a number; nothing but the number decides it, so a resumed run needs to remember nothing else
 * @param validation held-out batches; may be empty
 */
public record TrainData<B>(LongFunction<B> training, List<B> validation) {
    /** That of one of several ranks, which read a step's batches in turn. */
    public TrainData<B> among(Ranks ranks) {
        return new TrainData<>(number -> training.apply(ranks.number(number)), validation);
    }
}
