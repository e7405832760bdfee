package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where what is trained lies between its uses: weights, the sums of their gradients, and what the optimizer remembers of them. In memory, or on the disk
 * ({@link StreamedState}); the steps of training are the same, and so are their bits.
 */
public interface State {
    /** Steps and updates that were done. */
    record Done(long steps, long updates) {}

    /** That of a network's residency, where this keeps more than weights; else one in memory, whose optimizer is fresh. */
    static State of(Network model, Optimizer.Maker optimizer) {
        return model.residency() instanceof State state ? state : new InMemory(model, optimizer.of(model.trainable(), model.decayed()));
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

    /** Training is over; the weights stay. */
    void release();
}
