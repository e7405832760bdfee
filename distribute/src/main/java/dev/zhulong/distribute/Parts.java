package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;

/**
 * Which values are whose: consecutive parts, each but the last a multiple of 64 values, as equal as that allows; some may be empty. Vector code treats the values
 * within a multiple of its width alike, so an update of a part gives the same bits as one of the whole.
 *
 * @param values in all
 * @param ranks  that share them
 */
public record Parts(long values, int ranks) {
    private static final int GRAIN = 64;

    /** So many values and what is left to the next multiple of 64: where the next of several tensors may begin. */
    public static long whole(long values) {
        return (values + GRAIN - 1) / GRAIN * GRAIN;
    }

    /** The parts of F32 values in memory. */
    public static Parts of(MemorySegment values, int ranks) {
        if (values.byteSize() % Float.BYTES != 0) {
            throw new IllegalArgumentException(values.byteSize() + " bytes are no F32 values");
        }
        return new Parts(values.byteSize() / Float.BYTES, ranks);
    }

    /** Where the part of {@code rank} begins; of the number of ranks, where the last ends. */
    public long begin(int rank) {
        return Math.min(values, Math.multiplyExact(whole(values) / GRAIN, rank) / ranks * GRAIN);
    }

    /** How many values it has. */
    public long length(int rank) {
        return begin(rank + 1) - begin(rank);
    }

    /** The part of {@code rank} of F32 values in memory. */
    public MemorySegment in(MemorySegment all, int rank) {
        return all.asSlice(begin(rank) * Float.BYTES, length(rank) * Float.BYTES);
    }
}
