package dev.zhulong.train;

import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;

/** Says where numbers stopped being numbers. */
final class Diagnosis {
    private Diagnosis() {}

    static String of(Decoder model, long step, String what) {
        String where = "no weight or gradient is affected: look at the data of this step";
        for (var e : model.parameters().entrySet()) {
            Tensor gradient = e.getValue().grad();
            if (e.getValue().hasNonFinite()) {
                where = "weight " + e.getKey() + " holds NaN or infinity";
                break;
            }
            if (gradient != null && gradient.hasNonFinite()) {
                where = "the gradient of " + e.getKey() + " holds NaN or infinity";
                break;
            }
        }
        return "training stopped at step " + step + ": " + what + "; " + where
                + ". The newest checkpoint is untouched: lower the learning rate or lengthen the warm-up, then resume";
    }
}
