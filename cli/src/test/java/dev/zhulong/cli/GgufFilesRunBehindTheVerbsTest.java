package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.tensor.Int8Linear;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufFilesRunBehindTheVerbsTest {
    @TempDir
    Path temporary;

    private static Path stories(String type) {
        return Cli.shared("assets/stories15M/stories15M." + type + ".gguf");
    }

    private static JsonNode golden() throws IOException {
        return new ObjectMapper().readTree(Cli.shared("golden/stories15M.gguf.json").toFile());
    }

    private static Cli generate(Path model, Object... more) throws IOException {
        var words = new ArrayList<Object>(List.of("generate", "--model", model, "--greedy", "--prompt", golden().get("prompt").asText()));
        words.addAll(List.of(more));
        return Cli.run(words.toArray()).done();
    }

    @Test
    void theGoldenTextIsWritten() throws IOException {
        JsonNode golden = golden();
        Cli result = generate(stories("Q8_0"), "--echo", "--max-new-tokens", golden.get("max_new_tokens").asInt(), "--threads", 2);
        assertThat(result.out().strip()).isEqualTo(golden.get("f16_and_Q8_0").asText().strip());
        assertThat(result.err()).contains("cpu q8_0, 2 threads");
    }

    @Test
    void severalAtOnceAndOnOneThreadAreTheSame() throws IOException {
        String one = generate(stories("Q4_0"), "--max-new-tokens", 12, "--threads", 1).out();
        Cli two = generate(stories("Q4_0"), "--max-new-tokens", 12, "--threads", 2, "--n", 2);
        assertThat(two.out()).isEqualTo(one + "---" + System.lineSeparator() + one);
        assertThat(two.err()).contains("24 new").contains("cpu q4_0");
    }

    @Test
    void chatAnswers() {
        Cli chat = Cli.runWithInput("Hello\nWho are you?\n", "chat", "--model", stories("Q8_0"), "--max-new-tokens", 5, "--greedy").done();
        assertThat(chat.out().lines().count()).isGreaterThanOrEqualTo(2);
    }

    @Test
    void itsTokenizerIsTheDirectorys() {
        Path directory = Cli.shared("assets/stories15M");
        String text = "Once upon a time, Zoë saw 3 <s> birds.";
        String ids = Cli.run("tokenizer", "encode", "--model", stories("Q8_0"), "--bos", text).done().out();
        assertThat(ids).isEqualTo(Cli.run("tokenizer", "encode", "--model", directory, "--bos", text).done().out());
        assertThat(Cli.run("tokenizer", "decode", "--model", stories("Q8_0"), ids.strip()).done().out().strip()).isEqualTo(text);
    }

    @Test
    void itsPerplexityIsNearTheDirectorysAndSaysItsEngine() throws IOException {
        Path text = temporary.resolve("text.txt");
        Files.writeString(text, golden().get("f16_and_Q8_0").asText());
        JsonNode torch = evaluate(Cli.shared("assets/stories15M"), text);
        JsonNode eight = evaluate(stories("Q8_0"), text);
        assertThat(torch.get("engine").asText()).isEqualTo("torch f32");
        assertThat(eight.get("engine").asText()).isEqualTo("cpu q8_0");
        assertThat(eight.get("tokens")).isEqualTo(torch.get("tokens"));
        assertThat(eight.get("perplexity").asDouble()).isCloseTo(torch.get("perplexity").asDouble(), within(0.02 * torch.get("perplexity").asDouble()));
        assumeTrue(Int8Linear.unavailable() == null, "no int8 products on this processor");
        JsonNode throughput = evaluate(stories("Q8_0"), text, "--route", "throughput");
        assertThat(throughput.get("engine").asText()).isEqualTo("cpu q8_0 throughput");
        assertThat(throughput.get("perplexity").asDouble()).isNotEqualTo(eight.get("perplexity").asDouble())
                .isCloseTo(eight.get("perplexity").asDouble(), within(0.02 * eight.get("perplexity").asDouble()));
    }

    @Test
    void directoriesAreQuantisedAsTheyAreLoaded() throws IOException {
        Path text = temporary.resolve("text.txt");
        Files.writeString(text, golden().get("f16_and_Q8_0").asText());
        JsonNode torch = evaluate(Cli.shared("assets/stories15M"), text);
        JsonNode loaded = evaluate(Cli.shared("assets/stories15M"), text, "--weights", "q8_0");
        assertThat(loaded.get("engine").asText()).isEqualTo("cpu q8_0");
        assertThat(loaded.get("perplexity").asDouble()).isCloseTo(torch.get("perplexity").asDouble(), within(0.02 * torch.get("perplexity").asDouble()));
    }

    private static JsonNode evaluate(Path model, Path text, Object... more) throws IOException {
        var words = new ArrayList<Object>(List.of("evaluate", "--model", model, "--text", text, "--json"));
        words.addAll(List.of(more));
        return new ObjectMapper().readTree(Cli.run(words.toArray()).done().out());
    }

    @Test
    void directoriesRunOnTheEngineAskedFor() throws IOException {
        Path directory = Cli.shared("assets/stories15M");
        Cli stored = generate(directory, "--max-new-tokens", 40);
        Cli torch = generate(directory, "--max-new-tokens", 40, "--engine", "torch");
        assertThat(stored.err()).contains("cpu f16");
        assertThat(torch.err()).contains("torch f32");
        assertThat(stored.out()).isEqualTo(torch.out());
        assertThat(generate(directory, "--max-new-tokens", 4, "--weights", "int4").err()).contains("cpu int4");
    }

    @Test
    void aShorterContextIsKeptTo() throws IOException {
        assertThat(generate(stories("Q8_0"), "--context", 16).err()).contains("5 new").contains("context of 16");
    }
}
