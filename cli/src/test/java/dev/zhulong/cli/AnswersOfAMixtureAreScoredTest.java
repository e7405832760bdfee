package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One adapter for several tasks, and one for each, by what they write. */
class AnswersOfAMixtureAreScoredTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    /** The scores are those that {@code evaluate} finds with the adapters that were kept. */
    @Test
    void theScoresAreThoseOfTheAdapters() throws IOException {
        Path model = TinyModel.write(directory.resolve("model"));
        rows("parity", 120, i -> i + " =", i -> i % 2 == 0 ? " even" : " odd");
        rows("size", 40, i -> "size " + i + " =", i -> i % 3 == 0 ? " big" : " small");
        rows("loss", 20, i -> "no " + i, i -> " no");
        Path mixture = Files.writeString(directory.resolve("two.yaml"), "sources:\n" + line("parity") + line("size") + "  - {path: loss.jsonl}\n");
        Path out = directory.resolve("out");
        Cli done = Cli.run("finetune", "--model", model, "--mixture", mixture, "--alone", "--steps", 150, "--batch", 4, "--seq", 32, "--lr", "2e-2", "--rank", 16,
                "--set", "data.temperature=2", "--out", out).done();
        JsonNode scores = JSON.readTree(out.resolve("answers.json").toFile());
        assertThat(scores.properties()).extracting(e -> e.getKey()).containsExactly("parity", "size");
        assertThat(done.err()).contains("task", "mixture", "single", "mean");
        double sum = 0;
        for (String task : List.of("parity", "size")) {
            assertThat(scores.path(task).path("metric").asText()).isEqualTo("exact_match");
            assertThat(scores.path(task).path("answers").asInt()).isEqualTo(12);
            assertThat(scores.path(task).path("mixture").asDouble()).as(task).isCloseTo(evaluated(model, out, task), within(1e-9));
            assertThat(scores.path(task).path("single").asDouble()).as(task).isCloseTo(evaluated(model, out.resolve("alone").resolve(task), task), within(1e-9));
            sum += scores.path(task).path("mixture").asDouble() + scores.path(task).path("single").asDouble();
        }
        // the answer that is right two times in three is learnt at least once
        assertThat(sum).as(done.err()).isGreaterThan(0.5);
        assertThat(done.err()).contains("parity: 120 sequences", "size: 40 sequences");
    }

    private void rows(String task, int count, IntFunction<String> prompt, IntFunction<String> completion) throws IOException {
        List<String> rows = IntStream.range(0, count + 12).mapToObj(i -> JSON.createObjectNode().put("prompt", prompt.apply(i)).put("completion", completion.apply(i)).toString())
                .toList();
        Files.write(directory.resolve(task + ".jsonl"), rows.subList(0, count));
        Files.write(directory.resolve(task + ".held-out.jsonl"), rows.subList(count, count + 12));
    }

    private static String line(String task) {
        return "  - {path: %1$s.jsonl, held_out: %1$s.held-out.jsonl, metric: exact}\n".formatted(task);
    }

    private double evaluated(Path model, Path adapter, String task) throws IOException {
        Path yaml = Files.writeString(directory.resolve(task + "-task.yaml"), """
                name: %1$s
                data: {files: [%1$s.held-out.jsonl]}
                generate: {prompt: "{{ prompt }}", reference: "{{ completion }}", max_new_tokens: 16, metrics: [exact]}
                """.formatted(task));
        JsonNode result = JSON.readTree(Cli.run("evaluate", "--model", model, "--adapter", adapter, "--suite", yaml, "--json").done().out());
        for (JsonNode metric : result.at("/results/0/metrics")) {
            if (metric.path("name").asText().equals("exact_match")) {
                return metric.path("score").asDouble();
            }
        }
        throw new AssertionError(result.toString());
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        Path model = TinyModel.write(directory.resolve("model"));
        Path rows = Files.writeString(directory.resolve("rows.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
        List<Object> begin = new ArrayList<>(List.of("finetune", "--model", model, "--out", directory.resolve("out"), "--mixture"));
        Path unknown = Files.writeString(directory.resolve("unknown.yaml"), "sources:\n  - {path: rows.jsonl, metric: nearly}\n");
        begin.add(unknown);
        assertThat(Cli.run(begin.toArray()).err()).contains("nearly");
        begin.set(begin.size() - 1, Files.writeString(directory.resolve("weights.yaml"), "sources:\n  - {path: rows.jsonl, weight: 2}\n"));
        begin.addAll(List.of("--set", "data.temperature=2"));
        assertThat(Cli.run(begin.toArray()).err()).contains("data.temperature is for sources without weights");
        assertThat(rows).exists();
    }
}
