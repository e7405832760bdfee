package dev.zhulong.recipe;

import dev.zhulong.distribute.Compression;
import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.recipe.cost.Precision;
import dev.zhulong.recipe.cost.Sharing;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.Optimizer;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Optimization, in every recipe that trains; recipes differ in their defaults. */
public record Train(
        @Doc("passes over what is trained on, where steps is 0") double epochs,
        @Doc("optimizer steps; 0 for epochs") long steps,
        @Doc("rows in a batch; with dpo, pairs") int batch,
        @Doc("tokens in a row; 0 for the model's context (in fine-tuning at most 512)") int seq,
        @Doc("fine-tuning: several examples share a row but cannot attend to one another; pretraining packs as data.packing says") boolean packing,
        @Doc("batches a step") int accumulation,
        @Doc("peak learning rate; 0 for the fine-tuning method's own: full 1e-4, lora and qlora 5e-4, dpo 5e-5") double lr,
        @Doc("learning rate of the last step; null for a tenth of lr") Optional<Double> finalLr,
        @Doc("shape of the learning rate's decay after the warm-up") Schedule.Kind schedule,
        @Doc("steps until the learning rate reaches its peak; below 1, a share of the steps") double warmup,
        @Doc("steps of the last fall, for wsd and wsd-sqrt; below 1, a share of the steps") double decay,
        @Doc("largest norm of the gradient; 0 for any") double clip,
        @Doc("AdamW's decay of matrices") double weightDecay,
        @Doc("AdamW's rate of the first moment") double beta1,
        @Doc("AdamW's rate of the second moment") double beta2,
        @Doc("added to AdamW's denominator") double epsilon,
        @Doc("keep one activation for each block and compute the rest again: less memory, a third more time; qlora always does") boolean recompute,
        @Doc("most memory of the process, the JVM included, such as 2g or 900m: what does not fit is streamed from the run's directory (28 bytes of disk a weight); null for no limit. Decoders, all weights trained")
        Optional<String> memory,
        @Doc("what ranks share instead of each having all of it (ZeRO): 0 nothing, 1 the optimizer's moments, 2 gradients as well, 3 weights of layers as well; of no matter to one process")
        int zero,
        @Doc("type that projections multiply in; auto: the faster of fp32 and bf16, measured first; fp16 is slow on processors") TrainPrecision precision,
        @Doc("how gradients travel among ranks: none (fp32), bf16, int8, or topk:0.01 (the largest hundredth; more in the first 100 steps, but for topk:0.01:0); the rest goes later") String compress,
        @Doc("steps between evaluations; 0 for only at the end (of heads on labelled rows: after each epoch)") long evaluateEvery,
        @Doc("held-out rows to read in each evaluation during training; 0 for all (the last evaluation always reads all)") int evaluateRows,
        @Doc("steps between samples; 0 for none") long sampleEvery,
        @Doc("steps between checkpoints; 0 for only at the end") long checkpointEvery,
        @Doc("number of newest checkpoints to keep") int keepCheckpoints,
        @Doc("prompt of the samples; empty for a new document") String prompt,
        @Doc("tokens a sample") int sampleTokens) {

    public Train {
        if (batch < 1 || accumulation < 1 || seq < 0 || steps < 0 || evaluateEvery < 0 || evaluateRows < 0 || sampleEvery < 0 || checkpointEvery < 0
                || keepCheckpoints < 1 || sampleTokens < 1 || !(epochs >= 0) || !(lr >= 0)) {
            throw new IllegalArgumentException("batch, accumulation, keep_checkpoints and sample_tokens must be at least 1, the others not negative");
        }
        if (steps == 0 && epochs == 0) {
            throw new IllegalArgumentException("nothing would be trained: give steps or epochs");
        }
        memory.ifPresent(TrainingBudget::parse);
        if (Compression.parse(compress).isPresent() && precision == TrainPrecision.FP16) {
            throw new IllegalArgumentException("compress keeps what it does not send, and fp16 throws gradients away that overflow: take precision bf16 or fp32, or compress none");
        }
        if (zero > 0 && Compression.parse(compress).isPresent()) {
            throw new IllegalArgumentException("compress is for ranks that each hold the whole state: leave it out, or zero");
        }
        if (zero < 0 || zero > 3) {
            throw new IllegalArgumentException("zero is a stage of ZeRO, 0 to 3, found " + zero);
        }
        Bounds.atMost("epochs", epochs, Bounds.BATCH);
        Bounds.atMost("steps", steps, Bounds.STEPS);
        Bounds.atMost("batch", batch, Bounds.BATCH);
        Bounds.atMost("seq", seq, Bounds.TOKENS);
        Bounds.atMost("accumulation", accumulation, Bounds.BATCH);
        Bounds.batch(batch, seq);
        Bounds.run(steps, batch, accumulation);
        atLeastNone("warmup", warmup);
        atLeastNone("decay", decay);
        if (steps > 0 && lr > 0) {
            schedule(schedule, lr, finalLr, warmup, decay, steps);
        }
    }

    private static void atLeastNone(String field, double value) {
        if (!(value >= 0)) {
            throw new IllegalArgumentException(field + " must not be negative, found " + value);
        }
        Bounds.atMost(field, value, Bounds.STEPS);
    }

    private static Schedule schedule(Schedule.Kind kind, double peak, Optional<Double> last, double warmup, double decay, long total) {
        return Schedule.of(kind, peak, last.orElse(peak / 10), steps(warmup, total), Math.max(decay > 0 ? 1 : 0, steps(decay, total)), total);
    }

    private static long steps(double stepsOrShare, long total) {
        return (long) (stepsOrShare < 1 ? stepsOrShare * total : stepsOrShare);
    }

    /** Has ranks share the batches of a step, and send gradients as this says. */
    void share(Ranks ranks) {
        requireShared(ranks.size());
        Compression.parse(compress).ifPresent(ranks::compress);
    }

    /** @throws IllegalArgumentException if so many ranks cannot share the batches of a step evenly */
    void requireShared(int ranks) {
        if (accumulation % ranks != 0) {
            throw new IllegalArgumentException("train.accumulation is " + accumulation + ", the batches of a step, and " + ranks + " ranks share them evenly: set it to a multiple of "
                    + ranks + ", and train.batch so that a step has as many rows as before");
        }
    }

    /**
     * Steps of a run.
     *
     * @param rowsPerEpoch of what is trained on
     * @param rows         a batch
     */
    long steps(long rowsPerEpoch, int rows) {
        return steps > 0 ? steps : Math.max(1, (long) Math.ceil(epochs * rowsPerEpoch / ((double) rows * accumulation)));
    }

    /**
     * What the trainer is given.
     *
     * @param total     steps
     * @param peak      learning rate, where the recipe leaves it to the method
     * @param recompute whether blocks are run again in backward
     */
    TrainOptions options(long total, double peak, boolean recompute, long seed) {
        return new TrainOptions(total, accumulation, schedule(schedule, lr > 0 ? lr : peak, finalLr, warmup, decay, total), clip, optimizer(), recompute, seed, evaluateEvery, sampleEvery, checkpointEvery, keepCheckpoints)
                .sharing(zero);
    }

    /** What a training takes where so many ranks share its state, of what it takes alone. */
    TrainingMemory among(int ranks, TrainingMemory alone) {
        return alone.with(new Sharing(Precision.FP32, ranks == 1 ? 0 : zero, ranks));
    }

    /** The optimizer and its rates. */
    Optimizer.Maker optimizer() {
        return new AdamW.Settings(beta1, beta2, epsilon, weightDecay);
    }

    /**
     * The same without samples, and with an evaluation after each epoch where the recipe does not say when.
     *
     * @param rows of an epoch
     */
    TrainOptions optionsByEpoch(long total, double peak, boolean recompute, long seed, int rows) {
        TrainOptions o = options(total, peak, recompute, seed);
        long perStep = (long) batch * o.accumulation();
        long every = o.evaluateEvery() > 0 ? o.evaluateEvery() : (rows + perStep - 1) / perStep;
        return new TrainOptions(o.steps(), o.accumulation(), o.schedule(), o.clip(), o.optimizer(), o.recompute(), o.seed(), every, 0, o.checkpointEvery(), o.keepCheckpoints(), o.precision(), o.zero());
    }

    /**
     * Overrides that make a run shorter, its warm-up and decay with it.
     *
     * @param share of the whole run, in (0, 1]
     * @param fewer steps of the shorter one, where steps are given and not epochs
     */
    public List<String> shortened(double share, long fewer) {
        if (share >= 1) {
            return List.of();
        }
        List<String> overrides = new ArrayList<>();
        overrides.add(steps > 0 ? "train.steps=" + fewer : "train.epochs=" + epochs * share);
        double part = steps > 0 ? (double) fewer / steps : share;
        if (warmup >= 1) {
            overrides.add("train.warmup=" + (long) (warmup * part));
        }
        if (decay >= 1) {
            overrides.add("train.decay=" + (long) (decay * part));
        }
        return overrides;
    }
}
