package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Trap 17: a process whose files may not grow any more, as on a full disk, says so before a step, and what was done stays. The shell's limit is of a file's size, in blocks of 512 bytes. */
@EnabledOnOs(value = {OS.LINUX, OS.MAC}, disabledReason = "a shell limits the size of files")
class AFullDiskLosesNothingTest {
    @TempDir
    Path directory;

    private Path run;

    @BeforeEach
    void run() {
        run = directory.resolve("run");
    }

    private record End(int status, String said) {}

    private End train(String limit) throws Exception {
        Process process = TrainingProcess.start(run, limit);
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new End(process.waitFor(), said);
    }

    private void assertThatItEndsAsInMemory() throws Exception {
        End end = train("");
        assertThat(end.status).as(end.said).isZero();
        Path unbroken = directory.resolve("unbroken");
        TrainingProcess.inMemory(unbroken);
        assertThat(TrainingProcess.result(run)).isEqualTo(TrainingProcess.result(unbroken));
    }

    @Test
    void whereTheStateFindsNoRoomNothingIsTrained() throws Exception {
        // 1 MB: weights are 3.3 MB
        End end = train("ulimit -f 2000; ");
        assertThat(end.status).as(end.said).isEqualTo(1);
        assertThat(end.said).contains("error: cannot make the files of the training's state in " + run.resolve("state")).doesNotContain("step 1");
        assertThatItEndsAsInMemory();
    }

    /** Its first checkpoint is of step 10, and holds moments of 6.6 MB in a file. */
    @Test
    void whereACheckpointFindsNoRoomTheStepsAreKept() throws Exception {
        End end = train("ulimit -f 8000; ");
        assertThat(end.status).as(end.said).isEqualTo(1);
        assertThat(end.said).contains("step 10").doesNotContain("step 11");
        assertThat(run.resolve("checkpoints/step-00000010")).doesNotExist();
        End again = train("ulimit -f 8000; ");
        assertThat(again.said).as("goes on after step 9").doesNotContain("step 9\n").contains("step 10");
        assertThatItEndsAsInMemory();
        assertThat(Files.list(run.resolve("checkpoints")).map(file -> file.getFileName().toString())).noneMatch(name -> name.contains("tmp"));
    }
}
