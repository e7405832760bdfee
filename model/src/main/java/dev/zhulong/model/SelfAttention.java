package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.List;

/** The attention of a layer to its own stream, with its projections; what a family has besides heads of queries, keys and values is a class of its own. */
interface SelfAttention {
    /** The weights it reads. */
    List<Weight> weights();

    /** [batch, seq, hidden] to the same: what is added to the stream. */
    Tensor apply(Tensor h, Pass pass);
}
