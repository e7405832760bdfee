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
import java.util.concurrent.Future;

/**
 * Gradients on their way to sums over all ranks, several groups together, in one order on all ranks (Li et al. 2020): each rank has the whole sum.
 */
final class Buckets implements Reduction {
    /** Weights begin at multiples of so many values. */
    private static final int GRAIN = 64;
    /** Bytes from which on a bucket goes by itself: less, and what a call costs is more than what the values do. */
    private static final long LEAST = 1 << 20;

    /** Values of some weights, one after another, and behind them a flag for each that says whether anybody has a gradient. */
    private static final class Bucket {
        private final int lastGroup;
        private final List<Tensor> weights;
        private final List<Tensor> views = new ArrayList<>();
        private final MemorySegment memory;
        private final long flags;

        Bucket(Collectives ranks, int lastGroup, List<Tensor> weights) {
            this.lastGroup = lastGroup;
            this.weights = weights;
            flags = weights.stream().mapToLong(w -> room(w.elements())).sum();
            memory = ranks.allocate((flags + weights.size()) * Float.BYTES);
            long at = 0;
            for (Tensor weight : weights) {
                views.add(Tensor.view(memory.asSlice(at * Float.BYTES, weight.elements() * Float.BYTES), DType.F32, weight.shape()).keep());
                at += room(weight.elements());
            }
        }

        /** Takes the gradients of this rank. */
        void fill() {
            try (var off = NoGrad.open(); var scope = TensorScope.open()) {
                for (int i = 0; i < views.size(); i++) {
                    Tensor gradient = weights.get(i).grad();
                    if (gradient == null) {
                        views.get(i).zero_();
                    } else {
                        views.get(i).copy_(gradient);
                    }
                    memory.setAtIndex(ValueLayout.JAVA_FLOAT, flags + i, gradient == null ? 0 : 1);
                }
            }
        }

        /** Gives each weight the sum; what no rank has a gradient of has none. */
        void handOut() {
            for (int i = 0; i < views.size(); i++) {
                if (memory.getAtIndex(ValueLayout.JAVA_FLOAT, flags + i) > 0) {
                    weights.get(i).setGrad(views.get(i));
                }
            }
        }

        private static long room(long elements) {
            return (elements + GRAIN - 1) / GRAIN * GRAIN;
        }
    }

    private final Exchanges exchanges;
    private final List<Bucket> buckets = new ArrayList<>();
    private final List<Future<?>> underWay = new ArrayList<>();
    private int sent;

    /** @param groups of weights, in the order in which their gradients become known; the same on each rank */
    Buckets(Exchanges exchanges, List<List<Tensor>> groups) {
        this.exchanges = exchanges;
        List<Tensor> together = new ArrayList<>();
        for (int group = 0; group < groups.size(); group++) {
            together.addAll(groups.get(group));
            long bytes = together.stream().mapToLong(w -> w.elements() * Float.BYTES).sum();
            if (bytes >= LEAST || group == groups.size() - 1 && !together.isEmpty()) {
                buckets.add(new Bucket(exchanges.ranks(), group, List.copyOf(together)));
                together.clear();
            }
        }
    }

    @Override
    public void there(int group, long step) {
        while (sent < buckets.size() && buckets.get(sent).lastGroup <= group) {
            Bucket next = buckets.get(sent);
            next.fill();
            var call = new Call(step, "gradients, bucket " + sent++);
            underWay.add(exchanges.begin(ranks -> ranks.allReduce(call, next.memory)));
        }
    }

    @Override
    public void allThere(long step) {
        there(Integer.MAX_VALUE, step);
    }

    @Override
    public void handOut() {
        await();
        buckets.forEach(Bucket::handOut);
    }

    @Override
    public void await() {
        underWay.forEach(exchanges::await);
        underWay.clear();
        sent = 0;
    }

    /** Comes when nothing is under way any more. */
    @Override
    public void close() {
        buckets.forEach(bucket -> bucket.views.forEach(Tensor::close));
    }
}
