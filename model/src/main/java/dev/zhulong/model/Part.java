package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.List;

/**
 * A part of a network: a function of its weights, of what flows through the network, and of what the pass knows. Run again with the same it gives the
 * same bits. Whatever walks a network a part at a time (recomputation, streaming from the disk, pruning) rests on this alone.
 */
public interface Part {
    /** The weights it reads. */
    List<Weight> weights();

    /**
     * Runs it.
     *
     * @param flow what the part before gave: of a decoder the residual stream [batch, seq, hidden], of a mixture also what its routers chose
     *             ({@link Experts}); of the first part the ids [batch, seq], and segments where there are any
     * @return what the next part is given; a tensor that is handed on unchanged may be the very same
     */
    Tensor[] forward(Tensor[] flow, Pass pass);
}
