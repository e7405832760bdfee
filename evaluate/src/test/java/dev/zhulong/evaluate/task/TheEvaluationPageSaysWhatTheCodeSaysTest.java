package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.evaluate.text.TextMetric;
import dev.zhulong.formats.yaml.RecipeReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class TheEvaluationPageSaysWhatTheCodeSaysTest {
    private static final Path PAGE = Path.of(System.getProperty("zhulong.root")).resolve("docs/evaluation.md");

    @Test
    void everyFieldOfATaskAndEveryMetric() throws IOException {
        String page = Files.readString(PAGE);
        assertThat(page).as("the table of fields").contains(RecipeReader.describe(TaskSpec.class));
        assertThat(TextMetric.names()).allSatisfy(name -> assertThat(page).contains("`" + name + "`"));
    }

    @Test
    void itsExampleIsATask() throws IOException {
        var block = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(PAGE));
        assertThat(block.find()).isTrue();
        TaskSpec task = RecipeReader.read(block.group(1), "docs/evaluation.md", TaskSpec.class, List.of());
        assertThat(task.generate().orElseThrow().metrics()).containsExactly("exact", "rouge");
        assertThat(RecipeReader.read(RecipeReader.toYaml(task), "again", TaskSpec.class, List.of())).isEqualTo(task);
    }
}
