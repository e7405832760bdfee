package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.zhulong.infer.SamplerOptions.Mirostat;
import dev.zhulong.infer.SamplerOptions.Penalties;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SamplerKeepsItsRulesTest {
    private static final float INF = Float.POSITIVE_INFINITY;

    @Test
    void greedyTakesTheLowestIdOfATie() {
        assertThat(new Sampler(SamplerOptions.GREEDY, 4, 0).next(new float[] {1, 3, 3, 2})).isEqualTo(1);
        assertThat(new Sampler(SamplerOptions.GREEDY, 3, 0).next(new float[] {-0.0f, 0.0f, -0.0f})).isZero();
    }

    @Test
    void filtersDoNotChangeGreedy() {
        var options = SamplerOptions.GREEDY.withTopK(2).withTopP(0.1).withMinP(0.9).withTypicalP(0.2).withSeed(5);
        assertThat(new Sampler(options, 4, 0).next(new float[] {1, 3, 2, 4})).isEqualTo(3);
    }

    @Test
    void tiesAtTheEdgeOfTopKFallToTheLowestIds() {
        var drawn = drawn(SamplerOptions.DEFAULT.withTopK(2), new float[] {1, 1, 1, 1}, 4);
        assertThat(drawn).containsExactlyInAnyOrder(0, 1);
    }

    @Test
    void topKBeyondTheVocabularyKeepsAll() {
        assertThat(drawn(SamplerOptions.DEFAULT.withTopK(1000), new float[] {1, 1, 1}, 3)).containsExactlyInAnyOrder(0, 1, 2);
    }

    @Test
    void topPZeroKeepsOne() {
        assertThat(drawn(SamplerOptions.DEFAULT.withTopP(0), new float[] {1, 2, 2}, 3)).containsExactly(1);
        assertThat(drawn(SamplerOptions.DEFAULT.withTopP(Double.MIN_VALUE), new float[] {1, 2, 2}, 3)).containsExactly(1);
    }

    @Test
    void minPOneKeepsTheMostLikely() {
        assertThat(drawn(SamplerOptions.DEFAULT.withMinP(1), new float[] {1, 2, 2}, 3)).containsExactlyInAnyOrder(1, 2);
    }

    @Test
    void verySmallTemperatureIsNearlyGreedyAndFinite() {
        assertThat(drawn(SamplerOptions.DEFAULT.withTemperature(1e-300), new float[] {1, 1.0001f, 0}, 3)).containsExactly(1);
    }

    @Test
    void paddingRowsAreNeverSampledNorCounted() {
        // The head has six rows, the tokenizer four ids: the rows beyond are far the likeliest.
        float[] logits = {0, 0, 0, 0, 50, INF};
        assertThat(drawn(SamplerOptions.DEFAULT, logits, 4)).containsExactlyInAnyOrder(0, 1, 2, 3);
        assertThat(drawn(SamplerOptions.DEFAULT.withTopP(0.99), logits, 4)).containsExactlyInAnyOrder(0, 1, 2, 3);
        assertThat(drawn(SamplerOptions.DEFAULT.withMinP(0.5), logits, 4)).containsExactlyInAnyOrder(0, 1, 2, 3);
        assertThat(new Sampler(SamplerOptions.GREEDY, 4, 0).next(logits)).isZero();
    }

    @Test
    void forbiddenTokensAreNotDrawn() {
        assertThat(drawn(SamplerOptions.DEFAULT, new float[] {-INF, 0, -INF, 0}, 4)).containsExactlyInAnyOrder(1, 3);
        assertThat(drawn(SamplerOptions.DEFAULT.withTopK(4), new float[] {-INF, 0, -INF, 0}, 4)).containsExactlyInAnyOrder(1, 3);
    }

    @Test
    void biasAndPenaltiesActOnGreedyToo() {
        float[] logits = {1, 3, 2, 0};
        assertThat(new Sampler(SamplerOptions.GREEDY.withLogitBias(Map.of(1, -100.0)), 4, 0).next(logits)).isEqualTo(2);
        assertThat(new Sampler(SamplerOptions.GREEDY.withLogitBias(Map.of(3, 100.0)), 4, 0).next(logits)).isEqualTo(3);
        var counted = new Sampler(SamplerOptions.GREEDY.withPenalties(new Penalties(1, 0.75, 0)), 4, 0);
        counted.see(new int[] {1, 1, 1}); // the prompt is not counted
        assertThat(draws(counted, logits)).containsExactly(1, 1, 2, 1, 2);
        var once = new Sampler(SamplerOptions.GREEDY.withPenalties(new Penalties(1, 0, 1.5)), 4, 0);
        assertThat(draws(once, logits)).containsExactly(1, 2, 1, 1, 1);
    }

    @Test
    void onlyAllowedTokensAreDrawnWhateverTheirBias() {
        float[] logits = {1, 30, 2, 0};
        var options = SamplerOptions.DEFAULT.withLogitBias(Map.of(1, 100.0)).withTopK(3).withTypicalP(0.9);
        for (int i = 0; i < 100; i++) {
            assertThat(new Sampler(options, 4, i).next(logits, new long[] {0b1101})).isNotEqualTo(1);
        }
        assertThatIllegalStateException().isThrownBy(() -> new Sampler(options, 4, 0).next(logits, new long[1]))
                .withMessageContaining("forbidden");
    }

    @Test
    void brokenLogitsAreAnErrorThatNamesTheToken() {
        for (var options : List.of(SamplerOptions.GREEDY, SamplerOptions.DEFAULT, SamplerOptions.DEFAULT.withTopK(1))) {
            assertThatIllegalStateException().isThrownBy(() -> new Sampler(options, 3, 0).next(new float[] {0, Float.NaN, 1}))
                    .withMessageContaining("token 1 is NaN");
            assertThatIllegalStateException().isThrownBy(() -> new Sampler(options, 3, 0).next(new float[] {0, 1, INF}))
                    .withMessageContaining("token 2 is Infinity");
            assertThatIllegalStateException().isThrownBy(() -> new Sampler(options, 2, 0).next(new float[] {-INF, -INF}))
                    .withMessageContaining("forbidden");
        }
    }

    @Test
    void sameSeedSameTokensAndEverySequenceItsOwn() {
        float[] logits = new float[1000];
        List<List<Integer>> sequences = new ArrayList<>();
        for (int sequence = 0; sequence < 64; sequence++) {
            sequences.add(draws(new Sampler(SamplerOptions.DEFAULT.withSeed(1), 1000, sequence), logits));
            assertThat(draws(new Sampler(SamplerOptions.DEFAULT.withSeed(1), 1000, sequence), logits)).isEqualTo(sequences.getLast());
        }
        assertThat(new HashSet<>(sequences)).hasSize(64);
        // 64 first tokens of 1,000 equally likely ones: about two pairs meet by chance.
        assertThat(sequences.stream().map(List::getFirst).distinct().count()).isGreaterThan(54);
        assertThat(draws(new Sampler(SamplerOptions.DEFAULT.withSeed(2), 1000, 0), logits)).isNotEqualTo(sequences.getFirst());
    }

    @Test
    void badOptionsAreRefused() {
        var d = SamplerOptions.DEFAULT;
        for (double bad : new double[] {Double.NaN, -0.1, Double.POSITIVE_INFINITY}) {
            assertThatIllegalArgumentException().isThrownBy(() -> d.withTemperature(bad)).withMessageContaining("temperature");
            assertThatIllegalArgumentException().isThrownBy(() -> d.withTopP(bad)).withMessageContaining("top-p");
            assertThatIllegalArgumentException().isThrownBy(() -> d.withMinP(bad)).withMessageContaining("min-p");
            assertThatIllegalArgumentException().isThrownBy(() -> d.withRepetitionPenalty(bad)).withMessageContaining("penalty");
        }
        for (double bad : new double[] {Double.NaN, -0.1, 1.1}) {
            assertThatIllegalArgumentException().isThrownBy(() -> d.withTypicalP(bad)).withMessageContaining("typical-p");
        }
        for (double bad : new double[] {Double.NaN, -101, 101}) {
            assertThatIllegalArgumentException().isThrownBy(() -> new Penalties(1, bad, 0)).withMessageContaining("frequency");
            assertThatIllegalArgumentException().isThrownBy(() -> new Penalties(1, 0, bad)).withMessageContaining("presence");
            assertThatIllegalArgumentException().isThrownBy(() -> d.withLogitBias(Map.of(3, bad))).withMessageContaining("token 3");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> d.withLogitBias(Map.of(-1, 1.0))).withMessageContaining("-1");
        assertThatIllegalArgumentException().isThrownBy(() -> new Sampler(d.withLogitBias(Map.of(3, 1.0)), 3, 0))
                .withMessageContaining("token 3").withMessageContaining("ends at 2");
        assertThatIllegalArgumentException().isThrownBy(() -> new Mirostat(-1, 0.1)).withMessageContaining("tau");
        assertThatIllegalArgumentException().isThrownBy(() -> new Mirostat(5, 0)).withMessageContaining("eta");
        assertThatIllegalArgumentException().isThrownBy(() -> d.withTopK(5).withMirostat(new Mirostat(5, 0.1)))
                .withMessageContaining("takes the place of top-k");
        assertThatIllegalArgumentException().isThrownBy(() -> d.withTopK(-1)).withMessageContaining("top-k");
        assertThatIllegalArgumentException().isThrownBy(() -> d.withRepetitionPenalty(0)).withMessageContaining("penalty");
    }

    /** The set of tokens that can be drawn, against a plain sort of everything. */
    @Property(tries = 300)
    void keepsWhatAFullSortWouldKeep(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 3000) int vocab, @ForAll @IntRange(max = 3500) int topK,
            @ForAll @DoubleRange(min = 0, max = 1) double topP) {
        var random = new SplittableRandom(seed);
        float[] logits = new float[vocab];
        for (int i = 0; i < vocab; i++) {
            logits[i] = random.nextInt(40) / 4f; // many ties
        }
        var order = new ArrayList<>(IntStream.range(0, vocab).boxed().toList());
        order.sort(Comparator.<Integer>comparingDouble(i -> -logits[i]).thenComparing(i -> i));
        int kept = topK > 0 ? Math.min(topK, vocab) : vocab;
        double total = 0;
        for (int i = 0; i < kept; i++) {
            total += Math.exp(logits[order.get(i)]);
        }
        double sum = 0;
        var allowed = new HashSet<Integer>();
        for (int i = 0; i < kept && (i == 0 || sum < (topP + 1e-12) * total); i++) {
            sum += Math.exp(logits[order.get(i)]);
            allowed.add(order.get(i));
        }
        var sampler = new Sampler(SamplerOptions.DEFAULT.withTopK(topK).withTopP(topP).withSeed(seed), vocab, 0);
        for (int i = 0; i < 30; i++) {
            assertThat(allowed).contains(sampler.next(logits));
        }
    }

    @Property(tries = 200)
    void rankingPutsTheBestFirst(@ForAll long seed, @ForAll @IntRange(min = 1, max = 2000) int size, @ForAll @IntRange(min = 1) int count) {
        var random = new SplittableRandom(seed);
        float[] logits = new float[size];
        for (int i = 0; i < size; i++) {
            logits[i] = random.nextInt(-50, 50) / 8f;
        }
        var ranking = new Ranking(size);
        ranking.fill(logits, size);
        int first = 1 + count % size;
        ranking.order(first);
        var order = new ArrayList<>(IntStream.range(0, size).boxed().toList());
        order.sort(Comparator.<Integer>comparingDouble(i -> -logits[i]).thenComparing(i -> i));
        assertThat(IntStream.range(0, first).mapToObj(ranking::id).toList()).isEqualTo(order.subList(0, first));
    }

    private static Set<Integer> drawn(SamplerOptions options, float[] logits, int vocab) {
        var sampler = new Sampler(options, vocab, 0);
        var drawn = new HashSet<Integer>();
        for (int i = 0; i < 500; i++) {
            drawn.add(sampler.next(logits));
        }
        return drawn;
    }

    private static List<Integer> draws(Sampler sampler, float[] logits) {
        return IntStream.range(0, 5).mapToObj(i -> sampler.next(logits)).toList();
    }
}
