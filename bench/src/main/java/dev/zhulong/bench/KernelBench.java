package dev.zhulong.bench;

import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * The matrix products of a decoder's step alone, in the shape of a Llama of 0.85 B weights (hidden size 2048, 5632 in the feed-forward
 * layer, 16 layers, 8 of 32 heads for keys and values, vocabulary 32000), weights random, each matrix its own memory.
 *
 * <p>Arguments: types and numbers of rows, {@code Q4_0 Q8_0 1 8 256}; {@code -t N} threads.
 */
public final class KernelBench {
    private static final int HIDDEN = 2048;
    private static final int FFN = 5632;
    private static final int KV = 512;
    private static final int LAYERS = 16;
    private static final int VOCABULARY = 32000;

    private record Matrix(int rows, int columns) {}

    private KernelBench() {}

    /** Prints one line for each type and number of rows. */
    public static void main(String[] arguments) {
        List<WeightType> types = new ArrayList<>();
        List<Integer> rows = new ArrayList<>();
        int threads = Runtime.getRuntime().availableProcessors();
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i].equals("-t")) {
                threads = Integer.parseInt(arguments[++i]);
            } else if (Character.isDigit(arguments[i].charAt(0))) {
                rows.add(Integer.parseInt(arguments[i]));
            } else {
                types.add(WeightType.valueOf(arguments[i]));
            }
        }
        try (ThreadPool pool = new ThreadPool(threads)) {
            System.out.printf(Locale.ROOT, "threads %d, reading memory %.1f GB/s%n", threads, readSpeed(pool));
            for (WeightType type : types) {
                try (Arena arena = Arena.ofShared()) {
                    bench(type, rows, pool, arena);
                }
            }
        }
    }

    private static void bench(WeightType type, List<Integer> rowCounts, ThreadPool pool, Arena arena) {
        List<PackedWeights> step = new ArrayList<>();
        long start = System.nanoTime();
        for (int layer = 0; layer < LAYERS; layer++) {
            for (Matrix m : List.of(new Matrix(HIDDEN, HIDDEN), new Matrix(KV, HIDDEN), new Matrix(KV, HIDDEN), new Matrix(HIDDEN, HIDDEN),
                    new Matrix(FFN, HIDDEN), new Matrix(FFN, HIDDEN), new Matrix(HIDDEN, FFN))) {
                step.add(random(type, m, arena, pool));
            }
        }
        step.add(random(type, new Matrix(VOCABULARY, HIDDEN), arena, pool));
        double packed = (System.nanoTime() - start) / 1e9;
        double weights = step.stream().mapToDouble(w -> (double) w.rows() * w.columns()).sum();
        double bytes = step.stream().mapToDouble(PackedWeights::bytes).sum();
        System.out.printf(Locale.ROOT, "%s: %.0f M weights, %.3f bytes each, made and packed in %.1f s%n", type, weights / 1e6, bytes / weights, packed);
        MatMul product = new MatMul(pool);
        for (int m : rowCounts) {
            float[] x = new float[m * FFN];
            SplittableRandom random = new SplittableRandom(1);
            for (int i = 0; i < x.length; i++) {
                x[i] = (float) random.nextDouble(-1, 1);
            }
            float[] c = new float[m * VOCABULARY];
            Activations a = new Activations(m, FFN);
            double[] seconds = new double[m == 1 ? 40 : m <= 16 ? 16 : 6];
            for (int s = 0; s < seconds.length; s++) {
                long t = System.nanoTime();
                for (PackedWeights w : step) {
                    a.set(x, 0, m, w.columns());
                    product.multiply(a, w, c, 0);
                }
                seconds[s] = (System.nanoTime() - t) / 1e9;
            }
            double[] late = Arrays.copyOfRange(seconds, seconds.length / 3, seconds.length);
            Arrays.sort(late);
            double median = late[late.length / 2];
            System.out.printf(Locale.ROOT, "%-8s rows %4d: %8.2f ms a step, best %8.2f; %7.1f tokens/s, %5.1f GB/s, %6.1f GOPS%n", type, m, median * 1e3,
                    late[0] * 1e3, m / median, bytes / median / 1e9, 2 * m * weights / median / 1e9);
        }
    }

    private static PackedWeights random(WeightType type, Matrix m, Arena arena, ThreadPool pool) {
        long rowBytes = type.rowBytes(m.columns());
        try (Arena source = Arena.ofShared()) {
            MemorySegment bytes = source.allocate(rowBytes * m.rows(), 64);
            pool.run(r -> {
                SplittableRandom random = new SplittableRandom(r);
                long end = Math.min(bytes.byteSize(), (r + 1L) * rowBytes);
                for (long at = r * rowBytes; at + 2 <= end; at += 2) {
                    // 16 bits that are a small normal number as f16, as bf16 and as half an f32
                    bytes.set(ValueLayout.JAVA_SHORT, at, (short) (random.nextInt() & 0xabff | 0x2000));
                }
            }, m.rows());
            return PackedWeights.pack(type, bytes, m.rows(), m.columns(), arena, pool);
        }
    }

    private static double readSpeed(ThreadPool pool) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment segment = arena.allocate(1L << 30, 64);
            long[] sums = new long[64];
            double best = Double.MAX_VALUE;
            for (int i = 0; i < 8; i++) {
                long t = System.nanoTime();
                pool.run(chunk -> sums[chunk] = sum(segment, chunk * (1L << 24)), 64);
                best = Math.min(best, (System.nanoTime() - t) / 1e9);
            }
            return segment.byteSize() / best / 1e9;
        }
    }

    private static long sum(MemorySegment segment, long at) {
        long sum = 0;
        for (long i = 0; i < 1 << 21; i++) {
            sum ^= segment.get(ValueLayout.JAVA_LONG, at + 8 * i);
        }
        return sum;
    }
}
