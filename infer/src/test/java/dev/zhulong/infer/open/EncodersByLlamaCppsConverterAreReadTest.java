package dev.zhulong.infer.open;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWriter;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Encoders of random weights that llama.cpp's {@code convert_hf_to_gguf.py} (v0.5.0) made GGUF files of: ids are those that llama.cpp gives, vectors those of
 * transformers 5.18.
 */
class EncodersByLlamaCppsConverterAreReadTest {
    private static final Path FILES = Path.of("src/test/resources/encoders-by-llama-cpp");

    @TempDir
    Path directory;

    private static SentenceEncoder open(Path file) {
        return SentenceEncoder.open(file, model -> OpenEncoder.load(model, EngineChoice.DEFAULT.withThreads(1)).encoder());
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert", "roberta", "xlm_roberta", "modernbert"})
    void idsAndVectorsAreThose(String name) throws IOException {
        JsonNode golden = JsonFields.MAPPER.readTree(FILES.resolve("vectors.json").toFile());
        List<String> texts = StreamSupport.stream(golden.path("texts").spliterator(), false).map(JsonNode::textValue).toList();
        JsonNode model = golden.path("models").path(name);
        Path file = FILES.resolve(name + ".gguf");
        assertThat(OpenEncoder.isEncoder(file)).isTrue();
        try (SentenceEncoder encoder = open(file)) {
            List<float[]> vectors = encoder.vectors(texts, Optional.empty());
            for (int i = 0; i < texts.size(); i++) {
                assertThat(encoder.encode(texts.get(i)).ids()).containsExactly(JsonFields.MAPPER.convertValue(model.path("ids").path(i), int[].class));
                assertThat(vectors.get(i)).containsExactly(JsonFields.MAPPER.convertValue(model.path("vectors").path(i), float[].class), within(3e-6f));
            }
        }
    }

    @Test
    void twoTextsAreAsTheFamilyHasThem() {
        try (SentenceEncoder bert = open(FILES.resolve("bert.gguf")); SentenceEncoder roberta = open(FILES.resolve("roberta.gguf"));
                SentenceEncoder pieces = open(FILES.resolve("xlm_roberta.gguf"))) {
            assertThat(bert.tokenizer().encode("a", "a", 64).types()).startsWith(0, 0).endsWith(1, 1);
            assertThat(bert.tokenizer().added(true)).isEqualTo(3);
            assertThat(roberta.tokenizer().added(true)).isEqualTo(4);
            assertThat(pieces.tokenizer().added(true)).isEqualTo(4);
        }
    }

    @Test
    void whatCannotBeRunSoIsRefused() {
        Path file = FILES.resolve("bert.gguf");
        assertThatThrownBy(() -> OpenEncoder.load(file, EngineChoice.DEFAULT.withEngine(Engine.TORCH))).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("GGUF file");
        assertThatThrownBy(() -> OpenEncoder.load(file, EngineChoice.DEFAULT.withWeights(WeightType.Q8_0))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("types are fixed");
        assertThatThrownBy(() -> ModelFiles.open(file, EngineChoice.DEFAULT)).isInstanceOf(FormatException.class).hasMessageContaining("BERT is an encoder");
    }

    @Test
    void aCausalOneAndOneWithMoreWeightsAreRefused() {
        assertThatThrownBy(() -> GgufModel.open(changed("bert.attention.causal", GgufValue.of(true), null))).isInstanceOf(FormatException.class)
                .hasMessageContainingAll("bert.attention.causal", "expected false");
        assertThatThrownBy(() -> GgufModel.open(changed("general.name", GgufValue.of("more"), "blk.0.attn_norm_2.weight"))).isInstanceOf(FormatException.class)
                .hasMessageContaining("blk.0.attn_norm_2.weight");
        assertThatThrownBy(() -> GgufModel.open(changed("zhulong.config", GgufValue.of("{\"model_type\": \"deberta-v2\"}"), null))).isInstanceOf(FormatException.class);
        assertThatThrownBy(() -> GgufModel.open(changed("zhulong.config", GgufValue.of("not JSON"), null))).isInstanceOf(FormatException.class).hasMessageContaining("JSON");
    }

    /** BERT's file with another key, and one tensor more where a name is given. */
    private Path changed(String key, GgufValue value, String tensor) {
        Path to = directory.resolve("changed.gguf");
        try (GgufFile file = GgufFile.open(FILES.resolve("bert.gguf"))) {
            var metadata = new LinkedHashMap<>(file.metadata().values());
            metadata.put(key, value);
            List<GgufWriter.Entry> entries = new ArrayList<>();
            file.tensors().values().forEach(each -> entries.add(new GgufWriter.Entry(each.name(), each.type(), each.shape(), each::data)));
            if (tensor != null) {
                var like = file.tensor("token_embd_norm.weight");
                entries.add(new GgufWriter.Entry(tensor, like.type(), like.shape(), like::data));
            }
            GgufWriter.write(to, metadata, entries);
        }
        return to;
    }
}
