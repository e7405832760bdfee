package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.CompressedSum;
import dev.zhulong.distribute.Compression;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;

/** A bucket whose sums travel compressed. What does not go with one step is added to the gradients of the next: the residual, one of each weight. */
final class FeedbackBucket extends Bucket {
    private final CompressedSum sums;
    /** The residual; while a step's gradients are on their way, with them. */
    private final MemorySegment left;
    private final List<Tensor> residuals;
    /** Whether the sums are neither handed out nor taken back. */
    private boolean pending;

    FeedbackBucket(Collectives ranks, List<Tensor> weights, Compression how) {
        super(ranks, weights);
        left = ranks.allocate(values().byteSize());
        residuals = views(left, weights);
        sums = new CompressedSum(ranks, how, values().byteSize() / Float.BYTES);
    }

    @Override
    void take(int i, Tensor gradient) {
        if (gradient != null) {
            residuals.get(i).add_(gradient);
        }
    }

    @Override
    void exchange(Call call) {
        ranks.allReduce(new Call(call.step(), call.name() + ", flags"), flags());
        sums.allReduce(call, left, values());
        pending = true;
    }

    /** What went of a residual is a gradient too. */
    @Override
    void handOut() {
        for (int i = 0; i < weights.size(); i++) {
            if (flags().getAtIndex(ValueLayout.JAVA_FLOAT, i) == 0 && views.get(i).abs().max().item() > 0) {
                flags().setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
            }
        }
        super.handOut();
        pending = false;
    }

    /** Takes back what was summed and not handed out: a step in which no token counts moves nothing. */
    void takeBack() {
        if (pending) {
            sums.takeBack(left, values());
            pending = false;
        }
    }

    /** Brings the residuals of all ranks together: each value's with one of them, and all where sums were, in {@link #views}. */
    void settle(Call call) {
        takeBack();
        sums.settle(call, left, values());
    }

    /** Begins with what all ranks had left, by weight. */
    void begin(Map<Tensor, Tensor> all) {
        for (int i = 0; i < weights.size(); i++) {
            super.take(i, all.get(weights.get(i)));
        }
        sums.leave(left, values());
    }

    @Override
    void close() {
        super.close();
        residuals.forEach(Tensor::close);
    }
}
