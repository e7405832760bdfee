package dev.zhulong.formats.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.FormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SentenceEncodersSayHowTheyPoolTest {
    private static final String MODULES = """
            [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
             {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}%s]""";
    private static final String NORMALIZE = ", {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Normalize\", \"type\": \"sentence_transformers.models.Normalize\"}";
    private static final String DENSE = ", {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Dense\", \"type\": \"sentence_transformers.models.Dense\"}";
    private static final String DENSE_CONFIG = "{\"in_features\": 8, \"out_features\": 4, \"bias\": true, \"activation_function\": \"torch.nn.modules.activation.Tanh\"}";

    @TempDir
    Path directory;

    private void write(String name, String text) throws IOException {
        Files.createDirectories(directory.resolve(name).getParent());
        Files.writeString(directory.resolve(name), text);
    }

    private EmbeddingConfig read(String more, String pooling) throws IOException {
        write("modules.json", MODULES.formatted(more));
        write("1_Pooling/config.json", pooling);
        return EmbeddingConfig.read(directory);
    }

    @Test
    void aDirectoryWithoutModulesIsPooledByItsMeanAndSaysSo() {
        EmbeddingConfig config = EmbeddingConfig.read(directory);
        assertThat(config.pooling()).containsExactly(Pooling.MEAN);
        assertThat(config.normalizes()).isFalse();
        assertThat(config.describe()).isEqualTo("mean pooling, not normalized, as the directory has no modules.json");
        assertThat(config.dimension(384)).isEqualTo(384);
    }

    @Test
    void miniLmsLayout() throws IOException {
        write("sentence_bert_config.json", "{\"max_seq_length\": 256, \"do_lower_case\": false}");
        EmbeddingConfig config = read(NORMALIZE, "{\"word_embedding_dimension\": 384, \"pooling_mode_cls_token\": false, \"pooling_mode_mean_tokens\": true,"
                + " \"pooling_mode_max_tokens\": false, \"pooling_mode_mean_sqrt_len_tokens\": false}");
        assertThat(config.describe()).isEqualTo("mean pooling, normalized");
        assertThat(config.maxTokens()).hasValue(256);
        assertThat(config.hidden()).hasValue(384);
        assertThat(config.includePrompt()).isTrue();
        assertThat(config.similarity()).isEqualTo("cosine");
    }

    @Test
    void bgesLayout() throws IOException {
        write("sentence_bert_config.json", "{\"max_seq_length\": 512, \"do_lower_case\": true}");
        write("config_sentence_transformers.json", "{\"__version__\": {\"sentence_transformers\": \"2.2.2\", \"transformers\": \"4.28.1\", \"pytorch\": \"1.13\"}}");
        EmbeddingConfig config = read(NORMALIZE, "{\"word_embedding_dimension\": 384, \"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": false,"
                + " \"pooling_mode_max_tokens\": false, \"pooling_mode_mean_sqrt_len_tokens\": false}");
        assertThat(config.describe()).isEqualTo("cls pooling, normalized");
        assertThat(config.lowercase()).isTrue();
        assertThat(config.prompt(Optional.empty())).isEmpty();
    }

    @Test
    void severalPoolingsInTheFilesOrderAndTheNewForm() throws IOException {
        assertThat(read("", "{\"word_embedding_dimension\": 4, \"pooling_mode_mean_tokens\": true, \"pooling_mode_cls_token\": true, \"pooling_mode_lasttoken\": true,"
                + " \"include_prompt\": false}").pooling()).containsExactly(Pooling.CLS, Pooling.MEAN, Pooling.LAST);
        EmbeddingConfig config = read(DENSE.replace("models.Dense", "base.modules.dense.Dense"), "{}".replace("{}", "{\"embedding_dimension\": 4,"
                + " \"pooling_mode\": [\"weightedmean\", \"max\"], \"include_prompt\": false}"), DENSE_CONFIG);
        assertThat(config.pooling()).containsExactly(Pooling.WEIGHTED_MEAN, Pooling.MAX);
        assertThat(config.includePrompt()).isFalse();
        assertThat(config.steps()).containsExactly(new EmbeddingConfig.Dense("2_Dense", 8, 4, true, EmbeddingConfig.Activation.TANH));
        assertThat(config.dimension(4)).isEqualTo(4);
        assertThat(config.describe()).isEqualTo("weightedmean + max pooling, dense 8 to 4, not normalized");
    }

    private EmbeddingConfig read(String more, String pooling, String dense) throws IOException {
        write("2_Dense/config.json", dense);
        return read(more, pooling);
    }

    @Test
    void prompts() throws IOException {
        write("config_sentence_transformers.json", "{\"prompts\": {\"query\": \"Query: \", \"document\": \"\"}, \"default_prompt_name\": \"query\","
                + " \"similarity_fn_name\": \"dot_product\", \"model_type\": \"SentenceTransformer\"}");
        EmbeddingConfig config = EmbeddingConfig.read(directory);
        assertThat(config.prompt(Optional.empty())).isEqualTo("Query: ");
        assertThat(config.prompt(Optional.of("document"))).isEmpty();
        assertThat(config.similarity()).isEqualTo("dot");
        assertThatThrownBy(() -> config.prompt(Optional.of("passage"))).hasMessage("there is no prompt 'passage'; the model has query, document");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{} | file: expected a JSON array",
        "[] | expected a Transformer, then a Pooling, found no modules",
        "[1] | [0]: expected an object, found 1",
        "[{\"type\": 1}] | [0].type: expected a string",
        "[{\"path\": \"\", \"type\": \"custom.Transformer\"}, {\"path\": \"\", \"type\": \"x\"}] | no code from model files is run",
        "[{\"path\": \"\", \"type\": \"sentence_transformers.models.WordEmbeddings\"}, {\"type\": \"sentence_transformers.models.Pooling\"}] | found WordEmbeddings, Pooling",
        "[{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"}, {\"path\": \"../x\", \"type\": \"sentence_transformers.models.Pooling\"}] | [1].path: expected a folder inside",
        "[{\"path\": \"/etc\", \"type\": \"sentence_transformers.models.Transformer\"}, {\"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"}] | [0].path: expected a folder inside",
        "[{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"}, {\"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"}, {\"path\": \"2_CNN\", \"type\": \"sentence_transformers.models.CNN\"}] | [2].type: expected Dense or Normalize behind the Pooling, since no other module is implemented, found \"sentence_transformers.models.CNN\"",
        "[{\"path\" | found at line 1",
    })
    void modulesThatAreNoneAreNamed(String modules, String message) throws IOException {
        write("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}");
        write("modules.json", modules);
        refused(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "1_Pooling/config.json | {\"pooling_mode_mean_tokens\": 1} | pooling_mode_mean_tokens: expected true or false, found 1",
        "1_Pooling/config.json | {\"pooling_mode_mean_tokens\": false} | pooling_mode_mean_tokens: expected true, or another",
        "1_Pooling/config.json | {\"pooling_mode_attention\": true} | pooling_mode_attention: expected false, since it is not implemented",
        "1_Pooling/config.json | {\"pooling_mode\": \"median\"} | pooling_mode: expected one or more of cls, max, mean",
        "1_Pooling/config.json | {\"pooling_mode\": []} | pooling_mode: expected one or more of",
        "1_Pooling/config.json | {\"word_embedding_dimension\": -3} | word_embedding_dimension: expected a whole number",
        "1_Pooling/config.json | {\"word_embedding_dimension\": 3} | expected in_features 3",
        "1_Pooling/config.json | [] | expected a JSON object",
        "2_Dense/config.json | {\"in_features\": 8, \"out_features\": 4, \"activation_function\": \"torch.nn.modules.activation.GELU\"} | activation_function: expected Identity or Tanh",
        "2_Dense/config.json | {\"in_features\": 8, \"out_features\": 4, \"use_residual\": true} | use_residual: expected false",
        "2_Dense/config.json | {\"in_features\": 8} | out_features: expected a whole number",
        "2_Dense/config.json | {\"in_features\": 8, \"out_features\": 4, \"module_input_name\": \"token_embeddings\"} | module_input_name: expected sentence_embedding",
        "sentence_bert_config.json | {\"max_seq_length\": 0} | max_seq_length: expected a whole number",
        "sentence_bert_config.json | {\"transformer_task\": \"fill-mask\"} | transformer_task: expected feature-extraction",
        "config_sentence_transformers.json | {\"model_type\": \"SparseEncoder\"} | model_type: expected SentenceTransformer",
        "config_sentence_transformers.json | {\"prompts\": {\"a\": 1}} | prompts.a: expected a string",
        "config_sentence_transformers.json | {\"default_prompt_name\": \"query\"} | default_prompt_name: expected one of the prompts []",
        "config_sentence_transformers.json | {\"similarity_fn_name\": \"maxsim\"} | similarity_fn_name: expected one of cosine",
    })
    void filesThatAreWrongAreNamed(String name, String text, String message) throws IOException {
        write("modules.json", MODULES.formatted(DENSE));
        write("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}");
        write("2_Dense/config.json", DENSE_CONFIG);
        EmbeddingConfig.read(directory);
        write(name, text);
        refused(message);
    }

    private void refused(String message) {
        assertThatThrownBy(() -> EmbeddingConfig.read(directory)).isInstanceOf(FormatException.class).hasMessageStartingWith(directory.toString())
                .hasMessageContaining(message).satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }

    @Test
    void aMissingFileIsNamed() throws IOException {
        write("modules.json", MODULES.formatted(""));
        refused("no such file");
    }

    @Test
    void theRealOne() {
        Path shared = Path.of(System.getProperty("zhulong.root", "..")).toAbsolutePath().normalize().resolveSibling("shared/assets/all-MiniLM-L6-v2");
        Assumptions.assumeTrue(Files.exists(shared), "skipped: " + shared + " is not there");
        EmbeddingConfig config = EmbeddingConfig.read(shared);
        assertThat(config.steps()).isEqualTo(List.of(new EmbeddingConfig.Normalize()));
        assertThat(config.pooling()).containsExactly(Pooling.MEAN);
        assertThat(config.maxTokens()).hasValue(256);
    }
}
