package dev.zhulong.infer.search;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.search.SearchOptions.Early;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EnoughBeamsFindTheLikeliestTextTest {
    private static final int VOCAB = 5;
    private static final int EOS = 1;
    private static final int LENGTH = 5;

    /** What is likely depends on all that was written. */
    private static final class Model implements Continuation {
        private final long seed;
        private int[][] texts = {{}};

        Model(long seed) {
            this.seed = seed;
        }

        float[] logits(int[] text) {
            var random = new SplittableRandom(seed + Arrays.hashCode(text));
            float[] logits = new float[VOCAB];
            for (int i = 0; i < VOCAB; i++) {
                logits[i] = (float) random.nextDouble(-3, 3);
            }
            return logits;
        }

        @Override
        public float[][] append(int[] tokens) {
            float[][] logits = new float[tokens.length][];
            for (int i = 0; i < tokens.length; i++) {
                texts[i] = Arrays.copyOf(texts[i], texts[i].length + 1);
                texts[i][texts[i].length - 1] = tokens[i];
                logits[i] = logits(texts[i]);
            }
            return logits;
        }

        @Override
        public void choose(int[] rows) {
            int[][] before = texts;
            texts = Arrays.stream(rows).mapToObj(row -> before[row]).toArray(int[][]::new);
        }

        @Override
        public void close() {}
    }

    private static SearchOptions options(int beams, double penalty, int noRepeat, int forced) {
        return new SearchOptions(0, List.of(EOS), 0, beams, penalty, Early.NEVER, LENGTH, 0, noRepeat, 1, forced, List.of(), List.of(), List.of(), false);
    }

    private static int[] search(long seed, SearchOptions options) {
        try (var model = new Model(seed)) {
            return Search.run(model, List.of(options)).getFirst();
        }
    }

    /** All texts there are, each with its log probability over its length to the power. */
    private static int[] likeliest(long seed, double penalty, int[] text, double sum, double[] best, int[] found) {
        float[] logits = new Model(seed).logits(text);
        Rules.logSoftmax(logits);
        int[] result = found;
        for (int id = 0; id < VOCAB; id++) {
            int[] longer = Arrays.copyOf(text, text.length + 1);
            longer[text.length] = id;
            double score = sum + logits[id];
            if (id == EOS || longer.length == LENGTH) {
                double rated = score / Math.pow(longer.length - 1, penalty);
                if (rated > best[0]) {
                    best[0] = rated;
                    result = longer;
                }
            } else {
                result = likeliest(seed, penalty, longer, score, best, result);
            }
        }
        return result;
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1, 2})
    void whateverTheLengthIsWorth(double penalty) {
        for (long seed = 0; seed < 30; seed++) {
            int[] expected = likeliest(seed, penalty, new int[] {0}, 0, new double[] {Double.NEGATIVE_INFINITY}, null);
            assertThat(search(seed, options(625, penalty, 0, -1))).as("seed " + seed).isEqualTo(Arrays.copyOfRange(expected, 1, expected.length));
        }
    }

    @Test
    void oneBeamTakesTheLikeliestTokenEachTime() {
        for (long seed = 0; seed < 30; seed++) {
            List<Integer> text = new ArrayList<>(List.of(0));
            while (text.size() < LENGTH && (text.size() == 1 || text.getLast() != EOS)) {
                float[] logits = new Model(seed).logits(text.stream().mapToInt(i -> i).toArray());
                int best = 0;
                for (int i = 1; i < VOCAB; i++) {
                    best = logits[i] > logits[best] ? i : best;
                }
                text.add(best);
            }
            assertThat(search(seed, options(1, 1, 0, -1))).isEqualTo(text.stream().skip(1).mapToInt(i -> i).toArray());
        }
    }

    @Test
    void theFirstTokenMayBeForcedAndNoTokenRepeated() {
        for (long seed = 0; seed < 30; seed++) {
            for (int beams : new int[] {1, 3}) {
                int[] text = search(seed, options(beams, 1, 1, 3));
                assertThat(text[0]).isEqualTo(3);
                assertThat(Arrays.stream(text).distinct().count()).isEqualTo(text.length);
                assertThat(text).doesNotContain(0);
            }
        }
    }

    /** A text's result does not depend on those that are searched for beside it. */
    @Test
    void textsAreSearchedForEachAsIfAlone() {
        var one = options(1, 1, 0, -1);
        var three = options(3, 1, 0, -1);
        try (var model = new Model(4)) {
            model.texts = new int[][] {{}, {}, {}};
            List<int[]> together = Search.run(model, List.of(three, one, three));
            assertThat(together.get(0)).isEqualTo(search(4, three)).isEqualTo(together.get(2));
            assertThat(together.get(1)).isEqualTo(search(4, one));
        }
    }
}
