package dev.zhulong.train;

import dev.zhulong.distribute.Compression;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Those that train one model together, each on batches of its own. A step asks them once its gradients are summed and before it needs their
 * norm, and nowhere else; while backward goes on it tells them which gradients are there. Every sum is taken in the order of the ranks, so that the same ranks give the same bits.
 */
public interface Ranks extends AutoCloseable {
    /** One process, which has everything already. */
    Ranks ALONE = new Alone();

    /** Which of them this is, from 0. */
    int rank();

    /** How many there are. */
    int size();

    /**
     * Has gradients travel in fewer bytes; what does not go with one step goes with later ones. Before training.
     *
     * @throws IllegalArgumentException where these ranks cannot
     */
    default void compress(Compression how) {
        if (size() > 1) {
            throw new IllegalArgumentException("train.compress is for ranks that each hold the whole model: leave it out");
        }
    }

    /** The number among all ranks' batches of this rank's {@code own}, both counted from 0: ranks read a step's batches in turn. */
    default long number(long own) {
        return own * size() + rank();
    }

    /** Whether it computes gradients itself; else {@link #sum} and {@link #reduce} have those of others. */
    default boolean computes() {
        return true;
    }

    /** That which computes gradients for a server and does nothing else, where this is one. */
    default Optional<Worker> worker() {
        return Optional.empty();
    }

    /**
     * Training begins.
     *
     * @param weights that are trained
     * @param done    steps that were done before
     */
    default void start(Collection<Tensor> weights, TrainOptions options, long done) {}

    /** A step begins, counted from 1. */
    default void begin(long step) {}

    /**
     * Makes sure that all have come to the same.
     *
     * @param what  it is, for the error
     * @throws TrainingStopped on each rank if one has another
     */
    default void agree(String what, long mine) {}

    /** The loss of all, once backward has ended. */
    Loss sum(Loss mine);

    /**
     * Sums of numbers, in the order of the ranks.
     *
     * @param what they are, the same on each rank
     * @param mine as many on each rank
     */
    default double[] sum(String what, double... mine) {
        return mine;
    }

    /** Tokens that were read for the last {@link #sum}. @param mine read by this rank */
    default long tokens(long mine) {
        return mine;
    }

    /**
     * Says in which order gradients become known, so that they can be summed while others are not known yet.
     *
     * @param weights all that are trained, in groups, the same on each rank
     */
    default void expect(List<List<Tensor>> weights) {}

    /** The gradients of a group are there and stay as they are until {@link #reduce}. Once backward has ended, those of all groups are. */
    default void there(int group) {}

    /**
     * Shares among all, from now on, what training keeps.
     *
     * @param model the same on each
     * @param stage of ZeRO, 1 to 3
     */
    default State share(Network model, Optimizer.Maker optimizer, int stage) {
        throw new UnsupportedOperationException("these ranks share nothing");
    }

    /** Whether gradients are summed over the ranks after each batch, rather than once a step, and are gone then. */
    default boolean sumsEachBatch() {
        return false;
    }

    /** Another batch of the step follows; where each is {@linkplain #sumsEachBatch summed} by itself. */
    default void nextBatch() {}

    /**
     * Sums the gradients of all into those of {@code weights}: all of them, or those this rank updates.
     *
     * @param weights that are trained, the same in the same order on each rank; one without a gradient adds nothing
     */
    void reduce(Collection<Tensor> weights);

    /**
     * The squared norm of the whole gradient.
     *
     * @param mine of what {@link #reduce} left with this rank
     */
    double sumOfSquares(double mine);

    /** A checkpoint is due, on all ranks: what they hold apart is brought together. */
    default void settle() {}

    /**
     * Writes into a checkpoint's directory what ranks remember between steps, once it is {@linkplain #settle settled}; on the first rank.
     *
     * @param trained weights by name
     */
    default void save(Path directory, Map<String, Tensor> trained) {}

    /**
     * Goes on with what a checkpoint holds of {@link #save}, whoever wrote it; before the first step.
     *
     * @return false where these ranks remember nothing of the kind: what it holds is then added to the sums of the first step
     */
    default boolean load(Path directory, Map<String, Tensor> trained) {
        return false;
    }

    /** Bytes of the memory that gradients are exchanged through. */
    default long exchanged() {
        return 0;
    }

    /** What is worth writing down of the last step's ranks, by name; nothing where there is one. */
    default Map<String, Number> observed() {
        return Map.of();
    }

    /** What is worth a line and was not told yet: a rank that others wait for. */
    default Optional<String> remark() {
        return Optional.empty();
    }

    /** What is worth a line when training has ended: how much was sent; nothing where there is one. */
    default Optional<String> summary() {
        return Optional.empty();
    }

    /** Returns once all have come here. */
    void barrier();

    @Override
    void close();
}
