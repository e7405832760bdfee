package dev.zhulong.train;

import dev.zhulong.tensor.FastProducts;
import java.util.Map;

/**
 * What training minimises, over networks of its own: the one that is trained, and others, such as a reference, that it asks.
 *
 * @param <B> a batch of what it learns from
 */
public interface Objective<B> {
    /**
     * Adds the gradient of the summed loss over {@code batch} to the gradients of the trained weights.
     *
     * @param recompute keep only each block's input and run it again in backward: less memory, a third more time
     */
    Loss accumulate(B batch, boolean recompute);

    /** The summed loss alone; changes nothing. */
    Loss evaluate(B batch);

    /** The summed loss over all of {@code batches}, one after another. */
    default Loss evaluateAll(Iterable<? extends B> batches) {
        // as training multiplies: the same bits wherever it is asked for, also beside other ranks of this process that train
        try (var fast = FastProducts.open()) {
            Loss total = Loss.NONE;
            for (B batch : batches) {
                total = total.plus(evaluate(batch));
            }
            return total;
        }
    }

    /**
     * Told after each update of the weights: what is moved without a gradient is moved here.
     *
     * @param ranks that train together, each of which is told
     */
    default void updated(Ranks ranks) {}

    /** What else is worth writing down of the batches accumulated since this was last asked, by name; mostly nothing. */
    default Map<String, Number> observed() {
        return Map.of();
    }

    /** Unit of a {@link Loss#mean()}. */
    Unit unit();

    /** Tokens that the trained network reads in {@code batch}, supervised or not: what the speed of a run is counted in. */
    long tokens(B batch);
}
