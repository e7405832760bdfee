package dev.zhulong.recipe.scale;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ALadderEndsWithAPredictionTest {
    private static final List<Rung> RUNGS = Rung.ladder(List.of("32x1", "64x1", "64x2"), List.of("256", "1k"));

    @TempDir
    Path temporary;

    private Scale.Result run(List<Rung> rungs, String... overrides) throws IOException {
        Path texts = temporary.resolve("texts");
        if (!Files.exists(texts)) {
            TinyRun.texts(texts, 20, 1);
        }
        return Scale.run(new PretrainJob(TinyRun.recipe(texts, overrides)), rungs, temporary.resolve("ladder"), Progress.SILENT, Long.MAX_VALUE);
    }

    @Test
    void theMostCostlyModelIsPredictedAndWhatIsTrainedIsNotTrainedAgain() throws IOException {
        Scale.Result first = run(RUNGS);
        assertThat(first.points()).hasSize(5).allMatch(p -> p.loss() > 0 && p.tokens() > 0);
        assertThat(first.heldOut().rung()).isEqualTo(new Rung(64, 2, 1000));
        assertThat(first.points()).doesNotContain(first.heldOut());
        // hidden 32, one layer, MLP of 128, a head of the vocabulary's rows
        Point smallest = first.points().getFirst();
        long vocabulary = (smallest.weights() - 4 * 32 * 32 - 3 * 32 * 128) / 32;
        assertThat(vocabulary).isBetween(257L, 320L);
        Path rung = temporary.resolve("ladder/rungs").resolve(RUNGS.getFirst().toString());
        assertThat(rung.resolve("run")).doesNotExist();
        Files.delete(rung.resolve("point.json"));
        Scale.Result second = run(RUNGS);
        assertThat(second.points().getFirst().loss()).isEqualTo(smallest.loss());
        assertThat(second.points().subList(1, 5)).isEqualTo(first.points().subList(1, 5));
        List<String> lines = Report.lines(second, new Means(2, 0, 0, 1.5, 80));
        assertThat(String.join("\n", lines)).contains("loss = ", "held out of the fit: 64x2@1000", "your limit", "kWh");
        Report.write(temporary.resolve("report.html"), second, new Means(0, 0, 0, 0, 0));
        assertThat(temporary.resolve("report.html")).content().contains("<svg", "64x2@1000");
    }

    @Test
    void whatCannotBeALadderIsRefusedBeforeAnythingIsTrained() {
        assertThatThrownBy(() -> run(RUNGS.subList(0, 4))).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("six models or more");
        assertThatThrownBy(() -> run(Rung.ladder(List.of("30x1", "64x1", "64x2"), List.of("256", "1k")))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a multiple of 32");
        assertThat(temporary.resolve("ladder")).doesNotExist();
    }
}
