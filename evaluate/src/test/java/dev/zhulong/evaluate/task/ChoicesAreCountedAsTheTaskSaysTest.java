package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Traps 73, 74 (errors of groups) and 75. */
class ChoicesAreCountedAsTheTaskSaysTest {
    @TempDir
    Path directory;

    private TaskFiles files;

    @BeforeEach
    void files() {
        files = new TaskFiles(directory);
    }

    /** Every byte as likely as any other, 'y' and what follows it three times as likely. */
    private static ByteModel lovesY() {
        return new ByteModel(512, _ -> {
            float[] row = new float[ByteModel.VOCAB];
            row['y'] = (float) Math.log(3);
            return row;
        });
    }

    @Test
    void normalisingIsByBytesOfTheAnswer() throws IOException {
        files.rows("rows.jsonl", "{\"q\": \"which\", \"a\": \"yyyyyy\"}");
        // the sum prefers the short answer; by byte the long one, every byte of which is likely; é has two bytes and one character
        TaskResult result = files.run("""
                name: t
                data: {files: [rows.jsonl]}
                choice: {context: "{{ q }}", choices: [é, yyyyyy], answer: "{{ a }}"}
                """, lovesY().subject("m"));
        assertThat(TaskFiles.score(result.metrics(), "acc")).isEqualTo(0);
        assertThat(TaskFiles.score(result.metrics(), "acc_norm")).isEqualTo(1);
        JsonNode outcome = SampleLog.read(result.samples()).values().iterator().next();
        double z = Math.log(ByteModel.VOCAB + 2);
        assertThat(outcome.get("loglikelihoods").get(0).asDouble()).isCloseTo(-3 * z, within(1e-5));
        assertThat(outcome.get("loglikelihoods").get(1).asDouble()).isCloseTo(6 * Math.log(3) - 7 * z, within(1e-5));
    }

    @Test
    void aQuestionIsNeverAmongItsOwnShots() throws IOException {
        files.rows("rows.jsonl", "{\"q\": \"one\", \"a\": \"yes\"}", "{\"q\": \"two\", \"a\": \"no\"}", "{\"q\": \"three\", \"a\": \"yes\"}");
        files.rows("copies.jsonl", "{\"q\": \"one\", \"a\": \"yes\"}", "{\"q\": \"four\", \"a\": \"no\"}");
        String task = """
                name: t
                data: {files: [rows.jsonl]}
                shots: {count: %d, files: [%s], order: %s}
                choice: {context: "Q: {{ q }}\\nA:", choices: ["yes", "no"], answer: "{{ a }}"}
                """;
        Subject subject = lovesY().subject("m");
        String own = files.run(task.formatted(2, "", "first"), subject).first().get("prompt").asText();
        assertThat(own).isEqualTo("Q: two\nA: no\n\nQ: three\nA: yes\n\nQ: one\nA:");
        // not even from another file
        String other = files.run(task.formatted(1, "copies.jsonl", "first"), subject).first().get("prompt").asText();
        assertThat(other).isEqualTo("Q: four\nA: no\n\nQ: one\nA:");
        String drawn = files.run(task.formatted(2, "", "random"), subject).first().get("prompt").asText();
        assertThat(drawn).endsWith("Q: one\nA:").contains("Q: two", "Q: three").doesNotContain("Q: one\nA: ");
        assertThatThrownBy(() -> files.run(task.formatted(3, "", "first"), subject)).hasMessageContaining("3 shots are asked for, but there are only 2");
    }

    @Test
    void filesInTheLayoutOfMmluAreGroupedBySubjectWithShotsOfTheirOwn() throws IOException {
        files.rows("test/art_test.csv", "\"Who, then?\",a,b,c,d,A", "What?,e,f,g,h,B");
        files.rows("test/law_test.csv", "When?,i,j,k,l,D");
        files.rows("dev/art_dev.csv", "Old?,m,n,o,p,C");
        files.rows("dev/law_dev.csv", "Older?,q,r,s,t,D");
        Tasks.Found mmlu = Tasks.find(List.of("mmlu")).getFirst();
        TaskResult result = TaskRun.run(new Tasks.Found(mmlu.spec().withShots(1), Optional.of(directory)), lovesY().subject("m"),
                files.options(), Progress.SILENT);
        assertThat(result.rows()).isEqualTo(3);
        assertThat(result.groups()).containsOnlyKeys("", "art", "law");
        assertThat(result.first().get("prompt").asText()).isEqualTo(
                "Old?\nA. m\nB. n\nC. o\nD. p\nAnswer: C\n\nWho, then?\nA. a\nB. b\nC. c\nD. d\nAnswer:");
        // all letters are equally likely, and the first of equals is said: right once in three, once in two, never
        assertThat(TaskFiles.score(result.metrics(), "acc")).isCloseTo(1 / 3.0, within(1e-12));
        assertThat(TaskFiles.score(result.groups().get("art"), "acc")).isEqualTo(0.5);
        assertThat(TaskFiles.score(result.metrics(), "group_mean_acc")).isEqualTo(0.25);
    }

