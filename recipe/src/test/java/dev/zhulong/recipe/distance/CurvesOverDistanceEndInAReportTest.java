package dev.zhulong.recipe.distance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CurvesOverDistanceEndInAReportTest {
    private static final Plan PLAN = new Plan(List.of("32x1", "32x2"), 8, 6, List.of(1, 3, 6), 60, 4, 6, 8, 3e-3, 1);

    @TempDir
    Path directory;

    private Distance.Result run(Plan plan, double minutes, Progress progress) {
        return Distance.run(plan, minutes, directory.resolve("out"), progress, Long.MAX_VALUE);
    }

    @Test
    void withEveryModelAtEveryDistanceAndGoOnWhereTheyWereStopped() throws IOException {
        assertThatThrownBy(() -> run(PLAN, 0, event -> {
            if (event.stage().equals("train") && event.done() == 3 && Files.exists(directory.resolve("out/runs/32x1-global"))) {
                throw new IllegalStateException("stopped");
            }
        })).hasMessage("stopped");
        Path first = directory.resolve("out/runs/32x1-dense/model.safetensors");
        var trained = Files.getLastModifiedTime(first);
        Distance.Result result = run(PLAN, 0, Progress.SILENT);
        assertThat(Files.getLastModifiedTime(first)).isEqualTo(trained);
        assertThat(result.curves()).extracting(curve -> curve.size() + " " + curve.attention()).containsExactly("32x1 dense", "32x1 window", "32x1 global", "32x2 dense", "32x2 window",
                "32x2 global");
        for (Curve curve : result.curves()) {
            Path run = directory.resolve("out/runs/" + curve.size() + "-" + curve.attention());
            int right = 0;
            for (String line : Files.readAllLines(run.resolve("predictions.jsonl"))) {
                JsonNode said = new ObjectMapper().readTree(line);
                right += said.get("predicted").asText().equals(said.get("answers").get(0).asText()) ? 1 : 0;
            }
            assertThat(curve.scores().keySet()).containsExactly(1, 3, 6);
            assertThat(curve.scores().values()).allMatch(score -> score.count() == 4);
            assertThat(curve.scores().values().stream().mapToInt(Score::right).sum()).isEqualTo(right);
        }
        assertThat(String.join("\n", Report.lines(result))).contains("32x2 window", "to sentence 2", "6 steps of 8 rows");
        Report.write(directory.resolve("out/report.html"), result);
        assertThat(directory.resolve("out/report.html")).content().contains("<svg", "32x2 global, 6 sentences", "polyline");
        assertThatThrownBy(() -> run(PLAN.withSteps(7), 0, Progress.SILENT)).hasMessageContaining("another recipe (plan.yaml)");
        assertThat(run(PLAN.withSteps(7), 5, Progress.SILENT).plan()).isEqualTo(PLAN);
    }

    /** What is changed in the question reaches a sentence's first word, or it does not. */
    @Test
    void aQuestionReachesAsFarAsIsSaid() throws IOException {
        for (Model model : PLAN.models()) {
            Path base = directory.resolve(model.toString());
            model.write(base, PLAN);
            EncoderSpec spec = (EncoderSpec) HfConfig.network(base.resolve("config.json"));
            assertThat(spec.layer(0).attention().reach()).isEqualTo(switch (model.attention()) {
                case DENSE -> Reach.WHOLE;
                case WINDOW -> new Reach.Window(8);
                case GLOBAL -> new Reach.Global(8, 7);
            });
            List<Integer> reached = new ArrayList<>();
            try (var tokenizer = EncoderTokenizer.load(base); Encoder encoder = EncoderFiles.load(base); var scope = TensorScope.open(); var off = NoGrad.open()) {
                String text = "Ben lives in Rome. Anna carries the axe. Tom always eats rice. Leo lives in Oslo. Eva carries the map. Max always eats figs.";
                EncodedText one = tokenizer.windows("Who is this Tom?", text, PLAN.tokens(), 0).getFirst();
                EncodedText other = tokenizer.windows("Who is this Eva?", text, PLAN.tokens(), 0).getFirst();
                assertThat(one.ids()).hasSize(PLAN.tokens());
                float[] a = encoder.states(one.ids(), one.types(), null, 1).toFloats();
                float[] b = encoder.states(other.ids(), other.types(), null, 1).toFloats();
                for (int sentence = 1; sentence <= 6; sentence++) {
                    int at = (7 + 5 * (sentence - 1)) * 32;
                    boolean differs = false;
                    for (int i = at; i < at + 32; i++) {
                        differs |= a[i] != b[i];
                    }
                    if (differs) {
                        reached.add(sentence);
                    }
                }
            }
            assertThat(reached).as(model.toString()).hasSize(model.furthest(PLAN));
            assertThat(reached.getLast()).isEqualTo(model.furthest(PLAN));
        }
    }

    @Test
    void intervalsAreWilsons() {
        // by hand: 8 of 10, z 1.959964: centre (8 + 1.920729) / 13.841459, half 1.959964 / 13.841459 * sqrt(8 * 2 / 10 + 0.960365)
        assertThat(new Score(8, 10).low()).isCloseTo(0.716740 - 0.226577, within(1e-5));
        assertThat(new Score(8, 10).high()).isCloseTo(0.716740 + 0.226577, within(1e-5));
        assertThat(new Score(0, 20).low()).isCloseTo(0, within(1e-12));
        assertThat(new Score(20, 20).low()).isCloseTo(1 / (1 + 3.841459 / 20), within(1e-6));
    }

    @Test
    void whatCannotBeMeasuredIsRefused() {
        assertThatThrownBy(() -> new Plan(List.of("33x1"), 8, 6, List.of(1), 60, 4, 6, 8, 3e-3, 1).models()).hasMessageContaining("a multiple of 32");
        assertThatThrownBy(() -> new Plan(List.of("32x1"), 8, 6, List.of(7), 60, 4, 6, 8, 3e-3, 1)).hasMessageContaining("evidence lies in one of them");
        assertThatThrownBy(() -> new Plan(List.of("32x1"), 7, 6, List.of(1), 60, 4, 6, 8, 3e-3, 1)).hasMessageContaining("an even number of tokens");
    }
}
