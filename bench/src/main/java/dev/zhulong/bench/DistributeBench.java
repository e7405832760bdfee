package dev.zhulong.bench;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** What several ranks cost beside {@linkplain TrainBench#among their steps}: their exchanges alone. */
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

    /** Of what rounds gave. */
    public static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }
}
