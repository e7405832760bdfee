package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InitialWeightsFollowTheirInitTest {
    /** Told from the names alone: what writes to the residual stream has std 0.02 / √(2 · layers), other matrices 0.02. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void eachTensorHasItsMeanAndDeviation(Family family) {
        DecoderSpec spec = wide(family);
        try (Decoder model = Decoder.random(spec, 1)) {
            model.parameters().forEach((name, tensor) -> {
                float[] values = tensor.toFloats();
                if (tensor.dim() == 1) {
                    for (float value : values) {
                        assertThat(value).as(name).isEqualTo(name.endsWith(".bias") ? 0f : 1f);
                    }
                    return;
                }
                boolean residual = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight") || name.endsWith("c_proj.weight");
                double std = residual ? 0.02 / Math.sqrt(2 * spec.layers()) : 0.02;
                double mean = 0;
                double squares = 0;
                for (float value : values) {
                    mean += (double) value / values.length;
                    squares += (double) value * value / values.length;
                }
                // five standard errors of each
                assertThat(mean).as(name).isCloseTo(0, within(5 * std / Math.sqrt(values.length)));
                assertThat(Math.sqrt(squares)).as(name).isCloseTo(std, within(5 * std / Math.sqrt(2.0 * values.length)));
            });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void sameSeedSameBitsAndNoTwoMatricesAlike(Family family) {
        DecoderSpec spec = wide(family);
        try (Decoder a = Decoder.random(spec, 7); Decoder b = Decoder.random(spec, 7); Decoder c = Decoder.random(spec, 8)) {
            List<float[]> matrices = new ArrayList<>();
            a.parameters().forEach((name, tensor) -> {
                float[] values = tensor.toFloats();
                assertThat(b.parameters().get(name).toFloats()).as(name).isEqualTo(values);
                if (tensor.dim() > 1) {
                    assertThat(c.parameters().get(name).toFloats()).as(name).isNotEqualTo(values);
                    matrices.add(Arrays.copyOf(values, 16));
                }
            });
            assertThat(matrices.stream().map(Arrays::hashCode).distinct()).hasSameSizeAs(matrices);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void decayAppliesToMatricesAndEmbeddingsOnly(Family family) {
        try (Decoder model = Decoder.random(wide(family), 1)) {
            List<String> matrices = model.parameters().entrySet().stream()
                    .filter(e -> e.getValue().dim() > 1).map(e -> e.getKey()).toList();
            assertThat(model.table().decayed()).containsExactlyElementsOf(matrices);
        }
    }

    private static DecoderSpec wide(Family family) {
        return SpecDraft.of(family).vocab(300).hidden(128).inner(160).layers(3).build();
    }

    /** The numbers that libtorch's default generator gives for the seed, but not from it: two models in one process don't disturb each other. */
    @Test
    void weightsAndDropoutComeFromGeneratorsOfTheirOwn() {
        DecoderSpec spec = SpecDraft.of(Family.of("llama")).build();
        Libtorch.seed(5);
        float[] expected;
        try (var scope = TensorScope.open()) {
            expected = Tensor.empty(DType.F32, spec.vocabSize(), spec.hiddenSize()).normal_(0, 0.02).toFloats();
        }
        Libtorch.seed(11);
        float[] undisturbed = draw();
        Libtorch.seed(11);
        try (Decoder model = Decoder.random(spec, 5);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR).withDropout(0.5), 1)) {
            assertThat(model.parameters().values().iterator().next().toFloats()).isEqualTo(expected);
            model.attach(adapter);
            adapter.dropout(3);
            float[] once = LoudDecoder.logits(model, 1, 2, 3);
            assertThat(LoudDecoder.logits(model, 1, 2, 3)).as("the same mask for the same seed").isEqualTo(once);
        }
        assertThat(draw()).isEqualTo(undisturbed);
    }

    private static float[] draw() {
        try (var scope = TensorScope.open()) {
            return Tensor.randn(20).toFloats();
        }
    }
}
