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
import java.util.function.BiFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** Speed of the CPU engine: reading prompts, writing one token after the other, and writing several sequences at once. */
public final class InferBench {
    /** Tokens of the short prompt that a text is written after. */
    public static final int BEFORE = 8;
    /** Of rounds before those that count. */
    private static final long WARM_NANOS = 1_000_000_000;

    private InferBench() {}

    /**
     * One figure.
     *
     * @param what            such as {@code prompt 256}
     * @param tokensPerSecond over all sequences; the median of the repetitions
     * @param bandwidthShare  of the machine's measured reading speed that passes over the weights of a token amount to; NaN for prompts, and for several
     *                        sequences of a mixture, as which experts they are given to is not known
     * @param matrixShare     of the machine's measured fp32 matrix speed that the products amount to; NaN for writing, and where that speed is not known
     */
    public record Figure(String what, double tokensPerSecond, double bandwidthShare, double matrixShare) {
        /** The line scripts read. */
        public String line() {
            String share = !Double.isNaN(bandwidthShare) ? String.format(Locale.ROOT, "  %.0f%% of read bandwidth", 100 * bandwidthShare)
                    : Double.isNaN(matrixShare) ? "" : String.format(Locale.ROOT, "  %.2f x fp32 matrix speed", matrixShare);
            return String.format(Locale.ROOT, "%-16s %8.1f tokens/s%s", what, tokensPerSecond, share);
        }

        /** What {@code other} reaches, as a line: of its speed, and of the bandwidth it uses where that is known. */
        public String beside(Figure other) {
            String share = Double.isNaN(bandwidthShare + other.bandwidthShare) ? ""
                    : String.format(Locale.ROOT, ", %.2f x its share of read bandwidth", bandwidthShare / other.bandwidthShare);
            return String.format(Locale.ROOT, "%-16s %8.2f x as fast%s", what, tokensPerSecond / other.tokensPerSecond, share);
        }
    }

    /**
     * What is measured.
     *
     * @param readBytes per second, of this machine
     * @param flops     per second in fp32 matrix products, of this machine; NaN where they are not known
     */
    public record Machine(double readBytes, double flops) {}

    /** Reads a prompt of {@code tokens} with each of {@code models} in turn. */
    public static List<Figure> prompt(List<CpuEngine> models, int tokens, int repetitions, Machine machine) {
        double[] seconds = seconds(models, repetitions, model -> promptSeconds(model, tokens));
        return figures(models, (model, i) -> {
            double speed = tokens / seconds[i];
            return new Figure("prompt " + tokens, speed, Double.NaN, speed * flopsPerToken(model.spec()) / machine.flops());
        });
    }

    private static double promptSeconds(CpuEngine model, int tokens) {
        int[] ids = ids(model.spec(), tokens, 1);
        try (KvCache cache = model.newCache(tokens)) {
            long start = System.nanoTime();
            model.forward(List.of(new Span(cache, ids)), false);
            return (System.nanoTime() - start) * 1e-9;
        }
    }

    /** Writes {@code tokens} in each of {@code sequences} after a short prompt, with each of {@code models} in turn. */
    public static List<Figure> decode(List<CpuEngine> models, int sequences, int tokens, int repetitions, Machine machine) {
        double[] seconds = seconds(models, repetitions, model -> decodeSeconds(model, sequences, tokens));
        return figures(models, (model, i) -> {
            double steps = tokens / seconds[i];
            boolean known = sequences == 1 || model.spec().idleWeights() == 0;
            return new Figure(sequences == 1 ? "decode" : "decode x " + sequences, steps * sequences,
                    known ? steps * model.bytesOfAToken() / machine.readBytes() : Double.NaN, Double.NaN);
        });
    }

    private static double decodeSeconds(CpuEngine model, int sequences, int tokens) {
        List<KvCache> caches = new ArrayList<>();
        List<int[]> next = new ArrayList<>();
        try {
            for (int s = 0; s < sequences; s++) {
                caches.add(model.newCache(tokens + BEFORE));
                model.forward(List.of(new Span(caches.get(s), ids(model.spec(), BEFORE, s))), false);
                next.add(ids(model.spec(), tokens, 9 + s));
            }
            long start = System.nanoTime();
            for (int t = 0; t < tokens; t++) {
                List<Span> step = new ArrayList<>(sequences);
                for (int s = 0; s < sequences; s++) {
                    step.add(new Span(caches.get(s), new int[] {next.get(s)[t]}));
                }
                model.forward(step, false);
            }
            return (System.nanoTime() - start) * 1e-9;
        } finally {
            caches.forEach(KvCache::close);
        }
    }

    /** Medians of the repetitions, which the models take in turn after rounds of a second that do not count. */
    private static double[] seconds(List<CpuEngine> models, int repetitions, ToDoubleFunction<CpuEngine> once) {
        for (CpuEngine model : models) {
            once.applyAsDouble(model);
            // so that what follows runs the compiled kernels
            VectorSupport.awaitKernels();
            for (long start = System.nanoTime(); System.nanoTime() - start < WARM_NANOS; ) {
                once.applyAsDouble(model);
            }
        }
        double[][] seconds = new double[models.size()][repetitions];
        for (int r = 0; r < repetitions; r++) {
            for (int m = 0; m < seconds.length; m++) {
                seconds[m][r] = once.applyAsDouble(models.get(m));
            }
        }
        return Arrays.stream(seconds).mapToDouble(InferBench::median).toArray();
    }

    private static List<Figure> figures(List<CpuEngine> models, BiFunction<CpuEngine, Integer, Figure> figure) {
        return IntStream.range(0, models.size()).mapToObj(i -> figure.apply(models.get(i), i)).toList();
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
