package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * Gradients on their way to the ranks that sum them, each those of its {@link Shard}s (Rajbhandari et al. 2020). In stage 1 the gradients of all batches are added up here first, and the
 * sum over ranks takes the place of this rank's part of them. From stage 2 on a batch's gradients go as soon as they are whole and are freed here; who sums them adds batch after batch,
 * and within a batch rank after rank, so that the sums are those of one process that reads all these batches.
 */
final class ShardedGradients implements Reduction {
    /** Added to anything it leaves that as it is; zero would make zero of minus zero. */
    private static final float NOTHING = -0f;

    private final Exchanges exchanges;
    private final Windows windows;
    private final List<Shard> shards;
    /** Where sums are, from stage 2 on; null before. */
    private final Map<Shard, MemorySegment> sums;
    private final LongSupplier step;
    private final MemorySegment flags;
    private Map<Tensor, Shard> byWeight = Map.of();
    private List<List<Tensor>> groups = List.of();
    /** Of the runs in the present window. */
    private List<MemorySegment> targets = new ArrayList<>();
    private int sent;
    private int batch;
    private int calls;
    private boolean settled;

    /**
     * @param sums   by shard, F32 of its length; null where sums take the place of gradients
     * @param step   that is being done
     */
    ShardedGradients(Exchanges exchanges, Windows windows, List<Shard> shards, Map<Shard, MemorySegment> sums, LongSupplier step) {
        this.exchanges = exchanges;
        this.windows = windows;
        this.shards = shards;
        this.sums = sums;
        this.step = step;
        flags = exchanges.ranks().allocate((long) shards.size() * Float.BYTES);
    }

    @Override
    public long bytes() {
        return windows.bytes() + flags.byteSize();
    }

    /**
     * Says in which order gradients become known.
     *
     * @param weights of {@code groups}
     */
    void expect(List<List<Tensor>> weightGroups, Map<Tensor, Shard> weights) {
        groups = weightGroups;
        byWeight = new IdentityHashMap<>(weights);
    }

    @Override
    public void there(int group, long number) {
        for (; sent <= Math.min(group, groups.size() - 1); sent++) {
            for (Tensor weight : groups.get(sent)) {
                add(byWeight.get(weight), weight);
            }
            beginWhereWorthIt();
        }
    }

    /** Takes the gradient of a weight, which is whole. */
    void add(Shard shard, Tensor weight) {
        if (!windows.fits(shard.count())) {
            begin();
        }
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            Tensor gradient = weight.grad();
            Tensor run = Tensor.view(windows.run(shard.count()), DType.F32, shard.shape());
            if (gradient == null) {
                run.fill_(NOTHING);
            } else {
                run.copy_(gradient);
                shard.given(true);
            }
            targets.add(target(shard, weight, gradient));
            if (sums != null) {
                weight.clearGrad();
            }
        }
    }

    private MemorySegment target(Shard shard, Tensor weight, Tensor gradient) {
        if (sums != null) {
            return sums.get(shard);
        }
        weight.setGrad(gradient == null ? Tensor.zeros(DType.F32, shard.shape()) : gradient.contiguous());
        return shard.own(weight.grad().segment());
    }

    /** What was taken goes, if it is worth a call. */
    void beginWhereWorthIt() {
        if (windows.isWorthACall()) {
            begin();
        }
    }

    private void begin() {
        List<MemorySegment> into = targets;
        targets = new ArrayList<>();
        boolean added = batch > 0;
        var call = new Call(step.getAsLong(), "gradients, part " + calls++);
        windows.begin((ranks, runs) -> ranks.reduceScatter(call, runs, into, added));
    }

    @Override
    public void allThere(long number) {
        there(Integer.MAX_VALUE, number);
        begin();
    }

    @Override
    public void nextBatch() {
        sent = 0;
        batch++;
    }

    /** Each shard's sum is there afterwards, and it is known which have one. */
    @Override
    public void handOut() {
        windows.await();
        if (settled) {
            return;
        }
        for (int i = 0; i < shards.size(); i++) {
            flags.setAtIndex(ValueLayout.JAVA_FLOAT, i, shards.get(i).given() ? 1 : 0);
        }
        var call = new Call(step.getAsLong(), "which gradients there are");
        exchanges.then(ranks -> {
            ranks.allReduce(call, flags);
            return null;
        });
        for (int i = 0; i < shards.size(); i++) {
            shards.get(i).summed(flags.getAtIndex(ValueLayout.JAVA_FLOAT, i) > 0);
        }
        settled = true;
    }

    /** The sum of a shard that has one. */
    Tensor sum(Shard shard, Tensor weight) {
        return Tensor.view(sums != null ? sums.get(shard) : shard.own(weight.grad().segment()), DType.F32, shard.length());
    }

    @Override
    public void await() {
        windows.await();
        sent = 0;
        batch = 0;
        calls = 0;
        settled = false;
    }

    @Override
    public void close() {}
}
