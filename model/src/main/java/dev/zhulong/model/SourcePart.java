package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.List;

/** A part of the encoder in front of a decoder: it runs under the encoder's pass. */
record SourcePart(Part part) implements Part {
    @Override
    public List<Weight> weights() {
        return part.weights();
    }

    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        return part.forward(flow, pass.source());
    }
}
