package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;

/**
 * F32 values in fewer bytes. What is lost in them is left behind in the values, so that it goes with later ones (error feedback: Seide et al. 2014, Karimireddy et al. 2019).
 * One thread at a time uses an object.
 */
interface Codec {
    /** Bytes that so many values take, whatever they are. */
    long bytes(long values);

    /**
     * Writes values in fewer bytes; what reads them gets others, and the difference is left: what was sent and what is left add up to what was there, exactly.
     *
     * @param values F32; what is left of them afterwards
     * @param to     {@link #bytes} of them
     */
    void encode(MemorySegment values, MemorySegment to);

    /** Adds what was sent to {@code values}, F32. */
    void addTo(MemorySegment encoded, MemorySegment values);
}
