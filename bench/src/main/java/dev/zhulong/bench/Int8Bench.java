package dev.zhulong.bench;

import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.tensor.Int8Activations;
import dev.zhulong.tensor.Int8Linear;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.Parallel;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The matrix products of {@link KernelBench} by the throughput route: libtorch's int8, some columns in F32.
 *
 * <p>Arguments: numbers of rows, {@code 1 8 256}; {@code -t N} threads, {@code -k N} columns in F32, {@code -p N} parts of a matrix a thread,
 * {@code --typical N} rows that the weights are packed for (default: the rows measured).
 * With one thread all times are its processor time, which other programs hardly disturb.
 */
public final class Int8Bench {
    private static final int HIDDEN = 2048;
    private static final int FFN = 5632;
    private static final int KV = 512;
    private static final int LAYERS = 16;

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private final Parallel parallel;
    private final boolean alone;
    private final int[] kept;
    private final int parts;
    private final float[] values = new float[1 << 16];

    private Int8Bench(Parallel parallel, boolean alone, int kept, int parts) {
        this.parallel = parallel;
        this.alone = alone;
        this.kept = IntStream.range(0, kept).map(i -> i * 100).toArray();
        this.parts = parts;
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
    }

    /** Prints one line for each number of rows. */
    public static void main(String[] arguments) {
        List<Integer> rows = new ArrayList<>();
        int threads = Libtorch.threads();
        int kept = 16;
        int parts = 1;
        int typical = 0;
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "-t" -> threads = Integer.parseInt(arguments[++i]);
                case "-k" -> kept = Integer.parseInt(arguments[++i]);
                case "-p" -> parts = Integer.parseInt(arguments[++i]);
                case "--typical" -> typical = Integer.parseInt(arguments[++i]);
                default -> rows.add(Integer.parseInt(arguments[i]));
            }
        }
        try (ThreadPool pool = new ThreadPool(threads)) {
            var bench = new Int8Bench((work, count) -> pool.run(work::accept, count), threads == 1, kept, parts * threads);
            for (int m : rows) {
                bench.run(m, typical == 0 ? m : typical);
            }
        }
    }

    private long now() {
        return alone ? THREADS.getCurrentThreadCpuTime() : System.nanoTime();
    }

    private Int8Linear random(int outputs, int inputs, int typical) {
        return Int8Linear.pack((index, to) -> System.arraycopy(values, index * 31 % 16384, to, 0, inputs), outputs, inputs, kept, parts, typical, parallel);
    }

    private void run(int rows, int typical) {
        long start = now();
        // one list for each input: its activations are quantised once
        List<List<Int8Linear>> step = new ArrayList<>();
        for (int layer = 0; layer < LAYERS; layer++) {
            step.add(List.of(random(HIDDEN, HIDDEN, typical), random(KV, HIDDEN, typical), random(KV, HIDDEN, typical)));
            step.add(List.of(random(HIDDEN, HIDDEN, typical)));
            step.add(List.of(random(FFN, HIDDEN, typical), random(FFN, HIDDEN, typical)));
            step.add(List.of(random(HIDDEN, FFN, typical)));
        }
        double packed = (now() - start) / 1e9;
        double weights = LAYERS * (2.0 * HIDDEN * HIDDEN + 2.0 * KV * HIDDEN + 3.0 * FFN * HIDDEN);
        float[] x = new float[rows * FFN];
        for (int i = 0; i < x.length; i++) {
            x[i] = values[i * 7 & 0xffff];
        }
        float[] out = new float[rows * FFN];
        try (var a = new Int8Activations(rows, FFN)) {
            double[] seconds = new double[rows == 1 ? 30 : rows <= 16 ? 20 : 8];
            double[] quantising = new double[seconds.length];
            for (int i = 0; i < seconds.length; i++) {
                long begin = now();
                for (List<Int8Linear> ofInput : step) {
                    long t = now();
                    a.set(x, 0, rows, ofInput.getFirst().inputs(), kept, parallel);
                    quantising[i] += (now() - t) / 1e9;
                    for (Int8Linear linear : ofInput) {
                        linear.multiply(a, out, 0, parallel);
                    }
                }
                seconds[i] = (now() - begin) / 1e9;
            }
            double[] late = Arrays.copyOfRange(seconds, seconds.length / 3, seconds.length);
            Arrays.sort(late);
            double median = late[late.length / 2];
            System.out.printf(Locale.ROOT, "rows %4d (packed for %d in %.1f s): %8.2f ms a step, best %8.2f, quantizing %.2f; %7.1f tokens/s, %5.1f GB/s,"
                    + " %6.1f GOPS%n", rows, typical, packed, median * 1e3, late[0] * 1e3, quantising[seconds.length - 1] * 1e3, rows / median,
                    weights / median / 1e9, 2 * rows * weights / median / 1e9);
        }
        step.forEach(ofInput -> ofInput.forEach(Int8Linear::close));
    }
}
