package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.List;

/** The norm after the last layer of a pre-norm network, [batch, seq, hidden] to the same. */
record NormPart(Normalisation norm) implements Part {
    @Override
    public List<Weight> weights() {
        return Normalisation.weights(norm);
    }

    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor[] next = flow.clone();
        next[0] = norm.apply(flow[0]);
        return next;
    }
}
