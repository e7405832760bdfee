package dev.zhulong.model;

import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Locale;

/**
 * Folds an adapter into the weights it was made for.
 *
 * @param tensors weights that changed
 * @param largest |ΔW|
 * @param erased  share of ΔW that is lost when the weights are stored as asked: ‖(round(W + ΔW) − round(W)) − ΔW‖ / ‖ΔW‖ over all of them
 */
public record LoraMerge(int tensors, double largest, double erased) {
    /** Largest share of the change that rounding may take away. */
    public static final double MOST_ERASED = 0.5;

    /**
     * Adds the adapter to {@code model}'s weights, in F32, and takes it off the model.
     *
     * @param type the weights are going to be stored in
     * @throws IllegalArgumentException if a merged weight is not finite or too large for {@code type}, or rounding to {@code type} would erase more than
     *                                  half of the change, in one projection or over all; nothing is changed then
     */
    public static LoraMerge fold(Network model, LoraAdapter adapter, StorageType type) {
        if (model.isQuantized()) {
            throw new IllegalArgumentException("blocks of 4 or 8 bits are coarser than what an adapter changes: merge into the model in its"
                    + " own precision, not into a quantized one");
        }
        LoraMerge merge = measure(model, adapter, type);
        model.detach();
        try (var off = NoGrad.open()) {
            adapter.parts().forEach((module, part) -> {
                try (var scope = TensorScope.open()) {
                    Linear linear = model.linears().get(module);
                    Tensor merged = merged(linear, part);
                    linear.stored().copy_(linear.transposed() ? merged.transpose(0, 1) : merged);
                }
            });
            adapter.whole().forEach((name, tensor) -> model.weights().get(name).tensor().copy_(tensor));
        }
        return merge;
    }

    private static LoraMerge measure(Network model, LoraAdapter adapter, StorageType type) {
        double[] sums = new double[3];
        DType stored = NetworkFiles.dtype(type);
        try (var off = NoGrad.open()) {
            adapter.parts().forEach((module, part) -> {
                try (var scope = TensorScope.open()) {
                    Linear linear = model.linears().get(module);
                    Tensor before = linear.weight();
                    Tensor after = merged(linear, part);
                    requireFinite(module, after);
                    NetworkFiles.requireFits(module + ".weight", after, type);
                    Tensor delta = after.sub(before);
                    Tensor kept = after.to(stored).to(DType.F32).sub(before.to(stored).to(DType.F32));
                    double change = delta.to(DType.F64).square().sum().item();
                    double lost = kept.sub(delta).to(DType.F64).square().sum().item();
                    double largest = delta.abs().max().item();
                    requireKept(module + " ", change, lost, largest, type);
                    sums[0] += change;
                    sums[1] += lost;
                    sums[2] = Math.max(sums[2], largest);
                }
            });
        }
        requireKept("", sums[0], sums[1], sums[2], type);
        return new LoraMerge(adapter.parts().size(), sums[2], erased(sums[0], sums[1]));
    }

    private static void requireFinite(String module, Tensor merged) {
        double largest = merged.abs().max().item();
        if (!Double.isFinite(largest)) {
            throw new IllegalArgumentException("merged weights of " + module + " would not be finite (" + largest + "): the adapter or the model is"
                    + " damaged; take another checkpoint of it");
        }
    }

    /** @param of what loses, before the words "merged weights"; empty for all of them */
    private static void requireKept(String of, double change, double lost, double largest, StorageType type) {
        double erased = erased(change, lost);
        // NaN would be no proof that anything is kept
        if (!(erased <= MOST_ERASED)) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "stored as %s the %smerged weights would lose %.0f %% of what"
                    + " the adapter changed (largest change %.1e): store F32, or keep the adapter separate", type, of, 100 * erased, largest));
        }
    }

    private static double erased(double change, double lost) {
        return change == 0 ? 0 : Math.sqrt(lost / change);
    }

    private static Tensor merged(Linear linear, LoraAdapter.Part part) {
        Tensor sum = linear.weight().add(part.product());
        return part.magnitude() == null ? sum : sum.mul(part.magnitude().view(linear.out(), 1).div(sum.norm(1)));
    }
}
