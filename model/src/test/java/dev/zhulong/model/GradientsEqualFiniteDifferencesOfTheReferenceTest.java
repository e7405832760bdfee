package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.model.reference.ReferenceDecoder;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Backward through the logits against central differences of the float64 reference. The differences are good to about eight digits, so
 * what is allowed is what F32 loses: a thousandth, or a hundred-thousandth of the tensor's largest gradient.
 */
class GradientsEqualFiniteDifferencesOfTheReferenceTest {
    private static final int SEQ = 9;

    static Stream<DecoderSpec> specs() {
        return Stream.of(
                tiny(Family.of("llama")).build(),
                tiny(Family.of("llama")).attentionBias().mlpBias().tied(true).build(),
                tiny(Family.of("mistral")).windows(4, 4).build(),
                tiny(Family.of("qwen2")).build(),
                tiny(Family.of("qwen3")).headDim(6).tied(false).build(),
                tiny(Family.of("gpt2")).build());
    }

    private static SpecDraft tiny(Family family) {
        SpecDraft draft = SpecDraft.of(family).vocab(17).hidden(16).inner(20).context(12);
        return family == Family.of("gpt2") ? draft : draft.heads(4, 2);
    }

    /**
     * Of the decoders of today those without a ReLU, which has no derivative where it bends; with GELU by tanh, as the reference's series of the error
     * function has too few digits for differences.
     */
    static Stream<String> configs() {
        return EverySwitchOfADecoderEqualsTheFloat64ReferenceTest.configs().filter(config -> !config.contains("'relu"))
                .map(config -> config.contains("gpt_neox") ? config + ",'hidden_act':'gelu_new'" : config);
    }

    @ParameterizedTest
    @MethodSource("configs")
    void ofEveryParameterWhateverTheSwitches(String config, @TempDir Path directory) throws IOException {
        ofEveryParameter(EverySwitchOfADecoderEqualsTheFloat64ReferenceTest.spec(config, directory));
    }

    @ParameterizedTest
    @MethodSource("specs")
    void ofEveryParameter(DecoderSpec spec) {
        try (LoudDecoder decoder = LoudDecoder.of(spec, 21); var scope = TensorScope.open()) {
            int[] ids = LoudDecoder.ids(spec, SEQ, 3);
            float[] cotangent = new float[SEQ * spec.vocabSize()];
            var random = new SplittableRandom(6);
            for (int i = 0; i < cotangent.length; i++) {
                cotangent[i] = (float) random.nextGaussian();
            }
            decoder.model().requiresGrad(true);
            decoder.model().logits(Tensor.of(ids, 1, SEQ)).backward(Tensor.of(cotangent, 1, SEQ, spec.vocabSize()));
            List<String> wrong = new ArrayList<>();
            for (Map.Entry<String, Tensor> parameter : decoder.model().parameters().entrySet()) {
                float[] gradient = parameter.getValue().grad().toFloats();
                double largest = 0;
                for (float g : gradient) {
                    largest = Math.max(largest, Math.abs(g));
                }
                assertThat(largest).as(parameter.getKey()).isPositive();
                for (int i : sample(gradient, random)) {
                    double numeric = difference(decoder, parameter.getKey(), i, ids, cotangent);
                    if (!(Math.abs(gradient[i] - numeric) <= 1e-3 * Math.abs(numeric) + 1e-5 * largest)) {
                        wrong.add(parameter.getKey() + "[" + i + "]: expected " + numeric + ", found " + gradient[i]);
                    }
                }
            }
            assertThat(wrong).isEmpty();
        }
    }

    /** The element with the largest gradient, the ends, and half a dozen others. */
    private static TreeSet<Integer> sample(float[] gradient, SplittableRandom random) {
        var chosen = new TreeSet<>(List.of(0, gradient.length - 1));
        int top = 0;
        for (int i = 0; i < gradient.length; i++) {
            top = Math.abs(gradient[i]) > Math.abs(gradient[top]) ? i : top;
        }
        chosen.add(top);
        random.ints(6, 0, gradient.length).forEach(chosen::add);
        return chosen;
    }

    private static double difference(LoudDecoder decoder, String name, int i, int[] ids, float[] cotangent) {
        double[] weights = decoder.weights().get(name);
        double at = weights[i];
        double step = 1e-5;
        weights[i] = at + step;
        double above = sum(decoder.reference(), ids, cotangent);
        weights[i] = at - step;
        double below = sum(decoder.reference(), ids, cotangent);
        weights[i] = at;
        return (above - below) / (2 * step);
    }

    private static double sum(ReferenceDecoder reference, int[] ids, float[] cotangent) {
        double sum = 0;
        int i = 0;
        for (double[] row : reference.logits(ids)) {
            for (double logit : row) {
                sum += logit * cotangent[i++];
            }
        }
        return sum;
    }
}
