package dev.zhulong.infer.cpu;

/** What multiplies a model's matrices; fixed when it is loaded, since the bits of its logits depend on it. */
public enum Route {
    /** Our own kernels on the weights as they are stored: fewest bytes a token, for one sequence or few. Needs no libtorch. */
    LATENCY,
    /**
     * libtorch's int8 products: a byte a weight with a scale for each output, activations with a scale for each token and their largest columns in F32.
     * For long prompts and many sequences.
     */
    THROUGHPUT
}
