package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    /** Answers of model and rows in one: question i is written text i. */
    private List<ObjectNode> gsm8k(List<String> written, List<String> numbers) throws IOException {
        String[] rows = new String[written.size()];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = "{\"question\": \"number " + i + "!\", \"answer\": \"#### " + numbers.get(i) + "\"}";
        }
        files.rows("gsm8k.test.jsonl", rows);
        Tasks.Found gsm8k = Tasks.find(List.of("gsm8k")).getFirst();
        var model = ByteModel.saying(4096, "!\nAnswer:", prompt -> {
            var asked = Pattern.compile("number (\\d+)$").matcher(prompt);
            // the model's letters are bytes
            return asked.find() ? new String(written.get(Integer.parseInt(asked.group(1))).getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1) : "";
        });
        TaskResult result = TaskRun.run(new Tasks.Found(gsm8k.spec().withShots(0), Optional.of(directory)), model.subject("m"), files.options(), Progress.SILENT);
        return List.copyOf(SampleLog.read(result.samples()).values());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "The total is 72 clips, altogether. | 72", "So she needs 72 clips... | 72", "She pays $29.00. | 29", "Her profit is $1,250.00 | 1250",
        "The answer is \\boxed{$9{,}500} | 9500", "It costs 5 dollars, i.e. 500 cents., | 500", "The answer is \u22123. | -3", "It is 2-3 = -1 | -1",
        "between 3-5 | 5", "between 3\u20135 | 5", "**Answer: 18** | 18", "#### 18.0 | 18", "#### $18 | 18", "####18 | 18", "#### 1,234. | 1234",
        "18 eggs left. #### 18. Question: next #### 5 | 18", "It takes 1.5 hours. | 1.5", "The ratio is 3:4. | 4", "x = 5.0 | 5",
        "#### **18** | 18", "#### \\boxed{18} then 3 more | 18", "#### -$7 | -7", "#### $-7.50 | -7.5", "#### \u22127 of 9 | -7", "#### 1{,}234 | 1234",
        "\\boxed{9,\\!500} | 9500", "\\boxed{9\\,500} | 9500", "It is 25% | 25", "It is 25%. | 25", "costs \u20ac1,234,567.80 in all | 1234567.8",
        "lost -$5 | -5", "owes $-5 | -5", "(3,-5) | -5", "20 - 2 = 18 | 18", "20 - 18 | 18", "x-3 | 3", "(1+2)-3 | 3", "is 007 | 7", "is .50 | 0.5",
        "is -0.0 | 0", "10,20 | 20", "1,00,000 | 100000", "\u7b54\u6848\u662f-3\u3002 | -3", "\u7b54\u6848\u662f\uff11\uff18\u3002 | 18", "v1.2.3 | 3", "is 18 km/h | 18"})
    void numbersAreComparedAsNumbers(String written, String number) throws IOException {
        ObjectNode outcome = gsm8k(List.of(written), List.of(number)).getFirst();
        assertThat(outcome.get("answer").asText()).as(written).isEqualTo(number);
        assertThat(outcome.at("/values/exact_match").asDouble()).isEqualTo(1);
    }

    /** What the published scripts find right is right here too: GSM8K's own and lm-evaluation-harness' strict-match and flexible-extract. */
    @Test
    void whatThePublishedScriptsCountIsCounted() throws IOException {
        Pattern strict = Pattern.compile("#### (-?[0-9.,]+)");
        Pattern flexible = Pattern.compile("(-?[$0-9.,]{2,})|(-?[0-9]+)");
        var random = new SplittableRandom(8);
        String[] before = {"", "She has 3 cats, 4 dogs. ", "2*6=12 ", "It is $4.50 each; ", "\u5171 "};
        String[] after = {"", ".", " dollars", " dollars.", "\n"};
        String[] numbers = {"18", "-7", "1,234", "12,345,678", "3.5", "0", "-0.25", "1234"};
        List<String> written = new ArrayList<>();
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            String number = numbers[random.nextInt(numbers.length)];
            written.add(before[random.nextInt(before.length)] + (random.nextBoolean() ? "#### " : "so it is ") + (random.nextInt(4) == 0 ? "$" : "") + number
                    + after[random.nextInt(after.length)]);
            wanted.add(random.nextInt(3) == 0 ? numbers[random.nextInt(numbers.length)] : number);
        }
        List<ObjectNode> outcomes = gsm8k(written, wanted);
        int counted = 0;
        for (int i = 0; i < written.size(); i++) {
            String right = wanted.get(i).replace(",", "");
            Matcher official = strict.matcher(written.get(i));
            boolean counts = official.find() && official.group(1).replace(",", "").equals(right);
            // the last match, and the harness' regexes_to_ignore
            String last = flexible.matcher(written.get(i)).results().map(MatchResult::group).reduce("", (_, b) -> b);
            counts |= last.strip().replace(",", "").replace("$", "").replaceAll("\\.$", "").equals(right) && !written.get(i).contains("####");
            counted += counts ? 1 : 0;
            assertThat(outcomes.get(i).at("/values/exact_match").asDouble()).as(written.get(i) + " for " + wanted.get(i)).isGreaterThanOrEqualTo(counts ? 1 : 0);
        }
        assertThat(counted).isBetween(40, 110);
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
