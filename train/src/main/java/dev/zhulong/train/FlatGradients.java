package dev.zhulong.train;

import dev.zhulong.distribute.Parts;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Gradients of some weights, one after another in memory, and behind them a flag for each that says whether anybody has a gradient. */
class FlatGradients {
    final List<Tensor> weights;
    final MemorySegment memory;
    private final long values;
    /** Each weight's place in {@link #values()}: its sum, after an exchange. */
    final List<Tensor> views;

    /** @param memory of {@link #bytes} */
    FlatGradients(MemorySegment memory, List<Tensor> weights) {
        this.memory = memory;
        this.weights = List.copyOf(weights);
        values = length(weights);
        views = views(memory, weights);
    }

    private static long length(List<Tensor> weights) {
        return weights.stream().mapToLong(w -> Parts.whole(w.elements())).sum();
    }

    /** How large the memory is for the gradients of these weights. */
    static long bytes(List<Tensor> weights) {
        return (length(weights) + weights.size()) * Float.BYTES;
    }

    /** How large it is without the flags. */
    static long valueBytes(List<Tensor> weights) {
        return length(weights) * Float.BYTES;
    }

    /** A number that two lists of weights of the same shapes have in common, and hardly any others. */
    static long fingerprint(List<Tensor> weights) {
        long hash = weights.size();
        for (Tensor weight : weights) {
            for (long size : weight.shape()) {
                hash = hash * 1_000_003 + size;
            }
            hash = hash * 31 + weight.dim();
        }
        return hash;
    }

    /** Each weight's place in memory of {@link #valueBytes} or more. */
    static List<Tensor> views(MemorySegment in, List<Tensor> weights) {
        List<Tensor> all = new ArrayList<>();
        long at = 0;
        for (Tensor weight : weights) {
            all.add(Tensor.view(in.asSlice(at * Float.BYTES, weight.elements() * Float.BYTES), DType.F32, weight.shape()).keep());
            at += Parts.whole(weight.elements());
        }
        return all;
    }

    /** The values alone. */
    final MemorySegment values() {
        return memory.asSlice(0, values * Float.BYTES);
    }

    final MemorySegment flags() {
        return memory.asSlice(values * Float.BYTES);
    }

    /** Takes the gradients of this rank. */
    final void fill() {
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            for (int i = 0; i < weights.size(); i++) {
                Tensor gradient = weights.get(i).grad();
                take(i, gradient);
                flags().setAtIndex(ValueLayout.JAVA_FLOAT, i, gradient == null ? 0 : 1);
            }
        }
    }

    /** Takes that of a weight; null where it has none. */
    void take(int i, Tensor gradient) {
        if (gradient == null) {
            views.get(i).zero_();
        } else {
            views.get(i).copy_(gradient);
        }
    }

    /** Gives each weight the sum; what no rank has a gradient of has none. */
    void handOut() {
        for (int i = 0; i < weights.size(); i++) {
            if (flags().getAtIndex(ValueLayout.JAVA_FLOAT, i) > 0) {
                weights.get(i).setGrad(views.get(i));
            }
        }
    }

    /** The memory is its owner's. */
    void close() {
        views.forEach(Tensor::close);
    }
}
