package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.VectorSupport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;

/**
 * Times a model's own products on this machine before the model is loaded: those of a block in its middle for all blocks, those of the first rows of
 * the head for the whole head. In a model other weights pass through the caches between two uses of a block's: so much memory is written between
 * two measurements.
 */
final class ProductTimer {
    /** Rows of a prompt's panel. Times a row hardly change beyond. */
    static final int PANEL = 64;
    private static final int HEAD_ROWS = 4096;
    private static final long SWEPT = 64L << 20;
    private static final int LEAST_PASSES = 3;
    private static final int MOST_PASSES = 20;
    private static final double SECONDS = 0.04;
    /** In which compiled code makes a product of two numbers on anything, and other code does not. */
    private static final double COMPILED_SECONDS = 0.7e-9;
    /** For what a call costs besides. */
    private static final double CALL_SECONDS = 0.002;
    private static final long STILL_NANOS = 60_000_000;
    private static final long PATIENCE_NANOS = 2_000_000_000;

    private final DecoderWeights weights;
    private final DecoderSpec spec;
    private final int threads;
    private final int[] rows;

    /** @param sequences that are written together: timed too, as kernels take some numbers of rows better than others */
    ProductTimer(DecoderWeights weights, int threads, int sequences) {
        this.weights = weights;
        this.spec = weights.spec();
        this.threads = threads;
        rows = sequences > 1 && sequences < PANEL ? new int[] {1, sequences, PANEL} : new int[] {1, PANEL};
    }

    /** All blocks. */
    RowTimes blocks(Route route) {
        Stack.Attention attention = spec.layer(spec.layers() / 2).attention();
        int width = spec.heads() * Math.max(spec.headDim(), attention.valueDim());
        int kvWidth = Math.max(spec.kvHeads() * spec.headDim(), attention.keptDim());
        int narrow = attention.latent() == null ? 0 : attention.latent().queryRank();
        int inner = spec.stack().layers().stream().mapToInt(layer -> layer.mlp().commonWidth()).max().orElseThrow();
        int most = Math.max(Math.max(spec.hiddenSize(), Math.max(width, narrow)), inner);
        float[] in = activations(most);
        var qkv = new float[][] {new float[PANEL * width], new float[PANEL * kvWidth], new float[PANEL * kvWidth]};
        var mlp = new float[spec.gatedMlp() ? 2 : 1][PANEL * inner];
        var delta = new float[1][PANEL * spec.hiddenSize()];
        try (Arena arena = Arena.ofShared();
                ThreadPool pool = new ThreadPool(threads);
                Products products = new Products(PANEL, most, pool)) {
            var expertPass = spec.layer(spec.layers() / 2).mlp() instanceof Mlp.Experts mixture ? new ExpertPass(mixture, PANEL, spec.hiddenSize(), pool) : null;
            CpuLayer block = new CpuLayer.Loader(weights, arena, pool, route == Route.LATENCY ? null : likely()).layer(spec.layers() / 2);
            try {
                return time(n -> {
                    block.qkv().apply(products, in, n, narrow > width ? new float[][] {new float[PANEL * narrow], qkv[1]} : qkv);
                    if (block.latent() != null && block.latent().queryUp() != null) {
                        block.latent().queryUp().apply(products, in, n, qkv);
                    }
                    block.out().apply(products, in, n, delta);
                    switch (block.mlp()) {
                        case CpuMlp.Dense dense -> {
                            dense.in().apply(products, in, n, mlp);
                            dense.down().apply(products, in, n, delta);
                        }
                        case CpuExperts experts -> {
                            if (experts.shared() != null) {
                                experts.shared().in().apply(products, in, n, mlp);
                                experts.shared().down().apply(products, in, n, delta);
                            }
                            expertPass.run(experts, products, in, n, delta[0]);
                        }
                    }
                }, spec.layerWeights(spec.layers() / 2), (spec.layers() - 1) * block.bytes(), spec.layers(), arena, pool);
            } finally {
                block.close();
            }
        }
    }

    /** The head, on the latency route's kernels as on either route. */
    RowTimes head() {
        int part = Math.min(HEAD_ROWS, spec.vocabSize());
        float[] in = activations(spec.hiddenSize());
        float[] out = new float[PANEL * part];
        try (Arena arena = Arena.ofShared();
                ThreadPool pool = new ThreadPool(threads)) {
            PackedWeights head = new CpuLayer.Loader(weights, arena, pool, null).firstRows(CpuEngine.headName(spec), part);
            var matMul = new MatMul(pool);
            var a = new Activations(PANEL, spec.hiddenSize());
            double share = (double) spec.vocabSize() / part;
            // the blocks pass through the caches before the head comes again
            return time(n -> {
                a.set(in, 0, n, spec.hiddenSize());
                matMul.multiply(a, head, out, 0);
            }, (long) part * spec.hiddenSize(), SWEPT, share, arena, pool);
        }
    }

    private static float[] activations(int columns) {
        float[] in = new float[PANEL * columns];
        var random = new SplittableRandom(1);
        for (int i = 0; i < in.length; i++) {
            in[i] = (float) random.nextGaussian();
        }
        return in;
    }

    /** As many columns in F32 as a model mostly keeps, of each projection: which ones makes no difference to the time. */
    private List<int[]> likely() {
        int[] columns = new int[Math.min(Calibration.KEPT, spec.headDim())];
        Arrays.setAll(columns, i -> i);
        return List.of(columns, columns, columns, columns, columns);
    }

    /** @param products of two numbers, for a row */
    private RowTimes time(IntConsumer work, long products, long others, double times, Arena arena, ThreadPool pool) {
        MemorySegment swept = arena.allocate(Math.clamp(others, threads, SWEPT), 64);
        for (int n : rows) {
            work.accept(n);
        }
        // plain loops answer until the vector kernels are compiled
        VectorSupport.awaitKernels();
        double[] seconds = new double[rows.length];
        for (int i = 0; i < rows.length; i++) {
            settle(work, rows[i], CALL_SECONDS + COMPILED_SECONDS * products * rows[i]);
            seconds[i] = times * fastest(work, rows[i], swept, pool);
        }
        return new RowTimes(rows, seconds);
    }

    /**
     * Until passes get no faster. What was compiled may be thrown away and compiled anew when real numbers come: until it is there again, products take a
     * hundred times as long, which {@code enough} tells.
     */
    private static void settle(IntConsumer work, int n, double enough) {
        double best = Double.POSITIVE_INFINITY;
        long start = System.nanoTime();
        long improved = start;
        for (long from = start, to; from - start < PATIENCE_NANOS && (best > enough || from - improved < STILL_NANOS); from = to) {
            work.accept(n);
            to = System.nanoTime();
            if ((to - from) * 1e-9 < 0.9 * best) {
                best = (to - from) * 1e-9;
                improved = to;
            }
        }
    }

    private double fastest(IntConsumer work, int n, MemorySegment swept, ThreadPool pool) {
        double fastest = Double.POSITIVE_INFINITY;
        int passes = 0;
        for (double sum = 0; passes < LEAST_PASSES || sum < SECONDS && passes < MOST_PASSES; passes++) {
            long part = swept.byteSize() / threads;
            byte fill = (byte) passes;
            pool.run(i -> swept.asSlice(i * part, part).fill(fill), threads);
            long start = System.nanoTime();
            work.accept(n);
            double taken = Math.max(1, System.nanoTime() - start) * 1e-9;
            fastest = Math.min(fastest, taken);
            sum += taken;
        }
        return fastest;
    }
}
