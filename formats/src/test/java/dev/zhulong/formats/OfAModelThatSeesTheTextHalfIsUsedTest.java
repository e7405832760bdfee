package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.gguf.DirectoryWeights;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OfAModelThatSeesTheTextHalfIsUsedTest {
    private static final String TEXT = "{'hidden_size':8,'intermediate_size':12,'num_hidden_layers':2,'num_attention_heads':2,'num_key_value_heads':1,'head_dim':4,"
            + "'vocab_size':20,'sliding_window':3%s}";

    @TempDir
    Path directory;

    private Path config(String json) throws IOException {
        return Files.writeString(directory.resolve("config.json"), json.replace('\'', '"'));
    }

    private static SafetensorsWriter.Entry entry(String name, long... shape) {
        float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
        Arrays.fill(values, name.hashCode() % 97);
        return SafetensorsWriter.Entry.of(new TensorView(name, StorageType.F32, shape, MemorySegment.ofArray(values), Path.of("test")));
    }

    /** What a directory holds whose text half has these names. */
    private void write(NetworkSpec spec, UnaryOperator<String> name, String... more) {
        var entries = new ArrayList<SafetensorsWriter.Entry>();
        spec.family().parameters(spec).forEach(p -> entries.add(entry(name.apply(p.name()), p.shape())));
        List.of(more).forEach(other -> entries.add(entry(other, 3)));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of(), entries);
    }

    @Test
    void theNamesOfBothGenerationsAreRead() throws IOException {
        config("{'model_type':'gemma3','text_config':" + TEXT.formatted("") + ",'vision_config':{},'eos_token_id':[1,7]}");
        DecoderSpec spec = ModelDirectory.readSpec(directory);
        assertThat(spec.family().modelType()).isEqualTo("gemma3_text");
        assertThat(spec.eosIds()).containsExactly(1, 7);
        assertThat(spec.tiedEmbeddings()).isTrue();
        List<UnaryOperator<String>> generations = List.of(name -> "language_model." + name, name -> name.replaceFirst("^model\\.", "model.language_model."));
        for (UnaryOperator<String> names : generations) {
            write(spec, names, "vision_tower.vision_model.post_layernorm.weight", "model.multi_modal_projector.mm_soft_emb_norm.weight");
            try (var model = ModelDirectory.open(directory)) {
                assertThat(DirectoryWeights.of(model, Map.of()).keySet()).containsExactlyInAnyOrderElementsOf(model.weights().keySet()).contains("model.layers.1.mlp.up_proj.weight");
                assertThat(model.notice()).contains(directory.resolve("config.json") + ": of this gemma3 the text half is used; 2 tensors of what sees pictures are left out");
            }
        }
    }

    @Test
    void aHeadOfItsOwnIsRead() throws IOException {
        config("{'model_type':'llava','text_config':" + TEXT.formatted("") + "}");
        DecoderSpec spec = ModelDirectory.readSpec(directory);
        assertThat(spec.family().modelType()).isEqualTo("llama");
        assertThat(spec.tiedEmbeddings()).isFalse();
        write(spec, name -> "language_model." + name, "image_newline");
        try (var model = ModelDirectory.open(directory)) {
            assertThat(DirectoryWeights.of(model, Map.of())).containsKey("lm_head.weight").hasSize(model.weights().size());
        }
    }

    @Test
    void whatNobodyKnowsIsNotLeftOutInSilence() throws IOException {
        config("{'model_type':'mistral3','text_config':" + TEXT.formatted(",'model_type':'mistral'") + "}");
        write(ModelDirectory.readSpec(directory), name -> "language_model." + name, "language_model.model.adapter.weight");
        try (var model = ModelDirectory.open(directory)) {
            assertThatThrownBy(() -> DirectoryWeights.of(model, Map.of())).isInstanceOf(FormatException.class).hasMessageContaining("model.adapter.weight has no place");
        }
    }

    @Test
    void errorsNameTheFieldInside() throws IOException {
        Path file = config("{'model_type':'gemma3'}");
        assertThatThrownBy(() -> HfConfig.network(file)).hasMessageContaining("text_config: expected an object");
        config("{'model_type':'gemma3','text_config':{'model_type':'mamba'}}");
        assertThatThrownBy(() -> HfConfig.network(file)).hasMessageContaining("text_config.model_type: expected one of llama");
        config("{'model_type':'gemma3','text_config':" + TEXT.formatted(",'use_bidirectional_attention':true") + "}");
        assertThatThrownBy(() -> HfConfig.network(file)).hasMessageContaining("text_config.use_bidirectional_attention: expected false");
    }
}
