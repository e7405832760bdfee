package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class LogitsEqualTheFloat64ReferenceTest {
    static Stream<Arguments> decoders() {
        return Stream.of(
                named("llama", llama()),
                named("one key head", llama().heads(4, 1)),
                named("as many key heads", llama().heads(4, 4)),
                named("six heads on two", llama().hidden(48).heads(6, 2)),
                named("tied", llama().tied(true)),
                named("three layers", llama().layers(3)),
                named("attention and mlp biases", llama().attentionBias().mlpBias()),
                named("head dim not hidden / heads", llama().headDim(10)),
                named("partial rotary", llama().headDim(12).rope(10_000, 6, new Scaling.None())),
                named("two rotary dims", llama().rope(10_000, 2, new Scaling.None())),
                named("theta 500,000", llama().rope(500_000, 8, new Scaling.None())),
                named("eps that matters", llama().epsilon(0.7)),
                named("gelu", llama().activation(Activation.GELU)),
                named("gelu by tanh", llama().activation(Activation.GELU_TANH)),
                named("linear", llama().rope(10_000, 8, new Scaling.Linear(4))),
                named("dynamic", llama().context(8).rope(10_000, 8, new Scaling.Dynamic(2, 8))),
                named("dynamic, not reached", llama().context(64).rope(10_000, 8, new Scaling.Dynamic(2, 64))),
                named("llama3", llama().headDim(16).rope(10_000, 16, new Scaling.Llama3(8, 1, 4, 32))),
                named("yarn", llama().headDim(16).rope(10_000, 16, new Scaling.Yarn(4, 64, 32, 1, 1.1386, true))),
                named("yarn, partial", llama().headDim(20).rope(10_000, 16, new Scaling.Yarn(4, 64, 4, 0.5, 1.3, false))),
                named("mistral", SpecDraft.of(Family.of("mistral"))),
                named("mistral, window 1", SpecDraft.of(Family.of("mistral")).windows(1, 1)),
                named("mistral, no window", SpecDraft.of(Family.of("mistral")).windows(0, 0)),
                named("qwen2", SpecDraft.of(Family.of("qwen2"))),
                named("qwen2, untied", SpecDraft.of(Family.of("qwen2")).tied(false)),
                named("qwen2, windows in some layers", SpecDraft.of(Family.of("qwen2")).windows(0, 5, 0, 5)),
                named("qwen3", SpecDraft.of(Family.of("qwen3"))),
                named("qwen3, untied, eps that matters", SpecDraft.of(Family.of("qwen3")).tied(false).epsilon(0.3)),
                named("qwen3, window, biases", SpecDraft.of(Family.of("qwen3")).windows(7, 0).attentionBias()),
                named("gpt2", SpecDraft.of(Family.of("gpt2"))),
                named("gpt2, untied, exact gelu", SpecDraft.of(Family.of("gpt2")).tied(false).activation(Activation.GELU)),
                named("gpt2, eps that matters", SpecDraft.of(Family.of("gpt2")).epsilon(0.5)));
    }

    private static SpecDraft llama() {
        return SpecDraft.of(Family.of("llama"));
    }

    private static Arguments named(String name, SpecDraft draft) {
        return Arguments.of(name, draft.build());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("decoders")
    void ofEveryFamilyAndShape(String name, DecoderSpec spec) {
        try (LoudDecoder decoder = LoudDecoder.of(spec, 11)) {
            // around the windows above, and one alone
            for (int length : new int[] {1, 5, 6, 7, 8, 29}) {
                int[] ids = LoudDecoder.ids(spec, length, length);
                assertClose(decoder.logits(ids), decoder.reference().logits(ids));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void rowByRowInABatch(Family family) {
        DecoderSpec spec = SpecDraft.of(family).build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 12); var scope = TensorScope.open(); var off = NoGrad.open()) {
            int[] ids = LoudDecoder.ids(spec, 3 * 9, 1);
            float[] all = decoder.model().logits(Tensor.of(ids, 3, 9)).toFloats();
            int row = 9 * spec.vocabSize();
            for (int b = 0; b < 3; b++) {
                double[][] expected = decoder.reference().logits(Arrays.copyOfRange(ids, b * 9, b * 9 + 9));
                assertClose(Arrays.copyOfRange(all, b * row, (b + 1) * row), expected);
            }
        }
    }

    /** Or the comparisons above would say nothing about positions, masks and heads. */
    @Test
    void whereAttentionIsFarFromFlat() {
        DecoderSpec spec = llama().build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 11)) {
            int[] ids = LoudDecoder.ids(spec, 12, 3);
            int[] swapped = ids.clone();
            swapped[2] = ids[5];
            swapped[5] = ids[2];
            double[] a = decoder.reference().logits(ids)[11];
            double[] b = decoder.reference().logits(swapped)[11];
            double most = 0;
            for (int i = 0; i < a.length; i++) {
                most = Math.max(most, Math.abs(a[i] - b[i]));
            }
            assertThat(most).as("the order of far tokens shows in the last logits").isGreaterThan(0.1);
        }
    }

    static void assertClose(float[] got, double[][] expected) {
        assertClose(got, Arrays.stream(expected).flatMapToDouble(Arrays::stream).toArray(), 1e-4);
    }

    static void assertClose(float[] got, float[] expected, double tolerance) {
        double[] wide = new double[expected.length];
        Arrays.setAll(wide, i -> expected[i]);
        assertClose(got, wide, tolerance);
    }

    /** Absolute below one, relative above. */
    static void assertClose(float[] got, double[] expected, double tolerance) {
        assertThat(got).hasSize(expected.length);
        for (int i = 0; i < got.length; i++) {
            double e = expected[i];
            if (!(Math.abs(got[i] - e) <= tolerance * Math.max(1, Math.abs(e)))) { // so written, NaN fails too
                throw new AssertionError("logit " + i + " of " + got.length + ": expected " + e + ", found " + got[i]);
            }
        }
    }
}
