package dev.zhulong.train;

import dev.zhulong.distribute.Compression;
import dev.zhulong.distribute.WorkClient;
import dev.zhulong.distribute.WorkQueue.Task;
import dev.zhulong.distribute.WorkServer.Gradient;
import dev.zhulong.model.Network;
import dev.zhulong.model.Products;
import dev.zhulong.tensor.FastProducts;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** A rank that computes gradients of the batches that a {@link ParameterServer} gives it, with the weights it gets from there. */
public final class Worker implements Ranks {
    private final WorkClient server;

    /** @param server stays the caller's until {@link #close} */
    public Worker(WorkClient server) {
        this.server = server;
    }

    @Override
    public int rank() {
        return server.rank();
    }

    /** Batches have the numbers they would have in one process. */
    @Override
    public int size() {
        return 1;
    }

    @Override
    public long number(long own) {
        return own;
    }

    @Override
    public Optional<Worker> worker() {
        return Optional.of(this);
    }

    @Override
    public void compress(Compression how) {
        // the server refuses it
    }

    /** Works until there is nothing more to do. */
    <B> void work(Network model, Objective<B> objective, TrainData<B> data, TrainOptions options) {
        List<Tensor> weights = List.copyOf(model.trainable().values());
        try (var arena = Arena.ofShared(); var fast = FastProducts.open()) {
            MemorySegment memory = arena.allocate(FlatGradients.valueBytes(weights), 64);
            List<Tensor> newest = FlatGradients.views(memory, weights);
            var gradients = new FlatGradients(arena.allocate(FlatGradients.bytes(weights), 64), weights);
            if (!server.hello(FlatGradients.fingerprint(weights), FlatGradients.valueBytes(weights), FlatGradients.bytes(weights))) {
                throw new TrainingStopped("rank " + rank() + " has other weights than rank 0, which serves them: ranks need the same build and the same files");
            }
            long version = -1;
            for (Optional<Task> task = server.next(version, memory); task.isPresent(); task = server.next(version, memory)) {
                if (task.get().version() != version) {
                    take(newest, weights);
                    version = task.get().version();
                }
                long number = task.get().number();
                B batch = data.training().apply(number);
                // as in one process: nothing but the batch's number decides what is dropped
                model.drop(options.seed() * 1_000_003 + number);
                model.products(new Products(options.precision().type(), 1));
                Loss loss = objective.accumulate(batch, options.recompute());
                model.dropNothing();
                gradients.fill();
                weights.forEach(Tensor::clearGrad);
                server.push(task.get(), new Gradient(loss.sum(), loss.count(), loss.bytes(), objective.tokens(batch), gradients.memory));
            }
            newest.forEach(Tensor::close);
            gradients.close();
        } finally {
            model.products(Products.FULL);
        }
    }

    private static void take(List<Tensor> newest, List<Tensor> weights) {
        try (var off = NoGrad.open()) {
            for (int i = 0; i < weights.size(); i++) {
                weights.get(i).copy_(newest.get(i));
            }
        }
    }

    @Override
    public void barrier() {
        server.barrier();
    }

    @Override
    public Loss sum(Loss mine) {
        throw onlyWorks();
    }

    @Override
    public void reduce(Collection<Tensor> weights) {
        throw onlyWorks();
    }

    @Override
    public double sumOfSquares(double mine) {
        throw onlyWorks();
    }

    private static IllegalStateException onlyWorks() {
        return new IllegalStateException("a worker makes no steps: its server does");
    }

    @Override
    public void close() {
        server.close();
    }
}
