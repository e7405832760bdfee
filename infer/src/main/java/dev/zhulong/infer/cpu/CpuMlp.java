package dev.zhulong.infer.cpu;

/** What follows the attention in a layer: an MLP for all rows, or a mixture of experts. */
sealed interface CpuMlp permits CpuMlp.Dense, CpuExperts {
    /** Bytes the weights take. */
    long bytes();

    /** Bytes of those that a token is multiplied with. */
    default long bytesOfAToken() {
        return bytes();
    }

    void close();

    /**
     * An MLP.
     *
     * @param in    gate and up, or up alone
     * @param down  back to the width of the residual stream
     * @param width inside
     */
    record Dense(Projection in, Projection down, int width) implements CpuMlp {
        @Override
        public long bytes() {
            return in.bytes() + down.bytes();
        }

        @Override
        public void close() {
            in.close();
            down.close();
        }
    }
}
