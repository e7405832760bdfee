package dev.zhulong.infer.cpu;

/**
 * The weights of a decoder layer's attention to what an encoder gave.
 *
 * @param norm before the attention, or in post-norm layers after its sum
 * @param q    from the decoder's stream to queries
 * @param kv   from the encoder's output to keys and values; run once for a source
 * @param out  back to the stream
 */
record CpuCross(Norm norm, Projection q, Projection kv, Projection out) {
    long bytes() {
        return q.bytes() + kv.bytes() + out.bytes();
    }

    void close() {
        q.close();
        kv.close();
        out.close();
    }
}
