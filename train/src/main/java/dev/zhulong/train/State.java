package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where what is trained lies between its uses: weights, the sums of their gradients, and what the optimizer remembers of them. In memory, or on the disk
 * ({@link StreamedState}), or shared among ranks ({@link ShardedState}); the steps of training are the same, and so are their bits.
 */
public interface State {
    /** Steps and updates that were done. */
    record Done(long steps, long updates) {}

    /** That of a network's residency, where this keeps more than weights; else one that ranks share as the options say, or each has in its memory; the optimizer is fresh. */
    static State of(Network model, TrainOptions options, Ranks ranks) {
        if (model.residency() instanceof State state) {
            return state;
        }
        return options.zero() > 0 && ranks.size() > 1 ? ranks.share(model, options.optimizer(), options.zero())
                : new InMemory(model, options.optimizer().of(model.trainable(), model.decayed()));
    }

    /** Euclidean norm of all gradients. */
    double norm();

    /** Name of a weight whose gradient holds NaN or infinity. */
    Optional<String> brokenGradient();

    /**
     * Moves the weights that have a gradient.
     *
     * @param updates   number of this update, from 1
     * @param lr        learning rate
     * @param gradScale F32 scalar that the gradients are divided by
     */
    void update(long updates, double lr, Tensor gradScale);

    /** Forgets the gradients. */
    void clear();

    /** Does something on rank 0 that needs weights or moments, and that the other ranks do not do: they {@link #serve} meanwhile. */
    default void alone(Runnable work) {
        work.run();
    }

    /** Gives rank 0 what it needs for what it does {@link #alone}, until it has done that. */
    default void serve() {}

    /**
     * Bytes that a rank's memory holds while the optimizer moves the weights.
     *
     * @param weights   whole ones, and parts of what is shared out
     * @param gradients sums, or of stages that share them those of a rank's parts
     * @param moments   of all that is trained, or of a rank's parts
     * @param gathered  windows for layers that other ranks have parts of
     */
    record Held(long weights, long gradients, long moments, long gathered) {}

    /** What is held where all is in memory; empty where it is not. */
    default Optional<Held> held() {
        return Optional.empty();
    }

    /** Writes weights and moments into a checkpoint's directory. */
    void save(Path directory);

    /**
     * Puts those of a checkpoint in place.
     *
     * @throws TrainingStopped                      if it holds another model or adapter
     * @throws dev.zhulong.formats.FormatException if its moments belong to other weights; names the first that does not fit
     */
    void load(Path directory);

    /** What was done when it was last committed: what is there now, where it outlives the process. */
    default Optional<Done> committed() {
        return Optional.empty();
    }

    /** Makes what is there now what a process finds that starts after this one was killed; does nothing where checkpoints alone outlive the process. */
    default void commit(Done done) {}

    /** Whether {@link #commit} does something. */
    default boolean outlivesTheProcess() {
        return false;
    }

    /** All steps are done, on all ranks: rank 0 has all weights in its network. */
    default void reunite() {}

    /** Training is over; the weights stay. */
    void release();
}
