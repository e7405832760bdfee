package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.model.Products;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.FastProducts;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * One optimizer step: the gradient of its batches, clipped, and an update. {@link Trainer} repeats it; a benchmark times the very same.
 * Which rows it reads and what it drops depend on nothing but its number.
 */
public final class TrainStep<B> {
    private final Network model;
    private final Objective<B> objective;
    private final TrainData<B> data;
    private final TrainOptions options;
    private final State state;
    private final Ranks ranks;
    private final PartGradients gradients;
    private final Residuals owed = new Residuals();
    private LossScale scale = LossScale.FIRST;

    /**
     * What a step did.
     *
     * @param loss     of all its batches together, on every rank
     * @param tokens   read on this rank
     * @param lr       learning rate
     * @param gradNorm of the mean loss, before clipping; 0 where nothing was supervised
     * @param updates  of the optimizer so far; a step without supervised tokens makes none
     */
    public record Result(Loss loss, long tokens, double lr, double gradNorm, long updates) {}

    /**
     * @param model     whose weights require gradients
     * @param optimizer of {@link Network#trainable()}
     */
    public TrainStep(Network model, Objective<B> objective, TrainData<B> data, TrainOptions options, Optimizer optimizer, Ranks ranks) {
        this(model, objective, data, options, new InMemory(model, optimizer), ranks);
    }

    /** @param state the model's */
    public TrainStep(Network model, Objective<B> objective, TrainData<B> data, TrainOptions options, State state, Ranks ranks) {
        this.model = model;
        this.objective = objective;
        this.data = data;
        this.options = options;
        this.state = state;
        this.ranks = ranks;
        this.gradients = new PartGradients(model, ranks, options.accumulation());
    }

    /**
     * Does the step.
     *
     * @param index   of the step, from 0
     * @param updates of the optimizer before
     * @throws TrainingStopped if loss or gradient is not finite; the weights are then as they were
     */
    public Result run(long index, long updates) {
        try (var fast = FastProducts.open()) {
            Optional<Result> done;
            do {
                done = attempt(index, updates);
            } while (done.isEmpty());
            return done.get();
        } finally {
            model.products(Products.FULL);
        }
    }

    /** The scale is that of a mean loss, as everywhere, and gradients here are those of sums. */
    private Products products(B batch) {
        boolean scaled = options.precision() == Precision.FP16;
        return new Products(options.precision().type(), scaled ? scale.value() / Long.highestOneBit(Math.max(1, objective.tokens(batch))) : 1);
    }

    /** The factor of gradients in the next step. */
    LossScale scale() {
        return scale;
    }

    /** Goes on with the factor of an earlier start. */
    void scale(LossScale earlier) {
        scale = earlier;
    }

    /** Goes on with what ranks that compressed their gradients left in a checkpoint. */
    void load(Path checkpoint) {
        if (!ranks.load(checkpoint, model.trainable())) {
            owed.load(checkpoint, model.trainable());
        }
    }

    /** Nothing where a gradient overflowed F16: then nothing has changed but the scale, on any rank. */
    private Optional<Result> attempt(long index, long updates) {
        Loss total = Loss.NONE;
        long tokens = 0;
        ranks.begin(index + 1);
        for (int i = 0; ranks.computes() && i < options.accumulation(); i++) {
            long number = index * options.accumulation() + i;
            B batch = data.training().apply(number);
            // nothing but the step's number decides what is dropped, as nothing else decides what is read
            model.drop(options.seed() * 1_000_003 + ranks.number(number));
            model.products(products(batch));
            Map<Tensor, Tensor> before = i == 0 ? Map.of() : setAside();
            boolean last = i == options.accumulation() - 1;
            total = total.plus(!last && !ranks.sumsEachBatch() ? objective.accumulate(batch, options.recompute())
                    : gradients.during(() -> objective.accumulate(batch, options.recompute())));
            before.forEach(TrainStep::addTo);
            if (!last && ranks.sumsEachBatch()) {
                ranks.nextBatch();
            }
            tokens += objective.tokens(batch);
        }
        model.dropNothing();
        total = ranks.sum(total);
        if (!Double.isFinite(total.sum())) {
            throw new TrainingStopped(Diagnosis.of(model, state, index + 1, "loss is " + total.sum()));
        }
        double lr = options.schedule().at(index);
        double norm = 0;
        long updated = updates;
        if (total.count() > 0) {
            try (var scope = TensorScope.open()) {
                ranks.reduce(model.trainable().values());
                owed.addTo(model.trainable().values());
                double mine = state.norm();
                // the root of a square is the number again, so alone nothing changes
                norm = Math.sqrt(ranks.sumOfSquares(mine * mine)) / total.count();
                if (!Double.isFinite(norm) && options.precision() == Precision.FP16) {
                    scale = scale.overflowed(index + 1);
                    state.clear();
                    return Optional.empty();
                }
                if (!Double.isFinite(norm)) {
                    throw new TrainingStopped(Diagnosis.of(model, state, index + 1, "gradient norm is " + norm));
                }
                // the one place that divides by the global count; clipping rides along
                double clip = options.clip() > 0 ? Math.max(1, norm / options.clip()) : 1;
                state.update(++updated, lr, Tensor.zeros(DType.F32).fill_(total.count() * clip));
                objective.updated(ranks);
            }
        }
        state.clear();
        scale = options.precision() == Precision.FP16 ? scale.held() : scale;
        return Optional.of(new Result(total, ranks.tokens(tokens), lr, norm, updated));
    }

    /**
     * Takes the sums away from weights whose gradient of a batch comes in pieces: it is whole before it is added, as that of any other weight is, and as it comes from another
     * rank.
     */
    private Map<Tensor, Tensor> setAside() {
        Map<Tensor, Tensor> sums = new IdentityHashMap<>();
        for (Tensor weight : model.gatheredInPieces()) {
            if (weight.grad() != null) {
                sums.put(weight, weight.grad().keep());
                weight.clearGrad();
            }
        }
        return sums;
    }

    private static void addTo(Tensor weight, Tensor sum) {
        try (sum; var off = NoGrad.open(); var scope = TensorScope.open()) {
            if (weight.grad() != null) {
                sum.add_(weight.grad());
            }
            weight.setGrad(sum);
        }
    }
}
