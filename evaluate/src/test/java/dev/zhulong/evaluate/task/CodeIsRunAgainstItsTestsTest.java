package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.code.JavaSandbox;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CodeIsRunAgainstItsTestsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    private static List<JsonNode> problems() throws IOException {
        Tasks.Found java = Tasks.find(List.of("java")).getFirst();
        List<JsonNode> problems = new ArrayList<>();
        for (String line : Files.readAllLines(java.home().orElseThrow().resolve("java.jsonl"))) {
            problems.add(JSON.readTree(line));
        }
        return problems;
    }

    /** Each problem has a solution, which passes, and none passes with an empty one. */
    @Test
    void ourProblemsTellRightFromWrong() throws IOException {
        assertThat(problems()).hasSize(20);
        var sandbox = new JavaSandbox(20, 128);
        problems().parallelStream().forEach(problem -> {
            String prompt = problem.get("prompt").asText();
            String test = problem.get("test").asText();
            assertThat(sandbox.run(prompt + problem.get("canonical_solution").asText(), test)).as(problem.get("task_id").asText())
                    .isEqualTo(new JavaSandbox.Verdict(JavaSandbox.Status.PASSED, ""));
            assertThat(sandbox.run(prompt + "        throw new IllegalStateException();\n    }\n}\n", test).status()).isEqualTo(JavaSandbox.Status.FAILED);
            assertThat(prompt).contains(" " + problem.get("entry_point").asText() + "(");
        });
    }

    @Test
    void aModelThatKnowsSomeOfThem() throws IOException {
        Map<String, String> answers = Map.of("sumOfDigits(int", "return Integer.toString(number).chars().filter(c -> c != '-').map(c -> c - 48).sum(); } }", "isPalindrome(String",
                "return true; }", "toRoman(int", "return 1; }", "caesar(String", "while (true) { } }");
        ByteModel model = ByteModel.saying(4096, " {\n", prompt -> answers.entrySet().stream().filter(e -> prompt.contains(e.getKey())).map(Map.Entry::getValue).findFirst()
                .orElse(""));
        var files = new TaskFiles(directory);
        Tasks.Found java = Tasks.find(List.of("java")).getFirst();
        TaskResult result = TaskRun.run(java, model.subject("m"), files.options(), Progress.SILENT);
        assertThat(TaskFiles.score(result.metrics(), "pass@1")).isCloseTo(1.0 / 20, within(1e-12));
        Map<String, String> detail = new java.util.TreeMap<>();
        result.groups().forEach((group, values) -> detail.put(group, values.getFirst().detail()));
        assertThat(detail).containsEntry("java/1-sum-of-digits", "passed").containsEntry("java/12-caesar", "timeout: not done within 10 s");
        assertThat(detail.get("java/3-is-palindrome")).startsWith("failed: java.lang.AssertionError: expected false, found true");
        assertThat(detail.get("java/9-to-roman")).startsWith("not_compiled: line ");
    }

    /** Half of the solutions are drawn wrong; the same seed draws the same. */
    @Test
    void passAtKOverSeveralSolutions() throws IOException {
        ByteModel model = new ByteModel(512, text -> {
            float[] row = new float[ByteModel.VOCAB];
            char last = text.charAt(text.length() - 1);
            if (last == '\n') {
                row['1'] = 50;
                row['2'] = 50;
            } else {
                row[last == '1' || last == '2' ? ';' : last == ';' ? '}' : 257] = 50;
            }
            return row;
        });
        var files = new TaskFiles(directory);
        files.rows("p.jsonl", JSON.writeValueAsString(Map.of("prompt", "class Solution {\nint f() { return\n", "test",
                "class Main { public static void main(String[] a) { if (new Solution().f() != 1) throw new AssertionError(); } }")));
        String task = "name: one\ndata: {files: [p.jsonl]}\ncode: {prompt: '{{ prompt }}', test: '{{ test }}', samples: 10, k: [1, 2, 10], temperature: 1, seed: %d}\n";
        TaskResult result = files.run(task.formatted(3), model.subject("m"));
        ObjectNode outcome = List.copyOf(SampleLog.read(result.samples()).values()).getFirst();
        int right = (int) outcome.get("solutions").valueStream().filter(one -> one.get("written").asText().equals("1;}")).count();
        assertThat(right).isBetween(1, 9);
        assertThat(outcome.get("right").asInt()).isEqualTo(right);
        assertThat(TaskFiles.score(result.metrics(), "pass@1")).isCloseTo(right / 10.0, within(1e-12));
        assertThat(TaskFiles.score(result.metrics(), "pass@2")).isCloseTo(1 - (10 - right) * (9 - right) / 90.0, within(1e-12));
        assertThat(TaskFiles.score(result.metrics(), "pass@10")).isEqualTo(1);
        Files.delete(result.samples());
        ObjectNode again = List.copyOf(SampleLog.read(files.run(task.formatted(3), model.subject("m")).samples()).values()).getFirst();
        assertThat(again.get("solutions")).isEqualTo(outcome.get("solutions"));
        assertThatThrownBy(() -> files.run(task.formatted(3).replace("temperature: 1", "temperature: 0"), model.subject("m"))).hasMessageContaining("would all be the same");
        assertThatThrownBy(() -> files.run(task.formatted(3).replace("k: [1", "k: [11"), model.subject("m"))).hasMessageContaining("from 1 to samples");
    }
}
