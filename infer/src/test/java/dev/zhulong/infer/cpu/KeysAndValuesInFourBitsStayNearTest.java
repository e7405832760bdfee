package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.KvPages.Format;
import dev.zhulong.text.GgufTokenizer;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Int4 keys and values, turned: their memory, what outliers cost, and what a model makes of them. */
class KeysAndValuesInFourBitsStayNearTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();
    private static final int WINDOW = 256;
    private static final int WINDOWS = 3;

    @ParameterizedTest
    @ValueSource(ints = {48, 64, 80, 96, 128, 256})
    void inLittleMoreThanHalfOfInt8(int headDim) {
        assertThat((double) KvPages.pageBytes(8, headDim, false, Format.INT4) / KvPages.pageBytes(8, headDim, false, Format.INT8)).isLessThanOrEqualTo(0.56);
    }

    /** Three of 64 dimensions of all keys twenty times as large: without turning, the others of their group would be zeros. */
    @Test
    void outliersOfKeysCostTheOthersNoBits() {
        int dim = 64;
        int length = 128;
        Random random = new Random(4);
        float[] k = new float[length * dim];
        float[] v = new float[length * dim];
        float[] q = new float[dim];
        for (int i = 0; i < k.length; i++) {
            boolean large = i % dim == 3 || i % dim == 20 || i % dim == 41;
            k[i] = (float) random.nextGaussian() * (large ? 20 : 1);
            v[i] = (float) random.nextGaussian();
        }
        for (int d = 0; d < dim; d++) {
            q[d] = (float) random.nextGaussian() * (d == 3 || d == 20 || d == 41 ? 0.02f : 1);
        }
        double[] error = new double[2];
        try (Arena arena = Arena.ofConfined()) {
            float[][] outs = new float[3][dim];
            Format[] formats = {Format.F32, Format.INT8, Format.INT4};
            for (int f = 0; f < 3; f++) {
                KvPages pages = new KvPages(1, dim, formats[f], arena);
                pages.grow(2);
                for (int t = 0; t < length; t++) {
                    pages.put(t / KvPages.PAGE, t % KvPages.PAGE, k, t * dim, v, t * dim);
                }
                pages.attend(q, 0, 0, new int[] {0, 1}, 0, length, 0.125f, new float[length], outs[f], 0);
                for (int d = 0; d < dim && f > 0; d++) {
                    error[f - 1] += Math.pow(outs[f][d] - outs[0][d], 2);
                }
            }
        }
        assertThat(Math.sqrt(error[1] / dim)).isLessThan(0.15);
        assertThat(error[1]).isGreaterThan(0);
    }

    @Test
    void whereARowIsBothTheyAreRefused() {
        assertThatThrownBy(() -> new KvPages(1, 64, true, Format.INT4, Arena.ofAuto())).hasMessageContaining("latent").hasMessageContaining("int8");
    }

    /** Over held-out text, all positions: divergence from keys and values in F32, a token. */
    @Test
    void realTextIsReadNearly() throws Exception {
        Path model = SHARED.resolve("assets/stories15M");
        assumeTrue(Files.isDirectory(model), "../shared is absent: four bits not measured on real text");
        int[] ids;
        try (GgufFile file = GgufFile.open(model.resolve("stories15M.Q8_0.gguf")); var tokenizer = GgufTokenizer.load(file.metadata())) {
            ids = tokenizer.encode(Files.readString(SHARED.resolve("assets/data/stories.sampled.txt")));
        }
        Format[] formats = {Format.F32, Format.F16, Format.INT8, Format.INT4};
        double[] divergence = new double[formats.length];
        float[][] exact = new float[WINDOWS][];
        for (int f = 0; f < formats.length; f++) {
            // as the product opens it, with its own text for what queries and keys are like
            try (ModelFiles files = ModelFiles.open(model, EngineChoice.DEFAULT.withThreads(2).withCache(formats[f])); LanguageModel engine = files.loadEngine(WINDOW)) {
                for (int w = 0; w < WINDOWS; w++) {
                    try (var cache = engine.newCache(WINDOW)) {
                        float[] logits = engine.forward(List.of(new Span(cache, Arrays.copyOfRange(ids, w * WINDOW, (w + 1) * WINDOW))), true).getFirst();
                        if (f == 0) {
                            exact[w] = logits;
                        } else {
                            divergence[f] += divergence(exact[w], logits, engine.spec().vocabSize());
                        }
                    }
                }
            }
        }
        int tokens = WINDOW * WINDOWS;
        System.out.printf("KL to F32 keys and values over %d tokens: F16 %.6f, INT8 %.6f, INT4 %.6f%n", tokens, divergence[1] / tokens, divergence[2] / tokens, divergence[3] / tokens);
        assertThat(divergence[3]).isGreaterThan(divergence[2]);
        // the bytes of both are compared above
        assertThat(divergence[3] / tokens).isLessThanOrEqualTo(divergence[2] / tokens + 0.005);
    }

    private static double divergence(float[] from, float[] to, int vocabulary) {
        double sum = 0;
        for (int row = 0; row < from.length; row += vocabulary) {
            double a = logSum(from, row, vocabulary);
            double b = logSum(to, row, vocabulary);
            for (int i = row; i < row + vocabulary; i++) {
                sum += Math.exp(from[i] - a) * (from[i] - a - to[i] + b);
            }
        }
        return sum;
    }

    private static double logSum(float[] x, int at, int n) {
        double sum = 0;
        for (int i = at; i < at + n; i++) {
            sum += Math.exp(x[i]);
        }
        return Math.log(sum);
    }
}
