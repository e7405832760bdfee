package dev.zhulong.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.model.Decoder;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Optimizer;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.TrainStep;
import dev.zhulong.train.schedule.Constant;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;

/** What several ranks cost: the step of {@link TrainBench} among them, and their exchanges alone. */
public final class DistributeBench {
    /**
     * Of steps after those that do not count.
     *
     * @param seconds   of the median step
     * @param processor seconds of processor time a step, of this rank
     * @param loss      of the last step
     */
    public record Steps(double seconds, double processor, double loss) {}

    private DistributeBench() {}

    /** Trains {@code steps} steps with a batch of {@code shape} on each rank, and leaves the first third out. */
    public static Steps steps(TrainBench.Shape shape, int steps, Ranks ranks) {
        double[] seconds = new double[steps];
        double processor = 0;
        double loss = 0;
        try (Decoder model = Decoder.random(shape.spec(), 0)) {
            model.requiresGrad(true);
            var settings = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);
            var options = new TrainOptions(steps, 1, new Constant(3e-4, 0, steps), 1, settings, false, 0, 0, 0, 0, 1);
            try (Optimizer optimizer = settings.of(model.trainable(), model.decayed())) {
                var next = new TrainStep<>(model, new NextToken(model), new TrainData<>(TrainBench.random(shape), List.of()), options, optimizer, ranks);
                double begun = processorSeconds();
                for (int step = 0; step < steps; step++) {
                    if (step == steps / 3) {
                        begun = processorSeconds();
                    }
                    long start = System.nanoTime();
                    loss = next.run(step, step).loss().mean();
                    seconds[step] = (System.nanoTime() - start) / 1e9;
                }
                processor = (processorSeconds() - begun) / (steps - steps / 3);
            }
        }
        return new Steps(median(Arrays.copyOfRange(seconds, steps / 3, steps)), processor, loss);
    }

    /** Seconds of the median of {@code repetitions} all-reduces of so many bytes, after five that do not count. */
    public static double allReduce(Collectives ranks, long bytes, int repetitions) {
        MemorySegment values = ranks.allocate(bytes);
        double[] seconds = new double[repetitions];
        for (int i = -5; i < repetitions; i++) {
            ranks.barrier(new Call(0, "begin"));
            long start = System.nanoTime();
            ranks.allReduce(new Call(0, "exchange"), values);
            if (i >= 0) {
                seconds[i] = (System.nanoTime() - start) / 1e9;
            }
        }
        return median(seconds);
    }

    private static double processorSeconds() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
    }

    /** Of what rounds gave. */
    public static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }
}
