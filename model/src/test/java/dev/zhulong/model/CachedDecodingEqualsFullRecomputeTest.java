package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class CachedDecodingEqualsFullRecomputeTest {
    private static final int SEQ = 20;

    static Stream<Arguments> spansOfEveryFamily() {
        // the window is 6: spans that end before, at and after it, prefill longer than it, and one token at a time
        List<int[]> spans = List.of(
                new int[] {20}, ones(20), new int[] {6, 14}, new int[] {5, 1, 1, 13}, new int[] {7, 1, 6, 5, 1}, new int[] {13, 1, 1, 1, 4},
                new int[] {3, 5, 5, 7});
        Stream<DecoderSpec> specs = Stream.concat(
                Stream.of("llama", "mistral", "qwen2", "qwen3", "gpt2").map(Family::of).map(family -> SpecDraft.of(family).build()),
                Stream.of(SpecDraft.of(Family.of("qwen2")).windows(0, 6).build(), SpecDraft.of(Family.of("mistral")).windows(1, 1).build()));
        return specs.flatMap(spec -> spans.stream().map(span -> Arguments.of(spec.family() + " " + spec.windows(), spec, span)));
    }

    private static int[] ones(int n) {
        int[] spans = new int[n];
        Arrays.fill(spans, 1);
        return spans;
    }

    @ParameterizedTest(name = "{0} {2}")
    @MethodSource("spansOfEveryFamily")
    void howeverTheSequenceIsCut(String name, DecoderSpec spec, int[] spans) {
        try (LoudDecoder decoder = LoudDecoder.of(spec, 8); var scope = TensorScope.open(); var off = NoGrad.open();
                var cache = new GrowingKeyValues(spec.layers())) {
            int[] ids = LoudDecoder.ids(spec, 2 * SEQ, 2);
            Decoder model = decoder.model();
            Tensor batch = Tensor.of(ids, 2, SEQ);
            Tensor full = model.logits(batch);
            int start = 0;
            for (int span : spans) {
                assertThat(cache.length()).isEqualTo(start);
                Tensor hidden = model.hidden(batch.narrow(1, start, span).contiguous(), model.cached(span, cache));
                float[] got = model.head().logits(hidden).toFloats();
                LogitsEqualTheFloat64ReferenceTest.assertClose(got, full.narrow(1, start, span).toFloats(), 1e-4);
                start += span;
            }
        }
    }

    /** Keys and values joined anew at every step. */
    private static final class GrowingKeyValues implements KeyValues, AutoCloseable {
        private final Pair[] layers;

        GrowingKeyValues(int layers) {
            this.layers = new Pair[layers];
        }

        @Override
        public Pair append(int layer, Tensor k, Tensor v) {
            Pair old = layers[layer];
            layers[layer] = old == null ? new Pair(k.copy().keep(), v.copy().keep())
                    : new Pair(Tensor.cat(2, old.k(), k).keep(), Tensor.cat(2, old.v(), v).keep());
            close(old);
            return layers[layer];
        }

        @Override
        public int length() {
            Pair last = layers[layers.length - 1];
            return last == null ? 0 : (int) last.k().size(2);
        }

        @Override
        public void close() {
            for (Pair pair : layers) {
                close(pair);
            }
        }

        private static void close(Pair pair) {
            if (pair != null) {
                pair.k().close();
                pair.v().close();
            }
        }
    }
}
