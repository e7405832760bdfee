package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Compression;
import dev.zhulong.formats.Sizes;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Ranks that each hold the whole model and its moments, or share them ({@link ShardedState}), read batches of their own, and add up their gradients (Li et al. 2020). Gradients are added in the order of the
 * ranks, so that N ranks with a batch a step end in the same bits as one process with N.
 */
public final class DataParallel implements Ranks {
    private final Collectives ranks;
    private final Exchanges exchanges;
    /** Null before it is known what is trained. */
    private Reduction gradients;
    /** Null where each has its own. */
    private ShardedState shared;
    private long step;
    private long begun;
    private long sentBefore;
    private long steps;
    private final Stragglers stragglers;
    private Optional<Compression> compression = Optional.empty();

    /** @param ranks stay the caller's until {@link #close} */
    public DataParallel(Collectives ranks) {
        this.ranks = ranks;
        this.exchanges = new Exchanges(ranks);
        this.stragglers = new Stragglers(ranks::name);
    }

    /** Nothing of it matters to a rank that is alone. */
    @Override
    public void compress(Compression how) {
        compression = size() > 1 ? Optional.of(how) : Optional.empty();
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
        gradients.await();
        // what the step before summed and did not need
        residuals().forEach(FeedbackBucket::takeBack);
        sentBefore = ranks.sentBytes();
        steps++;
        begun = System.nanoTime();
    }

    @Override
    public void agree(String what, long mine) {
        // 64 bits do not pass through a double
        double[][] all = exchanges.then(others -> others.gather(new Call(step, what), mine >>> 32, mine & 0xffffffffL));
        for (int other = 0; other < all.length; other++) {
            if (all[other][0] != all[0][0] || all[other][1] != all[0][1]) {
                throw new TrainingStopped("rank " + other + " has another " + what + " than rank 0 " + (step == 0 ? "before the first step" : "at step " + step)
                        + ": ranks need the same build, the same machine type and the same files");
            }
        }
    }

    @Override
    public Loss sum(Loss mine) {
        double computed = (System.nanoTime() - begun) / 1e9;
        gradients.allThere(step);
        Loss total = Loss.NONE;
        double[][] all = exchanges.then(others -> others.gather(new Call(step, "loss"), mine.sum(), mine.count(), mine.bytes(), computed));
        stragglers.step(Arrays.stream(all).mapToDouble(each -> each[3]).toArray());
        for (double[] each : all) {
            total = total.plus(new Loss(each[0], (long) each[1], (long) each[2]));
        }
        return total;
    }

    @Override
    public double[] sum(String what, double... mine) {
        double[] sums = new double[mine.length];
        for (int at = 0; at < mine.length; at += Collectives.MOST_GATHERED) {
            double[] some = Arrays.copyOfRange(mine, at, Math.min(mine.length, at + Collectives.MOST_GATHERED));
            for (double[] each : exchanges.then(others -> others.gather(new Call(step, what), some))) {
                for (int i = 0; i < some.length; i++) {
                    sums[at + i] += each[i];
                }
            }
        }
        return sums;
    }

    @Override
    public void expect(List<List<Tensor>> weights) {
        if (gradients != null) {
            gradients.await();
            gradients.close();
        }
        gradients = shared == null ? new Buckets(exchanges, weights, compression) : shared.expect(weights);
    }

    @Override
    public State share(Network model, Optimizer.Maker optimizer, int stage) {
        if (compression.isPresent()) {
            throw new IllegalArgumentException("train.compress is for ranks that each hold the whole model: leave it out, or train.zero");
        }
        shared = new ShardedState(model, optimizer, stage, exchanges, () -> step);
        return shared;
    }

    @Override
    public boolean sumsEachBatch() {
        return shared != null && shared.sumsEachBatch();
    }

    @Override
    public void nextBatch() {
        gradients.allThere(step);
        gradients.nextBatch();
    }

    @Override
    public void there(int group) {
        gradients.there(group, step);
    }

    /** Afterwards each rank has the sum of all, or of its parts. What no rank has a gradient of has none. */
    @Override
    public void reduce(Collection<Tensor> weights) {
        gradients.allThere(step);
        gradients.handOut();
    }

    /** Each rank has the whole gradient, or its state the norm of all ranks' parts. */
    @Override
    public double sumOfSquares(double mine) {
        return mine;
    }

    private List<FeedbackBucket> residuals() {
        return gradients instanceof Buckets buckets ? buckets.residuals() : List.of();
    }

    @Override
    public void settle() {
        int number = 0;
        for (FeedbackBucket bucket : residuals()) {
            var call = new Call(step, "residuals, bucket " + number++);
            exchanges.await(exchanges.begin(others -> bucket.settle(call)));
        }
    }

    @Override
    public void save(Path directory, Map<String, Tensor> trained) {
        Map<Tensor, Tensor> residuals = new IdentityHashMap<>();
        for (FeedbackBucket bucket : residuals()) {
            for (int i = 0; i < bucket.weights.size(); i++) {
                residuals.put(bucket.weights.get(i), bucket.views.get(i));
            }
        }
        if (!residuals.isEmpty()) {
            Residuals.write(directory, trained, residuals);
        }
    }

    @Override
    public boolean load(Path directory, Map<String, Tensor> trained) {
        Map<Tensor, Tensor> all = compression.isEmpty() ? Map.of() : Residuals.read(directory, trained);
        residuals().forEach(bucket -> bucket.begin(all));
        all.values().forEach(Tensor::close);
        return compression.isPresent();
    }

    @Override
    public long exchanged() {
        return gradients.bytes();
    }

    @Override
    public Map<String, Number> observed() {
        Map<String, Number> all = new LinkedHashMap<>(stragglers.observed());
        all.put("sent_bytes", ranks.sentBytes() - sentBefore);
        return all;
    }

    @Override
    public Optional<String> summary() {
        return steps == 0 || ranks.size() == 1 ? Optional.empty() : Optional.of(String.format(Locale.ROOT, "rank %d sent %s to the others, %s a step (%d bytes in %d steps)", ranks.rank(), Sizes.of(ranks.sentBytes()),
                Sizes.of(ranks.sentBytes() / steps), ranks.sentBytes(), steps));
    }

    @Override
    public Optional<String> remark() {
        return stragglers.remark();
    }

    @Override
    public void barrier() {
        exchanges.then(others -> others.gather(new Call(step, "barrier")));
    }

    @Override
    public void close() {
        exchanges.close();
        if (gradients != null) {
            gradients.close();
        }
        ranks.close();
    }
}
