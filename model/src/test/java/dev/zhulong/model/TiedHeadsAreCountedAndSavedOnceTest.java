package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TiedHeadsAreCountedAndSavedOnceTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void tiedAndAbsent(Family family) {
        try (LoudDecoder decoder = LoudDecoder.of(spec(family, true), 1)) {
            assertThat(decoder.model().parameters()).doesNotContainKey("lm_head.weight");
            try (Decoder loaded = DecoderFiles.load(new ModelFiles(decoder).write(directory))) {
                assertThat(loaded.head().weight()).isSameAs(loaded.parameters().get(loaded.table().get(Role.EMBED).name()));
                assertSame(loaded, decoder.model());
            }
        }
    }

    /** As in Hugging Face, the configuration decides and the stored head is not looked at. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void tiedAndPresentIgnoresTheStoredHead(Family family) {
        DecoderSpec spec = spec(family, true);
        try (LoudDecoder decoder = LoudDecoder.of(spec, 1)) {
            float[] other = new float[spec.vocabSize() * spec.hiddenSize()];
            Arrays.fill(other, 3);
            Path files = new ModelFiles(decoder).with("lm_head.weight", other, spec.vocabSize(), spec.hiddenSize()).write(directory);
            try (Decoder loaded = DecoderFiles.load(files)) {
                assertThat(loaded.parameters()).doesNotContainKey("lm_head.weight");
                assertSame(loaded, decoder.model());
                NetworkFiles.save(loaded, files, StorageType.F32);
            }
            try (SafetensorsFile saved = SafetensorsFile.open(files.resolve("model.safetensors"))) {
                assertThat(saved.tensors().keySet()).containsExactlyInAnyOrderElementsOf(decoder.model().parameters().keySet());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void untiedAndPresent(Family family) {
        try (LoudDecoder decoder = LoudDecoder.of(spec(family, false), 1)) {
            assertThat(decoder.model().parameters()).containsKey("lm_head.weight");
            try (Decoder loaded = DecoderFiles.load(new ModelFiles(decoder).write(directory))) {
                assertThat(loaded.head().weight()).isSameAs(loaded.parameters().get("lm_head.weight"));
                assertSame(loaded, decoder.model());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void untiedAndAbsentIsAnErrorThatNamesIt(Family family) {
        try (LoudDecoder decoder = LoudDecoder.of(spec(family, true), 1)) {
            Path files = new ModelFiles(decoder).write(directory, spec(family, false));
            assertThatThrownBy(() -> DecoderFiles.load(files)).isInstanceOf(FormatException.class)
                    .hasMessageContaining(directory.toString()).hasMessageContaining("lm_head.weight")
                    .hasMessageContaining("tie_word_embeddings");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void theCountIsThatOfTheTensors(Family family) {
        for (boolean tied : new boolean[] {true, false}) {
            DecoderSpec spec = spec(family, tied);
            try (LoudDecoder decoder = LoudDecoder.of(spec, 1)) {
                long elements = decoder.weights().values().stream().mapToLong(values -> values.length).sum();
                assertThat(decoder.model().count()).isEqualTo(elements);
                assertThat(Parameters.of(spec(family, !tied)).count() - elements)
                        .isEqualTo((tied ? 1 : -1) * (long) spec.vocabSize() * spec.hiddenSize());
            }
        }
    }

    /** Totals their publishers state. */
    @ParameterizedTest
    @CsvSource({"LLAMA 3.2 1B, 1235814400", "TINYLLAMA, 1100048384", "MISTRAL 7B, 7241732096", "QWEN2.5 0.5B, 494032768",
            "QWEN3 0.6B, 596049920", "GPT2 SMALL, 124439808"})
    void ofPublishedModels(String name, long count) {
        DecoderSpec spec = switch (name) {
            case "LLAMA 3.2 1B" -> published(Family.of("llama"), 128_256, 2048, 16, 32, 8, 64, 8192, 131_072, true);
            case "TINYLLAMA" -> published(Family.of("llama"), 32_000, 2048, 22, 32, 4, 64, 5632, 2048, false);
            case "MISTRAL 7B" -> published(Family.of("mistral"), 32_000, 4096, 32, 32, 8, 128, 14_336, 32_768, false);
            case "QWEN2.5 0.5B" -> published(Family.of("qwen2"), 151_936, 896, 24, 14, 2, 64, 4864, 32_768, true);
            case "QWEN3 0.6B" -> published(Family.of("qwen3"), 151_936, 1024, 28, 16, 8, 128, 3072, 40_960, true);
            default -> published(Family.of("gpt2"), 50_257, 768, 12, 12, 12, 64, 3072, 1024, true);
        };
        assertThat(Parameters.of(spec).count()).isEqualTo(count);
    }

    @Test
    void aTiedWeightHasOneGradientOfBothUses() {
        DecoderSpec spec = spec(Family.of("llama"), true);
        try (LoudDecoder decoder = LoudDecoder.of(spec, 1); var scope = TensorScope.open()) {
            decoder.model().requiresGrad(true);
            decoder.model().logits(Tensor.of(new int[] {3}, 1, 1)).sum().backward();
            float[] gradient = decoder.model().head().weight().grad().toFloats();
            int n = spec.hiddenSize();
            // as head every row gets the same last state; row 3 gets more, as embedding
            assertThat(Arrays.copyOfRange(gradient, n, 2 * n)).isEqualTo(Arrays.copyOf(gradient, n)).isNotEqualTo(new float[n]);
            assertThat(Arrays.copyOfRange(gradient, 3 * n, 4 * n)).isNotEqualTo(Arrays.copyOf(gradient, n));
        }
    }

    private static DecoderSpec spec(Family family, boolean tied) {
        return SpecDraft.of(family).tied(tied).build();
    }

    private static DecoderSpec published(Family family, int vocab, int hidden, int layers, int heads, int kvHeads, int headDim, int inner,
            int context, boolean tied) {
        SpecDraft draft = SpecDraft.of(family).vocab(vocab).heads(heads, kvHeads).hidden(hidden).layers(layers).inner(inner)
                .context(context).tied(tied);
        return (family == Family.of("gpt2") ? draft : draft.headDim(headDim)).build();
    }

    static void assertSame(Decoder got, Decoder expected) {
        assertThat(got.parameters().keySet()).containsExactlyElementsOf(expected.parameters().keySet());
        expected.parameters().forEach((name, tensor) ->
                assertThat(got.parameters().get(name).toFloats()).as(name).isEqualTo(tensor.toFloats()));
        int[] ids = LoudDecoder.ids(expected.spec(), 8, 1);
        assertThat(LoudDecoder.logits(got, ids)).isEqualTo(LoudDecoder.logits(expected, ids));
    }
}
