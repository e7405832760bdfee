package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Gradients of some weights, one after another in memory, and behind them a flag for each that says whether anybody has a gradient. */
class Bucket {
    /** Weights begin at multiples of so many values. */
    private static final int GRAIN = 64;

    final List<Tensor> weights;
    final Collectives ranks;
    private final MemorySegment memory;
    private final long values;
    /** Each weight's place in {@link #values()}: its sum, after an exchange. */
    final List<Tensor> views;

    Bucket(Collectives ranks, List<Tensor> weights) {
        this.ranks = ranks;
        this.weights = List.copyOf(weights);
        values = weights.stream().mapToLong(w -> room(w.elements())).sum();
        memory = ranks.allocate((values + weights.size()) * Float.BYTES);
        views = views(memory);
    }

    /** Each weight's place in memory of the size of {@link #values()}. */
    final List<Tensor> views(MemorySegment in) {
        List<Tensor> all = new ArrayList<>();
        long at = 0;
        for (Tensor weight : weights) {
            all.add(Tensor.view(in.asSlice(at * Float.BYTES, weight.elements() * Float.BYTES), DType.F32, weight.shape()).keep());
            at += room(weight.elements());
        }
        return all;
    }

    private static long room(long elements) {
        return (elements + GRAIN - 1) / GRAIN * GRAIN;
    }

    /** The values alone, in memory of the ranks. */
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

    /** Sums over the ranks. */
    void exchange(Call call) {
        ranks.allReduce(call, memory);
    }

    /** Gives each weight the sum; what no rank has a gradient of has none. */
    void handOut() {
        for (int i = 0; i < weights.size(); i++) {
            if (flags().getAtIndex(ValueLayout.JAVA_FLOAT, i) > 0) {
                weights.get(i).setGrad(views.get(i));
            }
        }
    }

    /** The memory is the ranks'. */
    void close() {
        views.forEach(Tensor::close);
    }
}
