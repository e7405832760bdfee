package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.WeightType;
import java.util.Optional;

/**
 * A way to run a model, and what is known of it before it is loaded.
 *
 * @param weights  what matrices are quantised to; empty for as they are stored
 * @param route    what multiplies
 * @param memory   bytes with the caches of the expected task
 * @param seconds  of the expected task's products; not a number where they were not timed
 * @param obstacle why it cannot be, in a sentence; empty where it can
 */
public record Candidate(Optional<WeightType> weights, Route route, long memory, double seconds, Optional<String> obstacle) {
    boolean possible(long available) {
        return obstacle.isEmpty() && memory <= available;
    }
}
