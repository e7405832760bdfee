package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;

/** Told of what the experts of a network's mixtures give: what says which of them can be missed. */
@FunctionalInterface
public interface ExpertObserver {
    /**
     * What one layer's experts gave, gone when the part that runs is done.
     *
     * @param layer   its number
     * @param experts that each token was given to, I64 [tokens, chosen]
     * @param weights that their results are added with [tokens, chosen]
     * @param results of theirs [tokens, chosen, hidden]
     */
    void gave(int layer, Tensor experts, Tensor weights, Tensor results);
}
