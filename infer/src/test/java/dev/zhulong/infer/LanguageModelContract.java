package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.Family;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * What a {@link LanguageModel} owes whatever stands above it. The test of an engine says which model is run:
 *
 * <pre>{@code
 * class TheTorchEngineKeepsTheContractTest extends LanguageModelContract<TorchEngine> {
 *     protected TorchEngine model() {
 *         return new TorchEngine(TinyDecoder.random(Family.of("llama"), 7));
 *     }
 * }
 * }</pre>
 *
 * @param <M> the engine
 */
public abstract class LanguageModelContract<M extends LanguageModel> {
    private static final int CAPACITY = 45;

    /** A model that knows the ids below 256 and has a context of at least 45 tokens. The same one each time, to be closed by the caller. */
    protected abstract M model();

    /** An empty cache of the model; of one that writes of a source, with the same source each time. */
    protected KvCache newCache(M model, int capacity) {
        return model.newCache(capacity);
    }

    /** How far logits may lie apart when a sequence is cut into other spans, or others are asked for: 0 for the same bits. */
    protected float rounding() {
        return 0;
    }

    @Test
    protected void aSequenceHasTheSameBitsWhateverSharesTheCall() {
        int[] lengths = {1, 9, 20, 5, 33, 2};
        try (M model = model()) {
            List<float[]> alone = new ArrayList<>();
            List<Span> spans = new ArrayList<>();
            for (int i = 0; i < lengths.length; i++) {
                int[] begun = ids(1 + i, 100 + i);
                Logits logits = Logits.values()[i % Logits.values().length];
                try (KvCache cache = begin(model, begun)) {
                    alone.add(run(model, cache, ids(lengths[i], i), logits));
                }
                spans.add(new Span(begin(model, begun), ids(lengths[i], i), logits));
            }
            List<float[]> together = model.forward(spans.reversed()).reversed();
            for (int i = 0; i < lengths.length; i++) {
                assertThat(together.get(i)).as("%s of sequence %d", spans.get(i).logits(), i).isEqualTo(alone.get(i));
                assertThat(spans.get(i).cache().length()).isEqualTo(1 + i + lengths[i]);
                spans.get(i).cache().close();
            }
        }
    }

    @Test
    protected void aSequenceHasTheSameLogitsHoweverItIsCut() {
        int[] ids = ids(CAPACITY, 1);
        try (M model = model()) {
            float[] whole;
            try (KvCache cache = newCache(model, CAPACITY)) {
                whole = run(model, cache, ids, Logits.ALL);
            }
            for (int piece : new int[] {1, 7, 32}) {
                try (KvCache cache = newCache(model, CAPACITY)) {
                    float[] joined = new float[whole.length];
                    for (int from = 0; from < ids.length; from += piece) {
                        float[] rows = run(model, cache, Arrays.copyOfRange(ids, from, Math.min(ids.length, from + piece)), Logits.ALL);
                        System.arraycopy(rows, 0, joined, from * model.spec().vocabSize(), rows.length);
                    }
                    assertSame(joined, whole, "in pieces of " + piece);
                }
            }
        }
    }

    @Test
    protected void nothingOfWhatWasCutIsSeen() {
        try (M model = model()) {
            float[] expected;
            try (KvCache cache = begin(model, ids(20, 1))) {
                expected = run(model, cache, ids(12, 2), Logits.ALL);
            }
            try (KvCache cache = begin(model, ids(20, 1))) {
                run(model, cache, ids(25, 3), Logits.LAST);
                cache.truncate(20);
                assertThat(run(model, cache, ids(12, 2), Logits.ALL)).isEqualTo(expected);
            }
        }
    }

    @Test
    protected void eachWishHasItsShape() {
        int[] ids = ids(11, 1);
        try (M model = model()) {
            List<float[]> found = new ArrayList<>();
            for (Logits wish : Logits.values()) {
                try (KvCache cache = newCache(model, ids.length)) {
                    found.add(run(model, cache, ids, wish));
                }
            }
            int vocab = model.spec().vocabSize();
            float[] all = found.get(Logits.ALL.ordinal());
            assertThat(found.get(Logits.NONE.ordinal())).isEmpty();
            assertThat(all).hasSize(ids.length * vocab);
            assertThat(found.get(Logits.LAST.ordinal())).hasSize(vocab);
            assertThat(found.get(Logits.HIDDEN.ordinal())).hasSize(ids.length * model.spec().hiddenSize());
            assertSame(found.get(Logits.LAST.ordinal()), Arrays.copyOfRange(all, all.length - vocab, all.length), "the last of all");
        }
    }

    @Test
    protected void whatIsRefusedLeavesEveryCacheAsItWas() {
        try (M model = model()) {
            float[] expected;
            try (KvCache cache = begin(model, ids(8, 1))) {
                expected = run(model, cache, ids(4, 2), Logits.ALL);
            }
            try (KvCache first = begin(model, ids(8, 1)); KvCache second = begin(model, ids(8, 1))) {
                for (int[] wrong : new int[][] {{5, -1}, {5, model.spec().vocabSize()}, ids(CAPACITY - 7, 3)}) {
                    assertThatThrownBy(() -> run(model, second, wrong, Logits.LAST)).isInstanceOf(IllegalArgumentException.class);
                    assertThatThrownBy(() -> model.forward(List.of(new Span(first, ids(3, 4)), new Span(second, wrong))))
                            .isInstanceOf(IllegalArgumentException.class);
                    assertThat(first.length()).isEqualTo(8);
                    assertThat(second.length()).isEqualTo(8);
                }
                assertThat(run(model, first, ids(4, 2), Logits.ALL)).isEqualTo(expected);
                assertThat(run(model, second, ids(4, 2), Logits.ALL)).isEqualTo(expected);
            }
        }
    }

    @Test
    protected void anAdapterOfAnotherEngineIsRefused() {
        try (M model = model()) {
            assertThatThrownBy(() -> model.newCache(CAPACITY, () -> "of another engine"))
                    .isInstanceOfAny(IllegalArgumentException.class, UnsupportedOperationException.class);
        }
    }

    @Test
    protected void closingItAgainDoesNothing() {
        M model = model();
        model.close();
        model.close();
    }

    private static int[] ids(int n, long seed) {
        return new SplittableRandom(seed).ints(n, 0, 256).toArray();
    }

    private KvCache begin(M model, int[] ids) {
        KvCache cache = newCache(model, CAPACITY);
        run(model, cache, ids, Logits.NONE);
        return cache;
    }

    private static float[] run(LanguageModel model, KvCache cache, int[] ids, Logits logits) {
        return model.forward(List.of(new Span(cache, ids, logits))).getFirst();
    }

    private void assertSame(float[] found, float[] expected, String how) {
        if (rounding() == 0) {
            assertThat(found).as(how).isEqualTo(expected);
        } else {
            assertThat(found).as(how).containsExactly(expected, within(rounding()));
        }
    }
}
