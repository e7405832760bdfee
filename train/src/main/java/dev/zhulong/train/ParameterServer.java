package dev.zhulong.train;

import dev.zhulong.distribute.Compression;
import dev.zhulong.distribute.WorkQueue;
import dev.zhulong.distribute.WorkQueue.Pushed;
import dev.zhulong.distribute.WorkServer;
import dev.zhulong.distribute.WorkServer.Gradient;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The rank that holds weights and moments and computes no gradients itself: workers do, each with the weights as they were when it began, and nobody waits for the slowest. A step is
 * of the gradients that come first, as many as a step has batches, and adds them in the order of their batches: with a staleness of 0 it has the bits of one process. Plain asynchronous
 * updates, one for each gradient, do not train Transformers well; several summed do (Aji and Heafield 2019).
 */
public final class ParameterServer implements Ranks {
    private final WorkServer server;
    private final int staleness;
    private final Duration patience;
    private final Arena arena = Arena.ofShared();
    private final Set<Integer> told = new HashSet<>();
    private WorkQueue<Gradient> queue;
    /** In place of gradients of this rank: their sums. */
    private FlatGradients sums;
    /** Each weight's place in memory that is published, by where that lies. */
    private final Map<Long, List<Tensor>> published = new HashMap<>();
    private long tokens;
    private boolean first = true;

    /**
     * Serves workers.
     *
     * @param server    stays the caller's until {@link #close}
     * @param staleness steps that may be made between the weights a gradient was computed with and the step it is part of
     * @param patience  after which a batch that a worker has may be given to another
     */
    public ParameterServer(WorkServer server, int staleness, Duration patience) {
        this.server = server;
        this.staleness = staleness;
        this.patience = patience;
    }

    @Override
    public int rank() {
        return 0;
    }

    /** All batches of a step are its own. */
    @Override
    public int size() {
        return 1;
    }

    @Override
    public boolean computes() {
        return false;
    }

    @Override
    public void compress(Compression how) {
        throw new IllegalArgumentException("train.compress is for ranks that add up their gradients, and here one rank serves the others: leave it out, or --staleness");
    }

    @Override
    public void start(Collection<Tensor> weights, TrainOptions options, long done) {
        if (queue != null) {
            throw new TrainingStopped("a parameter server serves one training, and this is a second one: leave data.alone out, or --staleness");
        }
        if (options.precision() == Precision.FP16) {
            throw new TrainingStopped("workers of a parameter server do not know the loss scale that fp16 needs: train in bf16 or fp32");
        }
        if (options.zero() > 0) {
            throw new TrainingStopped("a parameter server has the whole state, which train.zero shares out among ranks: leave one of them out");
        }
        List<Tensor> all = List.copyOf(weights);
        sums = new FlatGradients(arena.allocate(FlatGradients.bytes(all), 64), all);
        queue = new WorkQueue<>(done, options.steps(), options.accumulation(), staleness, patience.toNanos(), System::nanoTime);
        server.serve(queue, FlatGradients.valueBytes(all), FlatGradients.bytes(all), FlatGradients.fingerprint(all));
    }

    /** The weights are those of the step before: whoever asks gets them. */
    @Override
    public void begin(long step) {
        server.publish(memory -> {
            List<Tensor> views = published.computeIfAbsent(memory.address(), place -> FlatGradients.views(memory, sums.weights));
            try (var off = NoGrad.open()) {
                for (int i = 0; i < views.size(); i++) {
                    views.get(i).copy_(sums.weights.get(i));
                }
            }
        }, () -> {
            if (!first) {
                queue.updated().forEach(old -> server.free(old.payload()));
            }
            first = false;
        });
    }

    /** Waits for the gradients of a step. */
    @Override
    public Loss sum(Loss mine) {
        List<Pushed<Gradient>> all;
        try {
            all = queue.next();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for gradients", e);
        }
        Loss total = Loss.NONE;
        tokens = 0;
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            long count = sums.memory.byteSize() / Float.BYTES;
            Tensor sum = Tensor.view(sums.memory, DType.F32, count);
            for (int i = 0; i < all.size(); i++) {
                Gradient next = all.get(i).payload();
                Tensor values = Tensor.view(next.values(), DType.F32, count);
                if (i == 0) {
                    sum.copy_(values);
                } else {
                    sum.add_(values);
                }
                total = total.plus(new Loss(next.loss(), next.count(), next.bytes()));
                tokens += next.tokens();
            }
        }
        all.forEach(each -> server.free(each.payload()));
        return total;
    }

    @Override
    public long tokens(long mine) {
        return tokens;
    }

    @Override
    public void reduce(Collection<Tensor> weights) {
        sums.handOut();
    }

    @Override
    public double sumOfSquares(double mine) {
        return mine;
    }

    @Override
    public Map<String, Number> observed() {
        Map<String, Number> all = new LinkedHashMap<>();
        all.put("gradients_dropped", queue.dropped());
        all.put("stalest_gradient", queue.stalest());
        return all;
    }

    /** A worker that has a batch for longer than it should. */
    @Override
    public Optional<String> remark() {
        for (Map.Entry<Integer, Long> late : queue.late().entrySet()) {
            if (told.add(late.getKey())) {
                return Optional.of(server.name(late.getKey()) + " has computed batch " + late.getValue() + " for more than " + patience.toMillis() / 1000.0
                        + " s: it is given to another worker once there is no other to give");
            }
        }
        return Optional.empty();
    }

    @Override
    public Optional<String> summary() {
        return Optional.of("parameter server: the stalest gradient was computed " + queue.stalest() + " versions before its update, of " + staleness + " allowed; " + queue.dropped()
                + " were older, dropped and computed again");
    }

    @Override
    public void barrier() {
        server.barrier();
    }

    @Override
    public void close() {
        server.close();
        published.values().forEach(views -> views.forEach(Tensor::close));
    }
}
