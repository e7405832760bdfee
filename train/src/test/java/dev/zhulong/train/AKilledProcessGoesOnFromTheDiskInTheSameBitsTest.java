package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Trap 17: a process of its own that is killed by the system, which asks it nothing, while it reads, computes or writes. */
@EnabledOnOs(value = {OS.LINUX, OS.MAC}, disabledReason = "processes are started by a shell and ended by kill -9")
class AKilledProcessGoesOnFromTheDiskInTheSameBitsTest {
    private static final int KILLS = 5;

    @TempDir
    Path directory;

    @Test
    void killedInTheMiddleOfSteps() throws Exception {
        Path unbroken = directory.resolve("unbroken");
        TrainingProcess.inMemory(unbroken);
        Path run = directory.resolve("killed");
        var random = new SplittableRandom(11);
        for (int kill = 0; kill < KILLS; kill++) {
            Process process = TrainingProcess.start(run, "");
            // the first step of a process is longer than the others
            long duration = 0;
            try (BufferedReader lines = process.inputReader()) {
                String said = "";
                for (int step = 0; step < 3; ) {
                    long begun = System.nanoTime();
                    said = lines.readLine();
                    assertThat(said).as("kill %d", kill).isNotNull();
                    duration = System.nanoTime() - begun;
                    step += said.startsWith("step ") ? 1 : 0;
                }
                Thread.sleep(random.nextLong(1 + duration / 1_000_000));
                assertThat(process.isAlive()).as("kill %d after %s", kill, said).isTrue();
                process.destroyForcibly().waitFor();
            }
        }
        Process last = TrainingProcess.start(run, "");
        String said = new String(last.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertThat(last.waitFor()).as(said).isZero();
        assertThat(TrainingProcess.result(run)).isEqualTo(TrainingProcess.result(unbroken));
    }
}
