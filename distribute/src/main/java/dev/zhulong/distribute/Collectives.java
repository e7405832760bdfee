package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/**
 * Exchanges among ranks. Each rank makes the same calls in the same order; a call returns when this rank's part is done. Sums are taken in the order of the
 * ranks, {@code ((x₀ + x₁) + x₂) + …}, wherever a number lies, so that a sum does not depend on how values are cut into calls or parts, and N ranks with a
 * batch each add up as one process does that accumulates N batches.
 *
 * <p>Any call throws {@link RankFailure} where a rank is gone, answers no more, or means another call; after that none can be made.
 */
public interface Collectives extends AutoCloseable {
    /** Numbers that one {@link #gather} takes at most. */
    int MOST_GATHERED = 1000;

    /**
     * Meets the other ranks, and exchanges with them through memory where all are on this host, else over TCP.
     *
     * @param notice is told of callers that were refused
     */
    static Collectives join(Group group, Consumer<String> notice) {
        Mesh mesh = Mesh.join(group, notice);
        return group.size() > 1 && mesh.isOneHost() ? new MemoryCollectives(mesh) : new SocketCollectives(mesh);
    }

    /** This rank, from 0. */
    int rank();

    /** How many ranks there are. */
    int size();

    /** A rank and its host, for people. */
    String name(int rank);

    /**
     * Memory for values to be exchanged, zeroed, aligned to 64 bytes; freed by {@link #close}.
     *
     * @param bytes the same on each rank
     */
    MemorySegment allocate(long bytes);

    /**
     * Leaves in this rank's {@linkplain Parts part} of {@code values} the sum over all ranks; the other parts hold anything afterwards.
     *
     * @param values F32, as many on each rank, in {@linkplain #allocate memory} from here, at the same place in it
     */
    default void reduceScatter(Call call, MemorySegment values) {
        reduceScatter(call, List.of(values), List.of(Parts.of(values, size()).in(values, rank())), false);
    }

    /**
     * The same of several runs of values, each of which is cut into parts by itself; the sums go elsewhere.
     *
     * @param values as above
     * @param sums   F32, as many as this rank's part of each run has; not in the memory of another run
     * @param added  whether the values are added, in the order of the ranks, to what is in {@code sums}: {@code ((s + x₀) + x₁) + …}
     */
    void reduceScatter(Call call, List<MemorySegment> values, List<MemorySegment> sums, boolean added);

    /**
     * Fills the parts of the others with what they have in them.
     *
     * @param values F32, as many on each rank, in {@linkplain #allocate memory} from here, at the same place in it
     */
    default void allGather(Call call, MemorySegment values) {
        allGather(call, List.of(values));
    }

    /** The same of several runs of values, each of which is cut into parts by itself. */
    void allGather(Call call, List<MemorySegment> values);

    /**
     * Fills in what the others have, as many bytes of each as it likes.
     *
     * @param memory {@linkplain #allocate allocated} here, the same place in it on each rank; what each has lies one behind the other
     * @param bytes  of each rank; the same on each
     */
    void allGather(Call call, MemorySegment memory, long[] bytes);

    /**
     * Hands each rank a message of its own.
     *
     * @param messages to all ranks, one behind the other, in {@linkplain #allocate memory} from here, at the same place in it on each rank
     * @param bytes    of the message to each rank; the same on each
     * @param received from all ranks, one behind the other, each of as many bytes as one to this rank has
     */
    void allToAll(Call call, MemorySegment messages, long[] bytes, MemorySegment received);

    /**
     * Leaves the sum over all ranks in {@code values} on each of them.
     *
     * @param values F32, as many on each rank, in {@linkplain #allocate memory} from here, at the same place in it
     */
    default void allReduce(Call call, MemorySegment values) {
        reduceScatter(call, values);
        allGather(call, values);
    }

    /** Each rank's {@code mine}, in the order of the ranks; as many on each rank, {@value #MOST_GATHERED} at most. */
    double[][] gather(Call call, double... mine);

    /** Returns once all ranks have come here. */
    default void barrier(Call call) {
        gather(call);
    }

    /** Bytes of values and heads that this rank has sent to others so far. */
    long sentBytes();

    /** Leaves; ranks that still wait for this one fail. */
    @Override
    void close();
}
