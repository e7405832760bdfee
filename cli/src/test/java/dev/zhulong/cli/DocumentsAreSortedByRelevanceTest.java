package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code rerank}. */
class DocumentsAreSortedByRelevanceTest {
    private static final List<String> DOCUMENTS = List.of("the card", "a lamp", "the card", "lamp the card", "");

    @TempDir
    Path directory;

    private static List<JsonNode> results(String lines) {
        List<JsonNode> all = new ArrayList<>();
        lines.lines().forEach(line -> {
            try {
                all.add(JsonFields.MAPPER.readTree(line));
            } catch (IOException e) {
                throw new AssertionError(line, e);
            }
        });
        return all;
    }

    @Test
    void ofAFileAndOfStandardInput() throws IOException {
        Path model = TinyEncoder.scoring(directory.resolve("model"), "the", "card", "a", "lamp", "where");
        Path file = Files.write(directory.resolve("documents.txt"), DOCUMENTS);
        Cli done = Cli.run("rerank", "--model", model, "--query", "where", file).done();
        List<JsonNode> results = results(done.out());
        assertThat(results).hasSize(5);
        List<Integer> order = new ArrayList<>();
        double last = 1;
        for (JsonNode result : results) {
            order.add(result.get("index").intValue());
            assertThat(result.get("text").textValue()).isEqualTo(DOCUMENTS.get(order.getLast()));
            assertThat(result.get("score").doubleValue()).isBetween(0.0, last);
            last = result.get("score").doubleValue();
        }
        assertThat(order).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
        assertThat(order.indexOf(2)).isEqualTo(order.indexOf(0) + 1);
        assertThat(done.err()).doesNotContain("longer");

        Cli piped = Cli.runWithInput(String.join("\n", DOCUMENTS), "rerank", "--model", model, "--query", "where", "--top", 2, "--engine", "torch", "-").done();
        List<JsonNode> best = results(piped.out());
        assertThat(best).hasSize(2);
        for (JsonNode each : best) {
            // another engine may order what is nearly equal otherwise
            double score = results.get(order.indexOf(each.get("index").intValue())).get("score").doubleValue();
            assertThat(each.get("score").doubleValue()).isCloseTo(score, within(1e-5));
        }
        assertThat(Cli.runWithInput("lamp ".repeat(100), "rerank", "--model", model, "--query", "where", "-").done().err()).contains("1 of 1 documents are", "64 tokens");
    }

    @Test
    void whatIsWrongIsNamed() throws IOException {
        Path file = Files.write(directory.resolve("documents.txt"), DOCUMENTS);
        assertThat(Cli.run("rerank", "--model", directory, "--query", "a", "--top", 0, file).code()).isEqualTo(2);
        assertThat(Cli.run("rerank", "--model", directory, "--query", "a").code()).isEqualTo(2);
        assertThat(Cli.run("rerank", "--model", directory, "--query", "a", file).err()).contains("is no directory of an encoder");
        Path model = TinyEncoder.write(directory.resolve("model"), "the", "card");
        Cli bare = Cli.run("rerank", "--model", model, "--query", "a", file);
        assertThat(bare.code()).isEqualTo(1);
        assertThat(bare.err()).contains("a cross-encoder is a classifier with one output, and this model is none");
    }
}
