package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WrittenAnswersAreExtractedAndComparedTest {
    @TempDir
    Path directory;

    private TaskFiles files;

    @BeforeEach
    void files() {
        files = new TaskFiles(directory);
    }

    /** A model that knows the answers to prompts that hold these words and end in {@code mark}. */
    private static ByteModel saying(String mark, Map<String, String> answers) {
        return ByteModel.saying(4096, mark, prompt -> answers.entrySet().stream().filter(e -> prompt.contains(e.getKey())).map(Map.Entry::getValue)
                .findFirst().orElse(""));
    }

    @Test
    void gsm8kCountsTheNumberTheAnswerEndsWith() throws IOException {
        files.rows("gsm8k.test.jsonl", "{\"question\": \"ducks\", \"answer\": \"16 - 3 = 13\\n#### 1,318\"}",
                "{\"question\": \"robes\", \"answer\": \"#### 3\"}", "{\"question\": \"cats\", \"answer\": \"#### -7\"}",
                "{\"question\": \"dogs\", \"answer\": \"#### 5\"}", "{\"question\": \"owls\", \"answer\": \"#### 5\"}");
        Tasks.Found gsm8k = Tasks.find(List.of("gsm8k")).getFirst();
        var task = new Tasks.Found(gsm8k.spec().withShots(0), Optional.of(directory));
        Subject subject = saying("Answer:", Map.of("ducks", "It is 12.\n#### 1318. Question: 4", "robes", "that makes $3.", "cats", "#### 8 -7 #### 9",
                "dogs", "<think>perhaps 4</think>5", "owls", "none at all")).subject("m");
        TaskResult result = TaskRun.run(task, subject, files.options(), Progress.SILENT);
        List<ObjectNode> outcomes = List.copyOf(SampleLog.read(result.samples()).values());
        assertThat(outcomes).extracting(o -> o.get("answer").asText()).containsExactly("1318", "3", "8", "5", "");
        assertThat(outcomes).extracting(o -> o.get("references").get(0).asText()).containsExactly("1318", "3", "-7", "5", "5");
        assertThat(outcomes.getFirst().get("written").asText()).isEqualTo("It is 12.\n#### 1318. ");
        assertThat(TaskFiles.score(result.metrics(), "exact_match")).isEqualTo(0.6);
        assertThat(TaskFiles.score(result.metrics(), "no_answer")).isEqualTo(0.2);
        assertThat(result.metrics().getFirst().estimate().standardError()).isCloseTo(Math.sqrt(0.24 / 4), within(1e-12));
    }

    @Test
    void severalReferencesAndMetricsOfTexts() throws IOException {
        files.rows("rows.jsonl", "{\"q\": \"capital\", \"answers\": {\"text\": [\"the Paris\", \"City of Light\"]}}",
                "{\"q\": \"river\", \"answers\": {\"text\": [\"Seine\"]}}");
        TaskResult result = files.run("""
                name: t
                data: {files: [rows.jsonl]}
                generate: {prompt: "{{ q }}?", references_in: answers.text, metrics: [squad, bleu, rouge]}
                """, saying("?", Map.of("capital", "Paris!", "river", "the river Seine")).subject("m"));
        assertThat(TaskFiles.score(result.metrics(), "exact_match")).isEqualTo(0.5);
        assertThat(TaskFiles.score(result.metrics(), "f1")).isCloseTo((1 + 2 / 3.0) / 2, within(1e-12));
        assertThat(result.metrics()).extracting(value -> value.name()).contains("BLEU", "rouge1", "rouge2", "rougeL", "rougeLsum");
        assertThat(result.metrics()).allSatisfy(value -> assertThat(value.signature()).contains("version:zhulong"));
        // bleu is of the whole: it is no mean of rows
        ObjectNode first = SampleLog.read(result.samples()).values().iterator().next();
        assertThat(first.get("values").has("rougeL")).isTrue();
        assertThat(first.get("values").has("BLEU")).isFalse();
    }

    @Test
    void entitiesAreComparedByTypeAndText() throws IOException {
        files.rows("rows.jsonl", "{\"q\": \"first\", \"a\": \"PER: Ada\\nLOC: London\"}", "{\"q\": \"second\", \"a\": \"ORG: Bank\"}");
        TaskResult result = files.run("""
                name: t
                data: {files: [rows.jsonl]}
                generate: {prompt: "{{ q }}?", reference: "{{ a }}", metrics: [entities]}
                """, saying("?", Map.of("first", "loc: London; PER: Ada; PER: Ada", "second", "LOC: Bank")).subject("m"));
        // right 2, said 4, wanted 3
        assertThat(TaskFiles.score(result.metrics(), "entity_f1")).isCloseTo(4 / 7.0, within(1e-12));
    }

    @Test
    void aPromptThatIsTooLongLosesItsFrontAndSaysSo() throws IOException {
        files.rows("rows.jsonl", "{\"q\": \"" + "long ".repeat(50) + "capital\", \"a\": \"Paris\"}");
        var model = ByteModel.saying(64, "?", prompt -> prompt.endsWith("capital") ? "Paris" : "");
        TaskResult result = TaskRun.run(files.task("""
                name: t
                data: {files: [rows.jsonl]}
                generate: {prompt: "{{ q }}?", reference: "{{ a }}", max_new_tokens: 100}
                """), model.subject("m"), files.options(), Progress.SILENT);
        assertThat(TaskFiles.score(result.metrics(), "exact_match")).isEqualTo(1);
        assertThat(result.notices()).containsExactly("1 of 1 rows did not fit the model's context and lost their beginning");
        assertThat(result.protocol()).contains("at most 32 new tokens (half the model's context; the task says 100)");
    }

    @Test
    void aLimitCountsTheRowsOfEachGroup() throws IOException {
        files.rows("rows.jsonl", "{\"g\": 1, \"q\": \"a\"}", "{\"g\": 1, \"q\": \"b\"}", "{\"g\": 2, \"q\": \"c\"}");
        var options = files.options();
        TaskResult result = TaskRun.run(files.task("""
                name: t
                data: {files: [rows.jsonl], group: "{{ g }}"}
                generate: {prompt: "{{ q }}?", reference: "x"}
                """), saying("?", Map.of()).subject("m"), new TaskRun.Options(Optional.empty(), OptionalInt.of(1), OptionalInt.empty(), options.bootstrap(),
                options.samples()), Progress.SILENT);
        assertThat(result.rows()).isEqualTo(2);
    }
}
