package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.Family;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The torch engine's cache against {@link Decoder#logits}, which knows none. Trap 51: the window holds in every phase; trap 53. */
class CachedStepsEqualTheFullForwardTest {
    private static final int LENGTH = 22;

    /** Prompts shorter than, as long as and longer than the window of 6, then single tokens; and several chunks. */
    private static final int[][] CUTS = {{LENGTH}, ones(LENGTH), {6, 1, 1, 1, 13}, {5, 1, 1, 1, 14}, {7, 6, 1, 8}, {15, 1, 1, 1, 1, 1, 1, 1}};

    private static int[] ones(int n) {
        return IntStream.generate(() -> 1).limit(n).toArray();
    }

    private static int[] ids(long seed) {
        return new SplittableRandom(seed).ints(LENGTH, 0, 258).toArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void howeverThePromptIsCut(Family family) {
        Decoder decoder = TinyDecoder.random(family, 3);
        try (var engine = new TorchEngine(decoder)) {
            int[] ids = ids(1);
            float[] full = full(decoder, ids);
            for (int[] cut : CUTS) {
                try (var cache = engine.newCache(LENGTH)) {
                    for (int length : cut) {
                        int start = cache.length();
                        float[] got = run(engine, cache, true, Arrays.copyOfRange(ids, start, start + length));
                        assertThat(got).as("%s from %d", Arrays.toString(cut), start).containsExactly(
                                Arrays.copyOfRange(full, start * TinyDecoder.ROWS, (start + length) * TinyDecoder.ROWS), within(1e-4f));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void theLastRowAloneIsTheLastOfAll(Family family) {
        try (var engine = new TorchEngine(TinyDecoder.random(family, 4)); var a = engine.newCache(LENGTH); var b = engine.newCache(LENGTH)) {
            int[] ids = ids(2);
            float[] all = run(engine, a, true, ids);
            assertThat(run(engine, b, false, ids)).hasSize(TinyDecoder.ROWS)
                    .containsExactly(Arrays.copyOfRange(all, all.length - TinyDecoder.ROWS, all.length), within(1e-5f));
        }
    }

    /** What was cut off leaves no trace: the bits are those of a cache that never held it. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void aCacheCutBackIsAsIfItHadNeverGoneFurther(Family family) {
        try (var engine = new TorchEngine(TinyDecoder.random(family, 5)); var used = engine.newCache(LENGTH);
                var fresh = engine.newCache(LENGTH)) {
            int[] ids = ids(3);
            int[] others = ids(4);
            int[] prompt = Arrays.copyOf(ids, 9);
            run(engine, used, false, prompt);
            run(engine, used, false, Arrays.copyOf(others, 10));
            used.truncate(9);
            run(engine, fresh, false, prompt);
            for (int t = 9; t < LENGTH; t++) {
                assertThat(run(engine, used, false, ids[t])).isEqualTo(run(engine, fresh, false, ids[t]));
            }
            assertThat(used.length()).isEqualTo(LENGTH);
        }
    }

    @Test
    void aCallThatFailsIsForgottenByCuttingBack() {
        try (var engine = new TorchEngine(TinyDecoder.random(Family.of("llama"), 6)); var first = engine.newCache(8);
                var second = engine.newCache(8); var fresh = engine.newCache(8)) {
            run(engine, first, false, 1, 2, 3);
            for (int[] bad : new int[][] {{1, -1}, {TinyDecoder.ROWS}, {1, 2, 3, 4, 5, 6, 7, 8, 9}}) {
                assertThatIllegalArgumentException().isThrownBy(() ->
                        engine.forward(List.of(new Span(first, new int[] {9, 9}), new Span(second, bad)), false));
                first.truncate(3);
                second.truncate(0);
            }
            run(engine, fresh, false, 1, 2, 3);
            assertThat(run(engine, first, false, 4)).isEqualTo(run(engine, fresh, false, 4));
            assertThatIllegalArgumentException().isThrownBy(() -> first.truncate(5)).withMessageContaining("4").withMessageContaining("5");
            assertThatIllegalArgumentException().isThrownBy(() -> engine.newCache(0));
        }
    }

    static float[] full(Decoder decoder, int[] ids) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return decoder.logits(Tensor.of(ids, 1, ids.length)).toFloats();
        }
    }

    private static float[] run(LanguageModel engine, KvCache cache, boolean all, int... ids) {
        return engine.forward(List.of(new Span(cache, ids)), all).getFirst();
    }
}
