package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.tensor.Tensor;

/** Says where numbers stopped being numbers. */
final class Diagnosis {
    private Diagnosis() {}

    static String of(Network model, long step, String what) {
        String where = firstBroken(model);
        return "training stopped at step " + step + ": " + what + "; " + where
                + ". The newest checkpoint is untouched: lower the learning rate or lengthen the warm-up, then resume";
    }

    /** Weights before gradients: one broken weight breaks the gradients of all. */
    private static String firstBroken(Network model) {
        for (var e : model.trainable().entrySet()) {
            if (e.getValue().hasNonFinite()) {
                return "weight " + e.getKey() + " holds NaN or infinity";
            }
        }
        for (var e : model.trainable().entrySet()) {
            Tensor gradient = e.getValue().grad();
            if (gradient != null && gradient.hasNonFinite()) {
                return "the gradient of " + e.getKey() + " holds NaN or infinity";
            }
        }
        return "no weight or gradient is affected: look at the data of this step";
    }
}
