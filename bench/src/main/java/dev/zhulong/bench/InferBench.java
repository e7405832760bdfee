package dev.zhulong.bench;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.kernels.VectorSupport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/** Speed of the CPU engine: reading prompts, writing one token after the other, and writing several sequences at once. */
public final class InferBench {
    /** Tokens of the short prompt that a text is written after. */
    public static final int BEFORE = 8;

    private InferBench() {}

    /**
     * One figure.
     *
     * @param what            such as {@code prompt 256}
     * @param tokensPerSecond over all sequences; the median of the repetitions
     * @param bandwidthShare  of the machine's measured reading speed that passes over the weights amount to; NaN for prompts
     * @param matrixShare     of the machine's measured fp32 matrix speed that the products amount to; NaN for writing, and where that speed is not known
     */
    public record Figure(String what, double tokensPerSecond, double bandwidthShare, double matrixShare) {
        /** The line scripts read. */
        public String line() {
            String share = !Double.isNaN(bandwidthShare) ? String.format(Locale.ROOT, "  %.0f%% of read bandwidth", 100 * bandwidthShare)
                    : Double.isNaN(matrixShare) ? "" : String.format(Locale.ROOT, "  %.2f x fp32 matrix speed", matrixShare);
            return String.format(Locale.ROOT, "%-16s %8.1f tokens/s%s", what, tokensPerSecond, share);
        }
    }

    /**
     * What is measured.
     *
     * @param readBytes per second, of this machine
     * @param flops     per second in fp32 matrix products, of this machine; NaN where they are not known
     */
    public record Machine(double readBytes, double flops) {}

    /** Reads a prompt of {@code tokens}. */
    public static Figure prompt(CpuEngine model, int tokens, int repetitions, Machine machine) {
        int[] ids = ids(model.spec(), tokens, 1);
        double[] seconds = new double[repetitions];
        for (int r = -2; r < repetitions; r++) {
            try (KvCache cache = model.newCache(tokens)) {
                long start = System.nanoTime();
                model.forward(List.of(new Span(cache, ids)), false);
                if (r >= 0) {
                    seconds[r] = (System.nanoTime() - start) * 1e-9;
                }
            }
            awaitKernels(r);
        }
        double speed = tokens / median(seconds);
        return new Figure("prompt " + tokens, speed, Double.NaN, speed * flopsPerToken(model.spec()) / machine.flops());
    }

    /** Writes {@code tokens} in each of {@code sequences} after a short prompt. */
    public static Figure decode(CpuEngine model, int sequences, int tokens, int repetitions, Machine machine) {
        double[] seconds = new double[repetitions];
        for (int r = -2; r < repetitions; r++) {
            List<KvCache> caches = new ArrayList<>();
            for (int s = 0; s < sequences; s++) {
                caches.add(model.newCache(tokens + BEFORE));
                model.forward(List.of(new Span(caches.get(s), ids(model.spec(), BEFORE, s))), false);
            }
            int[] next = ids(model.spec(), tokens, 9);
            long start = System.nanoTime();
            for (int t = 0; t < tokens; t++) {
                int id = next[t];
                model.forward(caches.stream().map(cache -> new Span(cache, new int[] {id})).toList(), false);
            }
            if (r >= 0) {
                seconds[r] = (System.nanoTime() - start) * 1e-9;
            }
            caches.forEach(KvCache::close);
            awaitKernels(r);
        }
        double steps = tokens / median(seconds);
        return new Figure(sequences == 1 ? "decode" : "decode x " + sequences, steps * sequences, steps * model.weightBytes() / machine.readBytes(),
                Double.NaN);
    }

    /** After the first of two rounds that do not count, so that the second runs the compiled kernels. */
    private static void awaitKernels(int round) {
        if (round == -2) {
            VectorSupport.awaitKernels();
        }
    }

    /** Two a weight that multiplies. */
    private static double flopsPerToken(DecoderSpec spec) {
        return 2.0 * (spec.layerWeights() - spec.idleWeights());
    }

    /** Of an even number the mean of the two in the middle. */
    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    private static int[] ids(DecoderSpec spec, int n, long seed) {
        return new SplittableRandom(seed).ints(n, 3, spec.vocabSize()).toArray();
    }
}
