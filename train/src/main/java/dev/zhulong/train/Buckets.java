package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Compression;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;

/**
 * Gradients on their way to sums over all ranks, several groups together, in one order on all ranks (Li et al. 2020): each rank has the whole sum.
 */
final class Buckets implements Reduction {
    /** Bytes from which on a bucket goes by itself: less, and what a call costs is more than what the values do. */
    private static final long LEAST = 1 << 20;

    /** @param lastGroup of which it has gradients */
    private record Going(int lastGroup, Bucket bucket) {}

    private final Exchanges exchanges;
    private final List<Going> buckets = new ArrayList<>();
    private final List<Future<?>> underWay = new ArrayList<>();
    private int sent;

    /**
     * @param groups      of weights, in the order in which their gradients become known; the same on each rank
     * @param compression of what is exchanged
     */
    Buckets(Exchanges exchanges, List<List<Tensor>> groups, Optional<Compression> compression) {
        this.exchanges = exchanges;
        List<Tensor> together = new ArrayList<>();
        for (int group = 0; group < groups.size(); group++) {
            together.addAll(groups.get(group));
            long bytes = together.stream().mapToLong(w -> w.elements() * Float.BYTES).sum();
            if (bytes >= LEAST || group == groups.size() - 1 && !together.isEmpty()) {
                buckets.add(new Going(group, compression.<Bucket>map(how -> new FeedbackBucket(exchanges.ranks(), together, how))
                        .orElseGet(() -> new Bucket(exchanges.ranks(), together))));
                together.clear();
            }
        }
    }

    @Override
    public void there(int group, long step) {
        while (sent < buckets.size() && buckets.get(sent).lastGroup <= group) {
            Bucket next = buckets.get(sent).bucket;
            next.fill();
            var call = new Call(step, "gradients, bucket " + sent++);
            underWay.add(exchanges.begin(ranks -> next.exchange(call)));
        }
    }

    @Override
    public void allThere(long step) {
        there(Integer.MAX_VALUE, step);
    }

    @Override
    public void handOut() {
        await();
        buckets.forEach(each -> each.bucket.handOut());
    }

    /** Those that keep residuals. */
    List<FeedbackBucket> residuals() {
        return buckets.stream().map(Going::bucket).filter(FeedbackBucket.class::isInstance).map(FeedbackBucket.class::cast).toList();
    }

    @Override
    public long bytes() {
        return buckets.stream().mapToLong(each -> each.bucket.values().byteSize() + each.bucket.flags().byteSize()).sum();
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
        buckets.forEach(each -> each.bucket.close());
    }
}
