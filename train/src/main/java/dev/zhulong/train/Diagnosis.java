package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.model.Part;
import dev.zhulong.model.Residency;
import dev.zhulong.model.Weight;
import java.util.Optional;

/** Says where numbers stopped being numbers. */
final class Diagnosis {
    private Diagnosis() {}

    static String of(Network model, State state, long step, String what) {
        String where = firstBroken(model, state);
        return "training stopped at step " + step + ": " + what + "; " + where
                + ". The newest checkpoint is untouched: lower the learning rate or lengthen the warm-up, then resume";
    }

    /** Weights before gradients: one broken weight breaks the gradients of all. */
    private static String firstBroken(Network model, State state) {
        Optional<String> gradient = state.brokenGradient();
        for (var e : model.trainable().entrySet()) {
            if (e.getValue().hasNonFinite()) {
                return weight(e.getKey());
            }
        }
        if (model.residency() != Residency.HERE) {
            for (Part part : model.parts()) {
                model.residency().enter(part);
                try {
                    for (Weight each : part.weights()) {
                        if (each.tensor().hasNonFinite()) {
                            return weight(each.parameter().name());
                        }
                    }
                } finally {
                    model.residency().leave(part);
                }
            }
        }
        return gradient.map(name -> "the gradient of " + name + " holds NaN or infinity").orElse("no weight or gradient is affected: look at the data of this step");
    }

    private static String weight(String name) {
        return "weight " + name + " holds NaN or infinity";
    }
}