    @Test
    void errorsOfGroupsArePooledOverRows() throws IOException {
        files.rows("rows.jsonl", "{\"g\": \"x\", \"a\": \"y\"}", "{\"g\": \"x\", \"a\": \"n\"}", "{\"g\": \"z\", \"a\": \"y\"}", "{\"g\": \"z\", \"a\": \"y\"}");
        TaskResult result = files.run("""
                name: t
                data: {files: [rows.jsonl], group: "{{ g }}"}
                choice: {context: "{{ g }}", choices: [y, n], answer: "{{ a }}", metrics: [acc]}
                """, lovesY().subject("m"));
        // hits 1 0 1 1: deviation 0.5, over the root of 4
        assertThat(result.metrics().getFirst().estimate().standardError()).isCloseTo(0.25, within(1e-12));
        // groups: 0.5 with error 0.5, 1 with error 0; their mean has a quarter
        assertThat(result.metrics().get(1).estimate().standardError()).isCloseTo(0.25, within(1e-12));
        assertThat(result.metrics().get(1).estimate().value()).isEqualTo(0.75);
    }

    @Test
    void anAnswerIsNotScoredInThePlaceOfAThought() throws IOException {
        files.rows("rows.jsonl", "{\"q\": \"which\", \"a\": \"y\"}");
        Subject plain = lovesY().subject("m");
        String task = """
                name: t
                data: {files: [rows.jsonl]}
                choice: {context: "{{ q }}", choices: [y, n], answer: "{{ a }}", chat: true}
                """;
        String template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]%s{% endif %}";
        for (String thought : List.of("", "<think></think>")) {
            assertThat(files.run(task, with(plain, template.replace("%s", thought))).first().get("prompt").asText())
                    .isEqualTo("[user]which[assistant]" + thought);
        }
        assertThatThrownBy(() -> files.run(task, with(plain, template.replace("%s", "<think>")))).hasMessageContaining("opens a thought");
    }

    private static Subject with(Subject subject, String template) {
        return new Subject(subject.name(), subject.model(), subject.tokenizer(), new ChatEncoder(ChatTemplate.parse(template, Map.of()),
                subject.tokenizer()), subject.identity());
    }

    @Test
    void whatDoesNotFitTogetherIsNamed() throws IOException {
        files.rows("rows.jsonl", "{\"q\": \"which\", \"a\": \"perhaps\", \"several\": [\"y\", \"n\"]}");
        Subject subject = lovesY().subject("m");
        String task = "name: t\ndata: {files: [rows.jsonl]}\nchoice: {context: \"{{ %s }}\", %s, answer: \"{{ a }}\"}\n";
        assertThatThrownBy(() -> files.run(task.formatted("qustion", "choices: [y, n]"), subject))
                .hasMessage("t: context names 'qustion', but rows.jsonl#1 has q, a, several");
        assertThatThrownBy(() -> files.run(task.formatted("q", "choices_in: several"), subject))
                .hasMessage("t: rows.jsonl#1: the answer 'perhaps' is no text of the choices [y, n]");
        assertThatThrownBy(() -> files.run(task.formatted("q", "choices_in: q"), subject)).hasMessageContaining("has no list 'q'");
        assertThatThrownBy(() -> files.run(task.formatted("q", "choices: []"), subject)).hasMessageContaining("either choices or choices_in");
        assertThatThrownBy(() -> files.run("name: t\ndata: {files: [gone.jsonl]}\npairs: {more: a, less: b}\n", subject))
                .hasMessageContaining("gone.jsonl; say with --task-data");
        assertThatThrownBy(() -> files.task("name: t\ndata: {files: [rows.jsonl]}\n")).hasMessageContaining("exactly one of the sections");
        assertThatThrownBy(() -> Tasks.find(List.of("mmul"))).hasMessageContaining("no task 'mmul': there are mmlu");
    }
}
