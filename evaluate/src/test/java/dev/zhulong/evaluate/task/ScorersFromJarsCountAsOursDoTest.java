package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.formats.yaml.RecipeReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tests' class path has a service file, as a jar would. */
class ScorersFromJarsCountAsOursDoTest {
    private static final String TASK = """
            name: t
            data: {files: [rows.jsonl], group: "{{ g }}"}
            scorer: {name: lengths, settings: {field: q, mistake: "%s"}}
            """;

    @TempDir
    Path directory;

    private TaskFiles files;

    @BeforeEach
    void files() throws IOException {
        files = new TaskFiles(directory).rows("rows.jsonl", "{\"q\": \"one\", \"g\": \"a\"}", "{\"q\": \"three\", \"g\": \"b\"}", "{\"q\": \"four\", \"g\": \"b\"}");
    }

    /** Mean length of a field, in characters; {@code mistake} names what goes wrong. */
    public static final class Lengths implements ScorerProvider {
        @Override
        public String name() {
            return "lengths";
        }

        @Override
        public String description() {
            return "Mean length of a field.";
        }

        @Override
        public Scorer scorer(Map<String, String> settings, TaskSpec task, TaskData data, Subject subject) {
            if (!settings.containsKey("field")) {
                throw new IllegalArgumentException("lengths needs settings.field");
            }
            String mistake = settings.getOrDefault("mistake", "");
            if (mistake.equals("nothing")) {
                return null;
            }
            var template = new ItemTemplate("lengths", "{{ " + settings.get("field") + " }}");
            return new Scorer() {
                @Override
                public int batch() {
                    return mistake.equals("batch") ? 0 : 2;
                }

                @Override
                public List<ObjectNode> run(List<Item> items) {
                    List<ObjectNode> outcomes = new ArrayList<>();
                    for (Item item : items) {
                        ObjectNode outcome = JsonNodeFactory.instance.objectNode();
                        outcome.putObject("values").put("length", template.render(item).length());
                        outcomes.add(outcome);
                    }
                    switch (mistake) {
                        case "few" -> outcomes.removeLast();
                        case "hole" -> outcomes.set(0, null);
                        case "defect" -> outcomes.get(99);
                        case "refusal" -> throw new IllegalArgumentException("that is no length");
                        default -> { }
                    }
                    return outcomes;
                }

                @Override
                public ObjectNode shown(Item item) {
                    return JsonNodeFactory.instance.objectNode().put("prompt", template.render(item));
                }

                @Override
                public List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap) {
                    double[] lengths = outcomes.stream().mapToDouble(o -> o.at("/values/length").asDouble()).toArray();
                    return mistake.equals("metric") ? List.of() : List.of(new MetricValue("length", Estimate.mean(lengths, 1), false, false, "characters", ""));
                }

                @Override
                public String protocol() {
                    return "characters of a field";
                }
            };
        }
    }

    @Test
    void itsNumbersAreKeptGroupedAndFoundAgain() {
        Subject subject = ByteModel.hashed(64).subject("m");
        TaskResult result = files.run(TASK.formatted(""), subject);
        assertThat(TaskFiles.score(result.metrics(), "length")).isEqualTo(4);
        assertThat(TaskFiles.score(result.groups().get("b"), "length")).isEqualTo(4.5);
        assertThat(result.protocol()).isEqualTo("characters of a field");
        TaskResult again = files.run(TASK.formatted(""), subject);
        assertThat(again.metrics()).isEqualTo(result.metrics());
        assertThat(again.notices()).containsExactly("3 of 3 rows were done before and taken from the samples");
    }

    @Test
    void theTaskIsWrittenAsItIsRead() {
        TaskSpec task = files.task(TASK.formatted("few")).spec();
        assertThat(task.scorer().orElseThrow().settings()).isEqualTo(Map.of("field", "q", "mistake", "few"));
        assertThat(RecipeReader.read(RecipeReader.toYaml(task), "again", TaskSpec.class, List.of())).isEqualTo(task);
    }

    @Test
    void anUnknownOneIsAnsweredWithThoseThereAreBeforeAnythingIsRead() {
        assertThatThrownBy(() -> files.task("name: t\ndata: {files: [absent]}\nscorer: {name: length}\n")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("task.yaml", "unknown scorer 'length'; the class path has lengths");
        assertThatThrownBy(() -> files.task("name: t\ndata: {files: [absent]}\nscorer: {settings: {a: b}}\n")).hasMessageContaining("scorer needs a name");
        assertThatThrownBy(() -> files.task("name: t\ndata: {files: [absent]}\nshots: {count: 1}\nscorer: {name: lengths}\n"))
                .hasMessageContaining("no question for shots");
    }

    @Test
    void whatItRefusesOrGetsWrongIsSaidWithItsName() {
        Subject subject = ByteModel.hashed(64).subject("m");
        assertThatThrownBy(() -> files.run("name: t\ndata: {files: [rows.jsonl]}\nscorer: {name: lengths}\n", subject))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("scorer 'lengths': lengths needs settings.field");
        assertThatThrownBy(() -> files.run("name: t\ndata: {files: [rows.jsonl]}\nscorer: {name: lengths, settings: {field: zz}}\n", subject))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("names 'zz', but rows.jsonl#1 has q, g");
        assertThatThrownBy(() -> files.run(TASK.formatted("refusal"), subject)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("scorer 'lengths': that is no length");
        Map.of("nothing", "made no scorer", "batch", "0 rows at once", "few", "returned 1 outcomes for 2 rows", "hole", "returned no outcome for a row",
                "defect", "failed: java.lang.IndexOutOfBoundsException", "metric", "returned no metric").forEach((mistake, says) ->
                assertThatThrownBy(() -> files.run(TASK.formatted(mistake), subject)).as(mistake).isInstanceOf(IllegalStateException.class)
                        .hasMessageContainingAll("scorer 'lengths' of ", Lengths.class.getName(), says));
    }
}
