package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ASmallerModelIsMeasuredAgainstItsSourceTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    private Path text() throws IOException {
        return Files.writeString(directory.resolve("text.txt"), TinyModel.text(3) + TinyModel.text(4) + TinyModel.text(5));
    }

    @Test
    void aQuantizedFileIsFartherAwayTheFewerItsBits() throws IOException {
        Path model = TinyModel.write(directory.resolve("model"));
        Path text = text();
        double before = 0;
        for (String type : new String[] {"Q8_0", "Q4_0"}) {
            Path file = directory.resolve(type + ".gguf");
            Cli.run("quantize", "--model", model, "--to", type, "--no-measure", "--out", file).done();
            JsonNode found = JSON.readTree(Cli.run("evaluate", "--model", file, "--against", model, "--text", text, "--window", 16, "--json").done().out());
            assertThat(found.path("kl").path("value").asDouble()).as(type).isGreaterThan(2 * before);
            assertThat(found.path("kl").path("low").asDouble()).isBetween(0.0, found.path("kl").path("value").asDouble());
            assertThat(found.path("same_top").path("value").asDouble()).isBetween(0.3, 1.0);
            assertThat(found.path("reference_engine").asText()).isEqualTo("torch f32");
            assertThat(found.path("written").asInt()).isPositive();
            before = found.path("kl").path("value").asDouble();
            JsonNode alone = JSON.readTree(Cli.run("evaluate", "--model", file, "--text", text, "--window", 16, "--json").done().out());
            assertThat(found.path("perplexity").asDouble()).isCloseTo(alone.path("perplexity").asDouble(), within(1e-9));
            assertThat(found.path("tokens")).isEqualTo(alone.path("tokens"));
        }
        Cli itself = Cli.run("evaluate", "--model", model, "--against", model, "--text", text, "--window", 16, "--written", 0).done();
        assertThat(itself.out()).contains("KL divergence 0.00000 nats a token", "for 100.00 % of").doesNotContain("greedily");
    }

    @Test
    void whatCannotBeComparedIsRefused() throws IOException {
        Path model = TinyModel.write(directory.resolve("model"));
        for (Object[] wrong : new Object[][] {{"--against", model}, {"--text", text(), "--written", 3}, {"--against", model, "--text", text(), "--written", -1}}) {
            Object[] all = new Object[wrong.length + 3];
            System.arraycopy(new Object[] {"evaluate", "--model", model}, 0, all, 0, 3);
            System.arraycopy(wrong, 0, all, 3, wrong.length);
            assertThat(Cli.run(all).code()).isEqualTo(2);
        }
    }
}
