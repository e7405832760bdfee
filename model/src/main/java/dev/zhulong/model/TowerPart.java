package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.List;

/**
 * A part of one of two towers that stand side by side: it takes its own tensor of the flow and leaves the other.
 *
 * @param slot 0 for pictures, which run under the pass's source; 1 for texts
 */
record TowerPart(Part part, int slot) implements Part {
    @Override
    public List<Weight> weights() {
        return part.weights();
    }

    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor[] next = flow.clone();
        next[slot] = part.forward(new Tensor[] {flow[slot]}, slot == 0 ? pass.source() : pass)[0];
        return next;
    }
}
