package dev.zhulong.train;

import dev.zhulong.train.schedule.Schedule;

/**
 * How a run goes.
 *
 * @param steps           optimizer steps
 * @param accumulation    batches a step
 * @param schedule        learning rate by step
 * @param clip            largest gradient norm; 0 for no clipping
 * @param optimizer       and its rates
 * @param recompute       keep only each block's input in forward
 * @param seed            of everything random in the run
 * @param evaluateEvery   steps between evaluations; 0 for only at the end
 * @param sampleEvery     steps between samples; 0 for none
 * @param checkpointEvery steps between checkpoints; 0 for only at the end
 * @param keepCheckpoints how many of the newest stay
 * @param precision       of the products of the trained network
 * @param zero            stage of ZeRO: how much of the state ranks share among them; 0 for nothing, 1 the moments, 2 the gradients as well, 3 the weights as well
 */
public record TrainOptions(
        long steps,
        int accumulation,
        Schedule schedule,
        double clip,
        Optimizer.Maker optimizer,
        boolean recompute,
        long seed,
        long evaluateEvery,
        long sampleEvery,
        long checkpointEvery,
        int keepCheckpoints,
        Precision precision,
        int zero) {
    /** In F32, each rank with a whole state. */
    public TrainOptions(long steps, int accumulation, Schedule schedule, double clip, Optimizer.Maker optimizer, boolean recompute, long seed, long evaluateEvery,
            long sampleEvery, long checkpointEvery, int keepCheckpoints) {
        this(steps, accumulation, schedule, clip, optimizer, recompute, seed, evaluateEvery, sampleEvery, checkpointEvery, keepCheckpoints, Precision.FP32);
    }

    /** Each rank with a whole state. */
    public TrainOptions(long steps, int accumulation, Schedule schedule, double clip, Optimizer.Maker optimizer, boolean recompute, long seed, long evaluateEvery,
            long sampleEvery, long checkpointEvery, int keepCheckpoints, Precision precision) {
        this(steps, accumulation, schedule, clip, optimizer, recompute, seed, evaluateEvery, sampleEvery, checkpointEvery, keepCheckpoints, precision, 0);
    }

    public TrainOptions {
        if (steps < 1 || accumulation < 1) {
            throw new IllegalArgumentException("steps and accumulation must be at least 1, found " + steps + " and " + accumulation);
        }
        if (zero < 0 || zero > 3) {
            throw new IllegalArgumentException("a stage of ZeRO is 0 to 3, found " + zero);
        }
        if (!(clip >= 0)) {
            throw new IllegalArgumentException("clip must not be negative, found " + clip);
        }
    }

    /** Those of one of {@code ranks}, which share the batches of a step. */
    public TrainOptions among(int ranks) {
        return new TrainOptions(steps, accumulation / ranks, schedule, clip, optimizer, recompute, seed, evaluateEvery, sampleEvery, checkpointEvery, keepCheckpoints, precision, zero);
    }

    /** The same in another precision. */
    public TrainOptions in(Precision other) {
        return new TrainOptions(steps, accumulation, schedule, clip, optimizer, recompute, seed, evaluateEvery, sampleEvery, checkpointEvery, keepCheckpoints, other, zero);
    }

    /** The same with a state that is shared among ranks as this stage of ZeRO says. */
    public TrainOptions sharing(int stage) {
        return new TrainOptions(steps, accumulation, schedule, clip, optimizer, recompute, seed, evaluateEvery, sampleEvery, checkpointEvery, keepCheckpoints, precision, stage);
    }
}
