package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.LabelJob;
import dev.zhulong.recipe.LabelRecipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A directory for each label, a network that sees, and what comes of them. */
class PicturesAreLearntFromFoldersTest {
    @TempDir
    Path directory;

    private Path data;
    private Path base;

    @BeforeEach
    void write() throws IOException {
        data = directory.resolve("photos");
        for (int i = 0; i < 16; i++) {
            TinyPictures.picture(data.resolve("red/" + i + ".png"), 0xd03020, i);
            TinyPictures.picture(data.resolve("blue & <green>/" + i + ".png"), 0x3060d0, i + 100);
        }
        base = TinyPictures.vit(directory.resolve("vit"));
    }

    private LabelRecipe recipe(String... more) {
        List<String> fields = new ArrayList<>(List.of("model.from=" + base, "data.files=[" + data + "]", "train.steps=8", "train.lr=1e-2", "train.batch=8", "train.checkpoint_every=4",
                "train.evaluate_every=3", "data.held_out_fraction=0.3"));
        fields.addAll(Arrays.asList(more));
        return RecipeReader.defaults(LabelRecipe.class, fields);
    }

    @Test
    void whatWasLearntIsReportedAndUsed() throws IOException {
        Path run = directory.resolve("run");
        Cli done = Cli.run("finetune", "--task", "classify", "--model", base, "--data", data, "--steps", 12, "--lr", "1e-2", "--batch", 8, "--set", "data.held_out_fraction=0.4", "--out", run).done();
        assertThat(done.err()).contains("a new head: 2 labels", "zhulong classify --model");
        JsonNode scores = JsonFields.read(run.resolve("evaluation.json")).object();
        assertThat(scores.at("/metrics/accuracy").asDouble()).isEqualTo(1);
        assertThat(scores.get("labels").toString()).isEqualTo("[\"blue & <green>\",\"red\"]");
        assertThat(scores.at("/confusion/0/1").asInt() + scores.at("/confusion/1/0").asInt()).isZero();
        assertThat(scores.at("/confusion/0/0").asInt() + scores.at("/confusion/1/1").asInt()).isEqualTo(scores.get("rows").asInt());
        assertThat(Files.readString(run.resolve("report.html"))).contains("blue &amp; &lt;green&gt;", "accuracy 1.0000", "None.").doesNotContain("<green>");
        assertThat(run.resolve("preprocessor_config.json")).hasSameBinaryContentAs(base.resolve("preprocessor_config.json"));
        Cli used = Cli.run("classify", "--model", run, "--data", data, "--by-folder", "--out", directory.resolve("said.csv")).done();
        assertThat(used.out()).contains("accuracy 1.0000", "over 32 pictures");
        // goes on from its own head
        Cli again = Cli.run("finetune", "--task", "classify", "--model", run, "--data", data, "--steps", 1, "--out", directory.resolve("again")).done();
        assertThat(again.err()).contains("its own head");
    }

    @Test
    void aRunThatIsStoppedEndsInTheSameBits() {
        Path whole = directory.resolve("whole");
        new LabelJob(recipe()).run(whole, Progress.SILENT);
        for (int last : new int[] {3, 6}) {
            Path stopped = directory.resolve("stopped" + last);
            assertThatThrownBy(() -> new LabelJob(recipe()).run(stopped, event -> {
                if (event.stage().equals("train") && event.done() == last) {
                    throw new IllegalStateException("stopped");
                }
            })).hasMessage("stopped");
            assertThat(stopped.resolve("zhulong.json")).doesNotExist();
            Cli.run("resume", stopped).done();
            for (String name : List.of("model.safetensors", "predictions.jsonl", "evaluation.json")) {
                assertThat(stopped.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
            }
        }
        assertThat(Cli.run("resume", whole).done().err()).contains("is finished", "accuracy");
    }

    /** One line each, and nothing is left behind. */
    @Test
    void whatDoesNotGoTogetherIsRefusedInOneLine() throws IOException {
        refused(recipe("method=lora"), "trained whole");
        refused(recipe("data.labels=[red, yellow]"), "not among those to learn");
        refused(recipe("data.held_out=" + base.resolve("config.json")), "is no directory");
        refused(recipe("best=exact_match"), "best must be one of accuracy");
        refused(recipe("model.from=" + TinyPictures.pair(directory.resolve("clip"), "clip", "a")), "no head of classes");
        assertThatThrownBy(() -> new LabelJob(recipe()).run(data.resolve("run"), Progress.SILENT)).hasMessageContaining("lies inside the pictures");
        TinyPictures.picture(data.resolve("loose.png"), 0, 1);
        refused(recipe(), "lies in no directory of a label");
        Files.delete(data.resolve("loose.png"));
        byte[] whole = Files.readAllBytes(data.resolve("red/3.png"));
        Files.write(data.resolve("red/3.png"), Arrays.copyOf(whole, 60));
        refused(recipe(), "clean-media");
    }

    private void refused(LabelRecipe recipe, String why) {
        Path run = directory.resolve("refused");
        assertThatThrownBy(() -> new LabelJob(recipe).run(run, Progress.SILENT)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(why).message().doesNotContain("\n");
        assertThat(run.resolve("recipe.yaml")).doesNotExist();
    }
}
