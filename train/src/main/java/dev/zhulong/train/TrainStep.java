package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.FusedAdamW;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * One optimizer step: the gradient of its batches, clipped, and an update. {@link Trainer} repeats it; a benchmark times the very same.
 * Which rows it reads and what it drops depend on nothing but its number.
 */
public final class TrainStep {
    private final Decoder model;
    private final Objective objective;
    private final TrainData data;
    private final TrainOptions options;
    private final AdamW optimizer;

    /**
     * What a step did.
     *
     * @param loss     of all its batches together
     * @param bytes    that the supervised targets stand for
     * @param tokens   read
     * @param lr       learning rate
     * @param gradNorm of the mean loss, before clipping; 0 where nothing was supervised
     * @param updates  of the optimizer so far; a step without supervised tokens makes none
     */
    public record Result(Loss loss, long bytes, long tokens, double lr, double gradNorm, long updates) {}

    /**
     * @param model     whose weights require gradients
     * @param optimizer of {@link Decoder#trainable()}
     */
    public TrainStep(Decoder model, Objective objective, TrainData data, TrainOptions options, AdamW optimizer) {
        this.model = model;
        this.objective = objective;
        this.data = data;
        this.options = options;
        this.optimizer = optimizer;
    }

    /**
     * Does the step.
     *
     * @param index   of the step, from 0
     * @param updates of the optimizer before
     * @throws TrainingStopped if loss or gradient is not finite; the weights are then as they were
     */
    public Result run(long index, long updates) {
        Loss total = Loss.NONE;
        long bytes = 0;
        long tokens = 0;
        for (int i = 0; i < options.accumulation(); i++) {
            long number = index * options.accumulation() + i;
            Batch batch = data.training().apply(number);
            // nothing but the step's number decides what is dropped, as nothing else decides what is read
            model.adapter().ifPresent(adapter -> adapter.dropout(options.seed() * 1_000_003 + number));
            total = total.plus(objective.accumulate(model, batch, options.recompute()));
            bytes += data.bytes(batch);
            tokens += batch.tokens().length;
        }
        model.adapter().ifPresent(LoraAdapter::noDropout);
        if (!Double.isFinite(total.sum())) {
            throw new TrainingStopped(Diagnosis.of(model, index + 1, "loss is " + total.sum()));
        }
        double lr = options.schedule().at(index);
        double norm = 0;
        long updated = updates;
        if (total.count() > 0) {
            try (var scope = TensorScope.open()) {
                norm = FusedAdamW.norm(gradients()).item() / total.count();
                if (!Double.isFinite(norm)) {
                    throw new TrainingStopped(Diagnosis.of(model, index + 1, "gradient norm is " + norm));
                }
                // the one place that divides by the global count; clipping rides along
                double clip = options.clip() > 0 ? Math.max(1, norm / options.clip()) : 1;
                optimizer.step(++updated, lr, Tensor.zeros(DType.F32).fill_(total.count() * clip));
            }
        }
        model.trainable().values().forEach(Tensor::clearGrad);
        return new Result(total, bytes, tokens, lr, norm, updated);
    }

    private List<Tensor> gradients() {
        List<Tensor> all = new ArrayList<>();
        for (Tensor p : model.trainable().values()) {
            Tensor g = p.grad();
            if (g != null) {
                all.add(g);
            }
        }
        return all;
    }
}
