package dev.zhulong.model;

import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

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
     * @throws IllegalArgumentException if rounding to {@code type} would erase more than half of the change; nothing is changed then
     */
    public static LoraMerge fold(Decoder model, LoraAdapter adapter, StorageType type) {
        if (model.isQuantized()) {
            throw new IllegalArgumentException("blocks of 4 or 8 bits are coarser than what an adapter changes: merge into the model in its"
                    + " own precision, not into a quantized one");
        }
        LoraMerge merge = measure(model, adapter, type);
        if (merge.erased > MOST_ERASED) {
            throw new IllegalArgumentException(String.format(java.util.Locale.ROOT, "stored as %s the merged weights would lose %.0f %% of what"
                    + " the adapter changed (largest change %.1e): store F32, or keep the adapter apart", type, 100 * merge.erased, merge.largest));
        }
        model.detach();
        try (var off = NoGrad.open()) {
            adapter.parts().forEach((module, part) -> {
                try (var scope = TensorScope.open()) {
                    Linear linear = model.linears().get(module);
                    Tensor merged = merged(linear, part);
                    linear.stored().copy_(linear.transposed() ? merged.transpose(0, 1) : merged);
                }
            });
        }
        return merge;
    }

    private static LoraMerge measure(Decoder model, LoraAdapter adapter, StorageType type) {
        double[] sums = new double[3];
        DType half = switch (type) {
            case BF16 -> DType.BF16;
            case F16 -> DType.F16;
            default -> DType.F32;
        };
        try (var off = NoGrad.open()) {
            adapter.parts().forEach((module, part) -> {
                try (var scope = TensorScope.open()) {
                    Linear linear = model.linears().get(module);
                    Tensor before = linear.weight();
                    Tensor after = merged(linear, part);
                    Tensor delta = after.sub(before);
                    Tensor kept = after.to(half).to(DType.F32).sub(before.to(half).to(DType.F32));
                    sums[0] += delta.square().to(DType.F64).sum().item();
                    sums[1] += kept.sub(delta).square().to(DType.F64).sum().item();
                    sums[2] = Math.max(sums[2], delta.abs().max().item());
                }
            });
        }
        return new LoraMerge(adapter.parts().size(), sums[2], sums[0] == 0 ? 0 : Math.sqrt(sums[1] / sums[0]));
    }

    private static Tensor merged(Linear linear, LoraAdapter.Part part) {
        Tensor sum = linear.weight().add(part.product());
        return part.magnitude() == null ? sum : sum.mul(part.magnitude().view(linear.out(), 1).div(sum.norm(1)));
    }
}
