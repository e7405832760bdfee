package dev.zhulong.cli;

import dev.zhulong.data.CleaningInParts;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.progress.Progress;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Parts of a cleaning as tasks of Apache Spark ({@code dev.zhulong.spark.SparkStages}), each a process of its own. One driver serves all stages; it is asked
 * through its standard input and ends with it.
 */
final class SparkParts implements CleaningInParts.Stages, AutoCloseable {
    /** Before what is not to be shown as it is. */
    private static final String ANSWER = "\t";
    private static final String DONE = "\tdone";
    private static final String FAILED = "\tfailed ";
    private static final String PROGRESS = "\tprogress ";
    private static final long GRACE_SECONDS = 20;
    /** A local master tries a task once unless it is told otherwise. */
    private static final String TRIES = "4";

    private final SparkDriver job;
    private final Path logs;
    private final Progress progress;
    private Path work;
    private Process driver;
    private PrintWriter questions;
    private BufferedReader answers;
    private AtExit stop;

    /**
     * Starts nothing yet.
     *
     * @param command that each task runs, with {@code STAGE:PART} behind it
     * @param logs    directory for what Spark and the tasks write, which all machines see
     */
    SparkParts(SparkMaster master, Map<String, String> settings, List<String> command, Path logs, Progress progress) throws IOException {
        this.logs = logs.toAbsolutePath();
        this.progress = progress;
        SparkMaster retrying = master.url().startsWith("local[") ? new SparkMaster(master.url().replace("]", "," + TRIES + "]"), master.slots(), 0) : master;
        this.job = new SparkDriver(retrying, null, "zhulong clean", RankProcesses.command(command), settings).with("logs", this.logs.toString())
                .with("failed", this.logs.resolve("failed").toString());
    }

    @Override
    public void run(String stage, int tasks) {
        try {
            if (driver == null) {
                start();
            }
            progress.at(stage, 0, tasks, "parts");
            questions.println(stage + " " + tasks);
            for (String line = answers.readLine(); line != null; line = answers.readLine()) {
                if (line.equals(DONE)) {
                    progress.at(stage, tasks, tasks, "parts");
                    return;
                }
                if (line.startsWith(FAILED)) {
                    throw new IllegalStateException(line.substring(FAILED.length()));
                }
                if (line.startsWith(PROGRESS)) {
                    progress.at(stage, Integer.parseInt(line.substring(PROGRESS.length())), tasks, "parts");
                } else if (!line.startsWith(ANSWER)) {
                    progress.message("zhulong: " + line);
                }
            }
            driver.waitFor();
            throw new IllegalStateException("Spark's driver ended with exit code " + driver.exitValue() + " before all parts of " + stage + " were done (logs: " + logs + ")");
        } catch (IOException e) {
            throw new UncheckedIOException("Spark could not be started: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while parts of " + stage + " were under way", e);
        }
    }

    private void start() throws IOException {
        if (Files.exists(logs)) {
            FileTree.delete(logs);
        }
        Files.createDirectories(logs);
        work = Files.createTempDirectory("zhulong-spark");
        driver = job.start("SparkStages", work, logs.resolve("driver.log"));
        stop = AtExit.of(driver::destroy);
        questions = new PrintWriter(driver.getOutputStream(), true, StandardCharsets.UTF_8);
        answers = driver.inputReader(StandardCharsets.UTF_8);
    }

    /** Ends the driver, and with it all tasks. */
    @Override
    public void close() {
        if (driver == null) {
            return;
        }
        questions.close();
        try {
            if (!driver.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
                driver.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            driver.destroyForcibly();
            Thread.currentThread().interrupt();
        } finally {
            stop.close();
            FileTree.delete(work);
        }
    }
}
