package dev.zhulong.model;

import dev.zhulong.formats.Parameter;
import dev.zhulong.tensor.Tensor;
import java.util.List;

/** Told of the inputs of a network's projections, just before they are multiplied: what importance and Hessians are made of. */
@FunctionalInterface
public interface ProjectionObserver {
    /**
     * An input.
     *
     * @param x  [.., in], gone when the part that runs is done; an expert is given the rows that its router chose
     * @param by the matrices that multiply it
     */
    void given(Tensor x, List<Parameter> by);
}
