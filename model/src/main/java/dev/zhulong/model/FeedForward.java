package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.List;

/** What follows the attention in a layer. */
interface FeedForward {
    /** The weights it reads. */
    List<Weight> weights();

    /**
     * Runs it.
     *
     * @param x    [batch, seq, hidden]
     * @param flow what passes the layer; a mixture replaces its accounts there ({@link Experts})
     * @param pass what the pass knows
     * @return what is added to the residual stream, [batch, seq, hidden]
     */
    Tensor apply(Tensor x, Tensor[] flow, Pass pass);
}
