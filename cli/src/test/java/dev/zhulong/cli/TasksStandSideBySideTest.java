package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TasksStandSideBySideTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path temporary;

    static Path model;
    static Path tasks;
    static Path adapter;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        tasks = Files.createDirectories(temporary.resolve("tasks"));
        var rows = new StringBuilder();
        for (int i = 0; i < 24; i++) {
            rows.append("{\"question\": \"lamp ").append(i).append("\", \"answer\": \"").append(i % 3 == 0 ? "boats" : "keeper").append("\"}\n");
        }
        Files.writeString(tasks.resolve("rows.jsonl"), rows);
        Files.writeString(tasks.resolve("pick.yaml"), """
                name: pick
                description: boats or keeper
                data: {files: [rows.jsonl]}
                choice: {context: "{{ question }}:", choices: [boats, keeper], answer: "{{ answer }}"}
                """);
        Files.writeString(tasks.resolve("write.yaml"), """
                name: write
                description: the word itself
                data: {files: [rows.jsonl]}
                generate: {prompt: "{{ question }}", reference: "{{ answer }}", chat: true, max_new_tokens: 6, metrics: [exact, chrf]}
                """);
        adapter = temporary.resolve("adapter");
        Cli.run("finetune", "--model", model, "--data", tasks.resolve("rows.jsonl"), "--map", "prompt=question", "completion=answer", "--as-chat",
                "--set", "train.steps=60", "--set", "train.lr=0.02", "--set", "train.batch=4", "--out", adapter).done();
    }

    @Test
    void aModelAndItsAdapterAreComparedRowByRow() throws IOException {
        Path report = temporary.resolve("report");
        Cli run = Cli.run("evaluate", "--model", model, "--adapter", adapter, "--beside-base", "--suite", tasks, "--report", report).done();
        assertThat(run.out()).contains("pick, " + model + ": 24 rows", "write, " + model + " + " + adapter + ": 24 rows", "acc = ", "chance 0.5000",
                "exact_match = ", "chrF2 = ", "±", "standard error");
        assertThat(run.out()).contains("write exact_match: " + model + " + " + adapter + " less " + model + " = +");
        JsonNode results = JSON.readTree(report.resolve("results.json").toFile());
        assertThat(results).hasSize(4);
        for (JsonNode result : results) {
            assertThat(result.at("/first/prompt").asText()).contains("lamp 0");
            assertThat(result.at("/first/ids")).isNotEmpty();
            assertThat(result.get("metrics")).allSatisfy(metric -> assertThat(metric.has("standard_error")).isTrue());
        }
        String page = Files.readString(report.resolve("report.html"));
        assertThat(page).contains("<h2>pick</h2>", "<h2>write</h2>", "less " + model, "what " + model + " read of the first row");

        // a model measured later joins them; what was done is not done again
        Path other = TinyModel.write(temporary.resolve("other"));
        Cli later = Cli.run("evaluate", "--model", other, model, "--suite", tasks.resolve("pick.yaml"), "--report", report, "--json").done();
        assertThat(JSON.readTree(later.out()).at("/results/1/notices/0").asText()).isEqualTo(
                "24 of 24 rows were done before and taken from the samples");
        assertThat(JSON.readTree(report.resolve("results.json").toFile())).hasSize(5);
        assertThat(Files.readString(report.resolve("report.html"))).contains(other.toString());
    }

    @Test
    void whatIsMissingIsSaid() {
        assertThat(Cli.run("evaluate", "--model", model).err()).contains("Give one of --suite TASKS, --text FILE and --data DIR");
        assertThat(Cli.run("evaluate", "--model", model, "--suite", "gsm8k").err()).contains("comes without its rows (gsm8k.test.jsonl)",
                "--task-data DIR");
        assertThat(Cli.run("evaluate", "--model", model, "--suite", "gsm9k").err()).contains("no task 'gsm9k': there are mmlu");
        assertThat(Cli.run("evaluate", "--model", model, "--suite", tasks, "--beside-base").err()).contains("--beside-base goes with --adapter");
        assertThat(Cli.run("evaluate", "--model", model, "--suite", tasks, "--limit", "0").code()).isEqualTo(2);
        assertThat(Cli.run("evaluate", "--model", model, model, "--text", tasks.resolve("rows.jsonl")).err()).contains("with --suite only");
    }
}
