package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.Int8Linear;
import dev.zhulong.text.GgufTokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * Perplexity and divergence from F32 of every route and every cache over text that the model was not trained on, beside what llama.cpp has on the
 * same files and the same tokens.
 *
 * <p>Figures of llama.cpp are those of {@code llama-perplexity -c 256 --chunks 12} at commit c392e50 on an x86-64 processor with AVX2, keys and
 * values in f16: the text is made ids once with BOS before it, windows of 256 follow one another, the first id of each is BOS, and what is scored
 * are the 127 ids of each that stand behind its 129th. Divergences are those of {@code --kl-divergence} from the same model in F32.
 */
class RealWeightsReadHeldOutTextAsInLlamaCppTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();
    private static final Path MODEL = SHARED.resolve("assets/stories15M");
    private static final int WINDOW = 256;
    private static final int WINDOWS = 12;
    /** Ids of a window that are read only. */
    private static final int UNSCORED = WINDOW / 2;
    private static final int SCORED = WINDOW - UNSCORED - 1;

    /** Weights, and what llama.cpp has with them. */
    private enum Weights {
        /** As the directory has them; in F32 there. */
        STORED(3.360581, 0),
        /** {@code stories15M.Q8_0.gguf} */
        Q8_0(3.356160, 0.001055),
        /** {@code stories15M.Q4_0.gguf} */
        Q4_0(3.649755, 0.096842),
        /** Rounded as they are loaded; the figures are those of {@code stories15M.Q8_0.gguf}. */
        LOADED_AS_Q8_0(3.356160, 0.001055);

        final double perplexity;
        final double divergence;

        Weights(double perplexity, double divergence) {
            this.perplexity = perplexity;
            this.divergence = divergence;
        }
    }

    private record Case(Weights weights, Route route, KvPages.Format cache) {
        /** What llama.cpp has; on the route that keeps a byte of a weight at least what it has with Q8_0. */
        double divergence() {
            return route == Route.THROUGHPUT ? Math.max(weights.divergence, Weights.Q8_0.divergence) : weights.divergence;
        }

        CpuEngine load() {
            CpuOptions options = CpuOptions.of(2).withRoute(route).withCache(cache);
            if (weights == Weights.Q8_0 || weights == Weights.Q4_0) {
                try (GgufModel file = GgufModel.open(MODEL.resolve("stories15M." + weights + ".gguf"))) {
                    return CpuEngine.load(file, options);
                }
            }
            try (ModelDirectory directory = ModelDirectory.open(MODEL)) {
                return CpuEngine.load(directory, weights == Weights.STORED ? Optional.empty() : Optional.of(WeightType.Q8_0), options);
            }
        }
    }

    /** The first is what divergences are measured from: weights as they are, our own kernels, keys and values in f16. */
    private static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Weights weights : Weights.values()) {
            for (Route route : Int8Linear.unavailable() == null ? Route.values() : new Route[] {Route.LATENCY}) {
                for (KvPages.Format cache : List.of(KvPages.Format.F16, KvPages.Format.INT8)) {
                    if (weights != Weights.LOADED_AS_Q8_0 || route == Route.LATENCY && cache == KvPages.Format.F16) {
                        cases.add(new Case(weights, route, cache));
                    }
                }
            }
        }
        return cases;
    }

    @Test
    void onEveryRouteAndWithEveryCache() throws Exception {
        assumeTrue(Files.isDirectory(MODEL), "../shared is absent: quality on real weights not measured");
        int[] ids = ids();
        List<Case> cases = cases();
        List<CpuEngine> engines = new ArrayList<>();
        double[] losses = new double[cases.size()];
        double[] divergences = new double[cases.size()];
        try {
            for (Case each : cases) {
                engines.add(each.load());
            }
            for (int w = 0; w < WINDOWS; w++) {
                int[] window = Arrays.copyOfRange(ids, w * WINDOW, (w + 1) * WINDOW);
                window[0] = ids[0];
                Scores f32 = null;
                for (int i = 0; i < engines.size(); i++) {
                    Scores scores = Scores.of(engines.get(i), window);
                    f32 = f32 == null ? scores : f32;
                    losses[i] += scores.loss(window);
                    divergences[i] += f32.divergence(scores);
                }
            }
        } finally {
            engines.forEach(CpuEngine::close);
        }
        int tokens = WINDOWS * SCORED;
        for (int i = 0; i < cases.size(); i++) {
            Case each = cases.get(i);
            double perplexity = Math.exp(losses[i] / tokens);
            double divergence = divergences[i] / tokens;
            System.out.printf("%s, %s, cache %s: perplexity %.4f (llama.cpp %.4f), KL to F32 %.5f a token (%.5f)%n", each.weights, each.route, each.cache,
                    perplexity, each.weights.perplexity, divergence, each.divergence());
            assertThat(perplexity / each.weights.perplexity).as("perplexity beside llama.cpp's, %s", each).isBetween(0.995, 1.005);
            assertThat(divergence).as("KL to F32, %s", each).isLessThan(each.divergence() + 0.002);
            if (each.weights != Weights.Q4_0) {
                assertThat(Math.exp((losses[i] - losses[0]) / tokens)).as("perplexity beside F32's, %s", each).isBetween(0.995, 1.005);
            }
            if (i > 0) {
                // or it was not what it is called
                assertThat(divergence).as("KL to F32, %s", each).isGreaterThan(1e-5);
            }
        }
    }

    private static int[] ids() throws Exception {
        try (GgufFile file = GgufFile.open(MODEL.resolve("stories15M.Q8_0.gguf")); var tokenizer = GgufTokenizer.load(file.metadata())) {
            int[] text = tokenizer.encode(Files.readString(SHARED.resolve("assets/data/stories.sampled.txt")));
            int[] ids = new int[text.length + 1];
            ids[0] = tokenizer.bos().orElseThrow();
            System.arraycopy(text, 0, ids, 1, text.length);
            return ids;
        }
    }

    /** Log-probabilities of what follows the ids at {@code UNSCORED} … of a window, [{@code SCORED}, vocabulary]. */
    private record Scores(float[] values, int vocabulary) {
        static Scores of(CpuEngine engine, int[] window) {
            float[] logits;
            try (var cache = engine.newCache(WINDOW)) {
                engine.forward(List.of(new Span(cache, Arrays.copyOf(window, UNSCORED))), false);
                logits = engine.forward(List.of(new Span(cache, Arrays.copyOfRange(window, UNSCORED, WINDOW - 1))), true).getFirst();
            }
            int vocabulary = engine.spec().vocabSize();
            IntStream.range(0, SCORED).parallel().forEach(row -> {
                double sum = 0;
                float max = Float.NEGATIVE_INFINITY;
                for (int i = row * vocabulary; i < (row + 1) * vocabulary; i++) {
                    max = Math.max(max, logits[i]);
                }
                for (int i = row * vocabulary; i < (row + 1) * vocabulary; i++) {
                    sum += Math.exp(logits[i] - max);
                }
                double shift = max + Math.log(sum);
                for (int i = row * vocabulary; i < (row + 1) * vocabulary; i++) {
                    logits[i] = (float) (logits[i] - shift);
                }
            });
            return new Scores(logits, vocabulary);
        }

        double loss(int[] window) {
            return -IntStream.range(0, SCORED).mapToDouble(row -> values[row * vocabulary + window[UNSCORED + row + 1]]).sum();
        }

        /** KL of {@code other} from this. */
        double divergence(Scores other) {
            return IntStream.range(0, SCORED).parallel().mapToDouble(row -> {
                double sum = 0;
                for (int i = row * vocabulary; i < (row + 1) * vocabulary; i++) {
                    sum += Math.exp(values[i]) * (values[i] - other.values[i]);
                }
                return sum;
            }).sum();
        }
    }
}
