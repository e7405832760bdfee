package dev.zhulong.train;

/** How gradients of several ranks become sums, while backward goes on: whole ones on each rank ({@link Buckets}), or on each those of its part ({@link ShardedGradients}). */
interface Reduction extends AutoCloseable {
    /** The gradients of this group, and of those before it, are there. */
    void there(int group, long step);

    /** The same for all groups. */
    void allThere(long step);

    /** Another batch of the same step follows; only where each batch's gradients go by themselves ({@link Ranks#sumsEachBatch}). */
    default void nextBatch() {
        throw new UnsupportedOperationException("gradients go once a step");
    }

    /** Returns once all that was sent is summed, and the sums are where they are needed. */
    void handOut();

    /** Waits for what is under way; the next gradients are those of another step. */
    void await();

    /** Bytes of the memory that it exchanges through. */
    long bytes();

    @Override
    void close();
}
