package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.cpu.CpuEncoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Cross-encoders, on both engines, against what transformers 5.18 makes of the same random weights: pairs in one padded batch, cut where they are too long. */
class RelevanceIsScoredAsPublishedTest {
    private static final Path MODELS = Path.of("src/test/resources/cross-encoder");

    @TempDir
    Path directory;

    private static Encoder onCpu(Path folder) {
        try (ModelDirectory files = ModelDirectory.open(folder)) {
            return CpuEncoder.load(files, Optional.empty(), 2);
        }
    }

    private static Function<Path, Encoder> engine(boolean cpu) {
        return cpu ? RelevanceIsScoredAsPublishedTest::onCpu : TorchEncoder::load;
    }

    private static List<String> documents(JsonNode golden) {
        return IntStream.range(0, golden.get("documents").size()).mapToObj(i -> golden.get("documents").get(i).textValue()).toList();
    }

    private static JsonNode golden(String model) throws IOException {
        return JsonFields.MAPPER.readTree(Files.readAllBytes(MODELS.resolve(model).resolve("golden.json"))).get("cases");
    }

    private Path copy(String model) throws IOException {
        for (String name : List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(MODELS.resolve(model).resolve(name), directory.resolve(name));
        }
        return directory;
    }

    @ParameterizedTest
    @CsvSource({"bert, true", "bert, false", "roberta, true", "roberta, false"})
    void onBothEngines(String model, boolean cpu) throws IOException {
        try (SentenceEncoder encoder = SentenceEncoder.open(MODELS.resolve(model), engine(cpu))) {
            var scorer = new CrossEncoder(encoder);
            for (JsonNode golden : golden(model)) {
                String query = golden.get("query").textValue();
                List<String> documents = documents(golden);
                double[] scores = scorer.scores(query, documents);
                for (int i = 0; i < scores.length; i++) {
                    assertThat(scores[i]).as(query + " / " + documents.get(i)).isCloseTo(golden.get("scores").get(i).doubleValue(), within(1e-5));
                    assertThat(encoder.tokenizer().encode(query, documents.get(i), encoder.mostTokens()).length()).isEqualTo(golden.get("tokens").get(i).intValue());
                    // to the bit, whatever shares its batch
                    assertThat(scorer.scores(query, List.of(documents.get(i)))[0]).isEqualTo(scores[i]);
                }
            }
        }
    }

    @Test
    void theHighestComesFirstAndEqualOnesStayInOrder() {
        assertThat(CrossEncoder.ranked(new double[] {0.5, -3, 0.5, 7, 0.5})).containsExactly(3, 0, 2, 4, 1);
        assertThat(CrossEncoder.ranked(new double[0])).isEmpty();
    }

    @Test
    void nothingIsRankedByWhatIsNoNumber() {
        for (float logit : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            try (SentenceEncoder encoder = SentenceEncoder.open(MODELS.resolve("bert"), folder -> new Saying(onCpu(folder), logit))) {
                assertThatThrownBy(() -> new CrossEncoder(encoder).scores("a", List.of("b"))).isInstanceOf(ArithmeticException.class).hasMessageContaining("score of document 0 is");
            }
        }
    }

    @Test
    void aDirectoryOfManyFoldersIsRead() throws IOException {
        Path network = Files.createDirectories(directory.resolve("0_Transformer"));
        for (String name : List.of("model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(MODELS.resolve("bert").resolve(name), network.resolve(name));
        }
        Files.writeString(network.resolve("config.json"), Files.readString(MODELS.resolve("bert/config.json")).replace("torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"));
        Files.writeString(network.resolve("sentence_bert_config.json"), "{\"transformer_task\": \"sequence-classification\"}");
        Files.writeString(directory.resolve("modules.json"), "[{\"idx\": 0, \"name\": \"0\", \"path\": \"0_Transformer\", \"type\": \"sentence_transformers.base.modules.transformer.Transformer\"}]");
        Path own = directory.resolve("config_sentence_transformers.json");
        for (String activation : List.of("torch.nn.modules.linear.Identity", "torch.nn.Sigmoid")) {
            Files.writeString(own, "{\"model_type\": \"CrossEncoder\", \"prompts\": {}, \"default_prompt_name\": null, \"activation_fn\": \"" + activation + "\"}");
            JsonNode golden = golden("bert").get(0);
            try (SentenceEncoder encoder = SentenceEncoder.open(directory, engine(true))) {
                double score = new CrossEncoder(encoder).scores(golden.get("query").textValue(), documents(golden))[2];
                double logit = golden.get("logits").get(2).doubleValue();
                assertThat(score).isCloseTo(activation.endsWith("Identity") ? logit : 1 / (1 + Math.exp(-logit)), within(1e-5));
            }
        }
        Files.writeString(directory.resolve("modules.json"), "[{\"path\": \"0_Transformer\", \"type\": \"sentence_transformers.models.Transformer\"},"
                + " {\"path\": \"1\", \"type\": \"sentence_transformers.cross_encoder.modules.logit_score.LogitScore\"}]");
        assertThatThrownBy(() -> SentenceEncoder.open(directory, engine(true))).isInstanceOf(FormatException.class).hasMessageContainingAll("a Transformer alone", "LogitScore");
    }

    @Test
    void anotherActivationIsRefusedByName() throws IOException {
        Path config = copy("bert").resolve("config.json");
        String stated = Files.readString(config);
        for (String other : List.of("torch.nn.modules.activation.Tanh", "my.Sigmoid", "")) {
            Files.writeString(config, stated.replace("torch.nn.modules.linear.Identity", other));
            assertThatThrownBy(() -> SentenceEncoder.open(directory, engine(true))).isInstanceOf(FormatException.class)
                    .hasMessageContainingAll("config.json", "sentence_transformers.activation_fn", other);
        }
    }

    @Test
    void aModelOfOtherOutputsIsRefused() throws IOException {
        EncoderSpec spec = TinyEncoder.spec("bert").withClasses(List.of("no", "yes", "perhaps"), EncoderSpec.Problem.SINGLE_LABEL);
        copy("bert");
        TinyEncoder.save(spec, directory, 1);
        try (SentenceEncoder encoder = SentenceEncoder.open(directory, engine(true))) {
            assertThatThrownBy(() -> new CrossEncoder(encoder)).isInstanceOf(IllegalArgumentException.class).hasMessageContainingAll("one output", "3 labels");
        }
    }

    /** An encoder whose every logit is one number. */
    private record Saying(Encoder encoder, float logit) implements Encoder {
        @Override
        public EncoderSpec spec() {
            return encoder.spec();
        }

        @Override
        public List<Output> encode(List<Input> inputs) {
            return encoder.encode(inputs).stream().map(output -> {
                float[] logits = output.logits().clone();
                Arrays.fill(logits, logit);
                return new Output(output.states(), logits);
            }).toList();
        }

        @Override
        public void close() {
            encoder.close();
        }
    }
}
