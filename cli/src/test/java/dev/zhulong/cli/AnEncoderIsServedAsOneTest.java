package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code serve} of a directory with an encoder. */
@Timeout(60)
class AnEncoderIsServedAsOneTest {
    private static final String CONFIG = """
            {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": 30, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
             "hidden_act": "gelu", "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0}""";
    @TempDir
    static Path directory;
    private static Path bare;
    private static Path inAFolder;

    @BeforeAll
    static void write() throws IOException {
        bare = Files.createDirectory(directory.resolve("bare"));
        Files.writeString(bare.resolve("config.json"), CONFIG);
        inAFolder = Files.createDirectory(directory.resolve("folder"));
        Files.createDirectories(inAFolder.resolve("0_Transformer"));
        Files.writeString(inAFolder.resolve("0_Transformer/config.json"), CONFIG);
        Files.createDirectories(inAFolder.resolve("1_Pooling"));
        Files.writeString(inAFolder.resolve("1_Pooling/config.json"), "{\"word_embedding_dimension\": 32, \"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": false}");
        Files.writeString(inAFolder.resolve("modules.json"), """
                [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]""");
    }

    @Test
    void itIsToldFromOtherModels() throws IOException {
        assertThat(EncoderModel.is(bare)).isTrue();
        assertThat(EncoderModel.is(inAFolder)).isTrue();
        assertThat(EncoderModel.is(directory.resolve("none"))).isFalse();
        Path file = directory.resolve("tiny.gguf");
        Rehearsal.write(file);
        assertThat(EncoderModel.is(file)).isFalse();
    }

    @Test
    void ofSeveralAdaptersNoneIsPutIntoTheWeights() {
        Cli result = Cli.run("serve", "--model", bare, "--warm-up", "0", "--adapter", "a=b", "--adapter", "c=d");
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).contains("give one --adapter", "zhulong merge");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--low x.gguf", "--kv-tokens 100", "--no-prefix-cache", "--cache local", "--prefix-dir NONE"})
    void whatIsForTextIsRefused(String options) {
        List<Object> words = new ArrayList<>(List.of("serve", "--model", bare, "--warm-up", "0"));
        words.addAll(List.of(options.replace("NONE", directory.resolve("prefixes").toString()).split(" ")));
        Cli result = Cli.run(words.toArray());
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).contains(options.split(" ")[0] + " is for models that write text, and " + bare + " is an encoder: leave it out");
        assertThat(directory.resolve("prefixes")).doesNotExist();
    }

    @Test
    void quantizedVectorsAreNearThoseAsStored() {
        Path model = Cli.shared("assets/all-MiniLM-L6-v2");
        String text = "The branch in Hanover opens at nine o'clock.";
        try (EncoderModel stored = EncoderModel.open(model, EngineChoice.DEFAULT);
                EncoderModel small = EncoderModel.open(model, EngineChoice.DEFAULT.withWeights(WeightType.Q8_0));
                EncoderModel torch = EncoderModel.open(model, EngineChoice.DEFAULT.withEngine(EngineChoice.Engine.TORCH))) {
            assertThat(List.of(stored.engine(), small.engine(), torch.engine())).containsExactly("cpu f16", "cpu q8_0", "torch f32");
            float[] exact = vector(stored, text);
            assertThat(dot(exact, vector(torch, text))).isGreaterThan(0.999999);
            assertThat(dot(exact, vector(small, text))).isBetween(0.99, 0.999999);
        }
    }

    private static float[] vector(EncoderModel model, String text) {
        return model.encoder().vectors(List.of(text), Optional.empty()).getFirst();
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }
}
