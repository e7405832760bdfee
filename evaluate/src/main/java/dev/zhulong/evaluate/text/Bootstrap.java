package dev.zhulong.evaluate.text;

import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Bootstrap over items (Efron 1979; for machine translation Koehn 2004): the score of many samples drawn with replacement, each as large as
 * the test set. The interval is sacreBLEU's: the scores in order, 1/40 of them cut off at either end.
 *
 * <p>Resample k draws from its own SplitMix64 stream keyed by seed and k, so that the order of work does not matter.
 *
 * @param resamples how many; 0 or 1: none, the error stays unknown
 * @param seed      of the draws
 */
public record Bootstrap(int resamples, long seed) {
    /** As many resamples as sacreBLEU draws, under the seed it prints. The draws themselves come from another generator. */
    public static final Bootstrap DEFAULT = new Bootstrap(1000, 12345);

    /** No resampling. */
    public static final Bootstrap NONE = new Bootstrap(0, 12345);

    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    public Bootstrap {
        if (resamples < 0) {
            throw new IllegalArgumentException("a bootstrap needs 0 or more resamples, found " + resamples);
        }
    }

    boolean asked() {
        return resamples > 1;
    }

    /**
     * @param value of all items
     * @param items how many there are
     * @param score of the items with these indices ({@code [items]}, with repetitions); called from several threads
     */
    public Estimate estimate(double value, int items, ToDoubleFunction<int[]> score) {
        if (!asked() || items < 2) {
            return Estimate.unknown(value);
        }
        double[] scores = IntStream.range(0, resamples).parallel().mapToDouble(k -> score.applyAsDouble(draw(k, items))).toArray();
        return of(value, scores);
    }

    private Estimate of(double value, double[] scores) {
        Arrays.sort(scores);
        double mean = Arrays.stream(scores).sum() / scores.length;
        double squares = Arrays.stream(scores).map(s -> (s - mean) * (s - mean)).sum();
        int cut = scores.length / 40;
        return new Estimate(value, Math.sqrt(squares / (scores.length - 1)), scores[cut], scores[scores.length - cut - 1], mean, resamples);
    }

    private int[] draw(int resample, int items) {
        int[] rows = new int[items];
        long state = mix(mix(seed + GOLDEN) + resample * GOLDEN);
        for (int i = 0; i < items; i++) {
            state += GOLDEN;
            rows[i] = (int) ((mix(state) >>> 32) * items >>> 32);
        }
        return rows;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
