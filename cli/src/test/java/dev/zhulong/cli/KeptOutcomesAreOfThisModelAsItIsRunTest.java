package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Through the verb, with the identities that models really have. */
class KeptOutcomesAreOfThisModelAsItIsRunTest {
    private static final String REUSED = "4 of 4 rows were done before and taken from the samples";

    @TempDir
    Path temporary;

    private Path model;
    private Path task;

    @BeforeEach
    void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        var rows = new StringBuilder();
        for (int i = 0; i < 4; i++) {
            rows.append(new ObjectMapper().createObjectNode().put("text", TinyModel.text(i))).append('\n');
        }
        Files.writeString(temporary.resolve("rows.jsonl"), rows);
        task = temporary.resolve("read.yaml");
        Files.writeString(task, """
                name: read
                data: {files: [rows.jsonl]}
                perplexity: {text: "{{ text }}"}
                """);
    }

    private JsonNode evaluated(String... options) throws IOException {
        var words = new ArrayList<Object>(List.of("evaluate", "--model", model, "--suite", task, "--report", temporary.resolve("report"), "--json"));
        words.addAll(List.of(options));
        return new ObjectMapper().readTree(Cli.run(words.toArray()).done().out()).at("/results/0");
    }

    private static boolean reused(JsonNode result) {
        return result.get("notices").toString().contains(REUSED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--context 32", "--engine cpu", "--engine cpu --kv int8", "--engine cpu --context 32", "--weights q8_0", "--weights q4_0", "--route throughput"})
    void anotherWayToRunItIsAnotherKey(String options) throws IOException {
        JsonNode first = evaluated();
        JsonNode cpu = evaluated("--engine", "cpu", "--kv", "f16", "--context", "64");
        assertThat(reused(cpu)).isFalse();
        assertThat(reused(evaluated())).isTrue();
        JsonNode other = evaluated(options.split(" "));
        boolean same = options.equals("--engine cpu");
        assertThat(reused(other)).isEqualTo(same);
        assertThat(reused(evaluated(options.split(" ")))).isTrue();
        if (options.contains("context")) {
            assertThat(other.at("/metrics/0/score").asDouble()).isNotEqualTo(first.at("/metrics/0/score").asDouble());
        }
    }

    /** Threads change how long it takes. */
    @Test
    void threadsAreNoPartOfIt() throws IOException {
        evaluated("--threads", "1");
        assertThat(reused(evaluated("--threads", "2"))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "generation_config.json", "tokenizer_config.json"})
    void anotherFileOfTheTokenizerOrTheTemplateIsAnotherKey(String name) throws IOException {
        evaluated();
        Path file = model.resolve(name);
        String former = Files.exists(file) ? Files.readString(file) : name.endsWith("jinja") ? "{{ messages }}" : "{}";
        Files.writeString(file, former + "\n");
        assertThat(reused(evaluated())).isFalse();
    }

    @Test
    void aModelOfTheSameNameWithOtherWeightsIsAnotherKey() throws IOException {
        evaluated();
        Path other = TinyModel.write(temporary.resolve("other"));
        Path adapter = temporary.resolve("adapter");
        Files.writeString(temporary.resolve("learn.jsonl"), "{\"prompt\": \"lamp\", \"completion\": \"boats\"}\n".repeat(8));
        Cli.run("finetune", "--model", model, "--data", temporary.resolve("learn.jsonl"), "--set", "train.batch=2", "--set", "train.steps=2",
                "--set", "train.lr=0.05", "--out", adapter).done();
        assertThat(reused(evaluated("--adapter", adapter.toString()))).isFalse();
        Cli.run("merge", "--model", other, "--adapter", adapter, "--out", temporary.resolve("merged")).done();
        Files.copy(temporary.resolve("merged/model.safetensors"), model.resolve("model.safetensors"), StandardCopyOption.REPLACE_EXISTING);
        assertThat(reused(evaluated())).isFalse();
    }
}
