package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compared with what an independent implementation computed in float64. */
class GoldenResultsComeThroughTheVerbsTest {
    @TempDir
    Path temporary;

    private static JsonNode golden(String model) throws IOException {
        return new ObjectMapper().readTree(Cli.shared("golden/" + model + ".json").toFile());
    }

    @ParameterizedTest
    @ValueSource(strings = {"stories260K", "stories15M"})
    void logitsAreTheGoldenOnes(String model) throws IOException {
        String ids = StreamSupport.stream(golden(model).get("input_ids").spliterator(), false).map(JsonNode::asText)
                .collect(Collectors.joining(","));
        Path file = temporary.resolve("logits.safetensors");
        Cli.run("logits", "--model", Cli.shared("assets/" + model), "--ids", ids, "--out", file).done();
        try (var ours = SafetensorsFile.open(file);
                var theirs = SafetensorsFile.open(Cli.shared("golden/" + model + ".logits.safetensors"))) {
            assertThat(ours.tensors().keySet()).containsExactly("logits");
            var logits = ours.tensors().get("logits");
            var expected = theirs.tensors().get("logits");
            assertThat(logits.type()).isEqualTo(StorageType.F32);
            assertThat(logits.shape()).isEqualTo(expected.shape());
            float[] a = logits.toFloats();
            float[] b = expected.toFloats();
            double worst = 0;
            for (int i = 0; i < a.length; i++) {
                worst = Math.max(worst, Math.abs(a[i] - b[i]));
            }
            assertThat(worst).isLessThan(1e-4);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"stories260K", "stories15M"})
    void greedyTextIsTheGoldenOneAndOneLineEnd(String model) throws IOException {
        Cli result = Cli.run("generate", "--model", Cli.shared("assets/" + model), "--greedy", "--max-new-tokens", 60).done();
        assertThat(result.out()).isEqualTo(golden(model).get("greedy_text").asText() + System.lineSeparator());
        assertThat(result.err()).contains("1 prompt tokens").contains("60 new").contains("greedy");
    }

    @Test
    void theGoldenTextsLossIsTheGoldenOne() throws IOException {
        JsonNode golden = golden("stories260K");
        Path text = temporary.resolve("text.txt");
        Files.writeString(text, golden.get("greedy_text").asText());
        Cli result = Cli.run("evaluate", "--model", Cli.shared("assets/stories260K"), "--text", text, "--json").done();
        JsonNode json = new ObjectMapper().readTree(result.out());
        assertThat(json.get("tokens").asLong()).isEqualTo(60);
        assertThat(json.get("mean_nll").asDouble()).isCloseTo(golden.get("mean_nll").asDouble(), within(1e-4));
        assertThat(json.get("perplexity").asDouble()).isCloseTo(Math.exp(golden.get("mean_nll").asDouble()), within(1e-3));
        assertThat(json.get("window").asInt()).isEqualTo(512);
        assertThat(json.get("stride").asInt()).isEqualTo(512);
        assertThat(json.get("bos").asBoolean()).isTrue();
    }
}
