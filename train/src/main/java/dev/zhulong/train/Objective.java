package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;

/** What training minimises. */
public interface Objective {
    /**
     * Adds the gradient of the summed loss over {@code batch} to the gradients of the model's weights.
     *
     * @param recompute keep only each block's input and run it again in backward: less memory, a third more time
     */
    Loss accumulate(Decoder model, Batch batch, boolean recompute);

    /** The summed loss alone. */
    Loss evaluate(Decoder model, Batch batch);

    /** Unit of a {@link Loss#mean()}, such as {@code nats a token}. */
    String unit();
}
