package dev.zhulong.model;

import dev.zhulong.formats.Parameter;
import dev.zhulong.tensor.Tensor;

/**
 * A place for a tensor. Parts of a network hold places, not tensors: between uses what lies there may be away (sharded over ranks, on the disk), and
 * it may be swapped for another (masked, averaged, served).
 */
public final class Weight {
    private final Parameter parameter;
    private Tensor tensor;

    /** @param tensor null where it is away for now */
    public Weight(Parameter parameter, Tensor tensor) {
        this.parameter = parameter;
        this.tensor = tensor;
    }

    /** What it is. */
    public Parameter parameter() {
        return parameter;
    }

    /**
     * The tensor, of {@link Parameter#shape()}.
     *
     * @throws IllegalStateException where it is away
     */
    public Tensor tensor() {
        if (tensor == null) {
            throw new IllegalStateException("weight " + parameter.name() + " is away");
        }
        return tensor;
    }

    /** Whether it is there. */
    public boolean isHere() {
        return tensor != null;
    }

    /** Puts another tensor in its place, or none where it is null; the one before stays its owner's. */
    public void set(Tensor next) {
        tensor = next;
    }
}
