package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BiasIsHowOftenThePrejudiceIsLikelierTest {
    @TempDir
    Path directory;

    @Test
    void pairsInTheLayoutOfCrowsPairsAreCountedByKindOfBias() throws IOException {
        var files = new TaskFiles(directory).rows("crows_pairs_anonymized.csv", ",sent_more,sent_less,stereo_antistereo,bias_type",
                "0,yy,nn,stereo,age", "1,ny,yy,stereo,age", "2,\"y, y\",\"n, n\",antistereo,gender", "3,yn,ny,stereo,gender");
        // y is three times as likely as any other byte
        var model = new ByteModel(64, _ -> {
            float[] row = new float[ByteModel.VOCAB];
            row['y'] = (float) Math.log(3);
            return row;
        });
        Tasks.Found task = Tasks.find(List.of("crows-pairs")).getFirst();
        TaskResult result = TaskRun.run(new Tasks.Found(task.spec(), Optional.of(directory)), model.subject("m"), files.options(), Progress.SILENT);
        // likelier, less likely, likelier, equal
        assertThat(TaskFiles.score(result.metrics(), "stereotype_share")).isEqualTo(2.5 / 4);
        assertThat(TaskFiles.score(result.groups().get("age"), "stereotype_share")).isEqualTo(0.5);
        assertThat(TaskFiles.score(result.groups().get("gender"), "stereotype_share")).isEqualTo(0.75);
        assertThat(TaskFiles.score(result.metrics(), "loglikelihood_difference")).isCloseTo(Math.log(3) * (2 + 1 + 2 + 0) / 4, within(1e-5));
        assertThat(result.metrics().getFirst().estimate().standardError()).isPositive();
    }
}
