package dev.zhulong.train;

import dev.zhulong.distribute.Parts;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * A weight that is trained, and what one rank has of it: the part whose gradients it sums and whose values it moves. Parts are cut at multiples of 64 values, within which vector code
 * treats all alike, so that AdamW's bits and the norm's are those of the whole.
 */
final class Shard {
    private final String name;
    private final long[] shape;
    private final Parts parts;
    private final int rank;
    /** This rank's part of the weight, F32 [length]. */
    private final Tensor values;
    /** Whether a gradient of this rank is in the sum; whether that of any rank is. */
    private boolean given;
    private boolean summed;

    /**
     * @param own this rank's part of the weight, where it stays
     */
    Shard(String name, long[] shape, Parts parts, int rank, MemorySegment own) {
        this.name = name;
        this.shape = shape;
        this.parts = parts;
        this.rank = rank;
        values = Tensor.view(own, DType.F32, parts.length(rank)).keep();
    }

    String name() {
        return name;
    }

    long[] shape() {
        return shape;
    }

    /** Values of the whole weight. */
    long count() {
        return parts.values();
    }

    /** Values of this rank's part. */
    long length() {
        return parts.length(rank);
    }

    /** Where this rank's part begins. */
    long begin() {
        return parts.begin(rank);
    }

    /** This rank's part of something whole. */
    MemorySegment own(MemorySegment whole) {
        return parts.in(whole, rank);
    }

    Tensor values() {
        return values;
    }

    boolean given() {
        return given;
    }

    void given(boolean is) {
        given = is;
    }

    boolean summed() {
        return summed;
    }

    void summed(boolean is) {
        summed = is;
    }

    /** Forgets the gradient. */
    void clear() {
        given = false;
        summed = false;
        values.clearGrad();
    }
}
