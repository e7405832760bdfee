package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Ranks that each hold the whole model and its moments, read batches of their own, and add up their gradients (Li et al. 2020). Gradients are added in the order of the
 * ranks, so that N ranks with a batch a step end in the same bits as one process with N.
 */
public final class DataParallel implements Ranks {
    /** Weights begin at multiples of so many values. */
    private static final int GRAIN = 64;

    private final Collectives ranks;
    private MemorySegment memory;
    private long step;

    /** @param ranks stay the caller's until {@link #close} */
    public DataParallel(Collectives ranks) {
        this.ranks = ranks;
    }

    @Override
    public int rank() {
        return ranks.rank();
    }

    @Override
    public int size() {
        return ranks.size();
    }

    @Override
    public void begin(long number) {
        step = number;
    }

    @Override
    public void agree(String what, long mine) {
        // 64 bits do not pass through a double
        double[][] all = ranks.gather(new Call(step, what), mine >>> 32, mine & 0xffffffffL);
        for (int other = 0; other < all.length; other++) {
            if (all[other][0] != all[0][0] || all[other][1] != all[0][1]) {
                throw new TrainingStopped("rank " + other + " has another " + what + " than rank 0 " + (step == 0 ? "before the first step" : "at step " + step)
                        + ": ranks need the same build, the same machine type and the same files");
            }
        }
    }

    @Override
    public Loss sum(Loss mine) {
        Loss total = Loss.NONE;
        for (double[] each : ranks.gather(new Call(step, "loss"), mine.sum(), mine.count(), mine.bytes())) {
            total = total.plus(new Loss(each[0], (long) each[1], (long) each[2]));
        }
        return total;
    }

    /** Afterwards each rank has the sum of all. What no rank has a gradient of has none. */
    @Override
    public void reduce(Collection<Tensor> weights) {
        long flags = weights.stream().mapToLong(w -> room(w.elements())).sum();
        long values = flags + weights.size();
        if (memory == null) {
            memory = ranks.allocate(values * Float.BYTES);
        }
        List<Tensor> views = new ArrayList<>();
        try (var off = NoGrad.open()) {
            long at = 0;
            for (Tensor weight : weights) {
                Tensor view = Tensor.view(memory.asSlice(at * Float.BYTES, weight.elements() * Float.BYTES), DType.F32, weight.shape());
                Tensor gradient = weight.grad();
                if (gradient == null) {
                    view.zero_();
                } else {
                    view.copy_(gradient);
                }
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, flags + views.size(), gradient == null ? 0 : 1);
                views.add(view);
                at += room(weight.elements());
            }
        }
        ranks.allReduce(new Call(step, "gradients"), memory.asSlice(0, values * Float.BYTES));
        int i = 0;
        for (Tensor weight : weights) {
            if (memory.getAtIndex(ValueLayout.JAVA_FLOAT, flags + i) > 0) {
                weight.setGrad(views.get(i));
            }
            i++;
        }
    }

    private static long room(long elements) {
        return (elements + GRAIN - 1) / GRAIN * GRAIN;
    }

    /** Each rank has the whole gradient. */
    @Override
    public double sumOfSquares(double mine) {
        return mine;
    }

    @Override
    public void barrier() {
        ranks.barrier(new Call(step, "barrier"));
    }

    @Override
    public void close() {
        ranks.close();
    }
}
