package dev.zhulong.cli;

import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.FileTree;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Ranks that Apache Spark places, starts and starts again ({@code dev.zhulong.spark.SparkRanks}). Each rank is a process of its own.
 */
final class SparkLaunch {
    private static final String SECONDS_FOR_SLOTS = "180";

    private final SparkMaster master;
    private final int ranks;
    private final int restarts;
    private final String bind;
    private final long timeout;
    private final Map<String, String> settings;
    private final PrintWriter err;

    /**
     * @param ranks    0 for as many as a local master has slots
     * @param bind     address of this machine that ranks meet at; null for the loopback address, which is that of local masters
     * @param timeout  in milliseconds, after which a rank that says nothing is taken for dead
     * @param settings of Spark, by name
     * @throws IllegalArgumentException if the master is none, or the number of ranks is not known
     */
    SparkLaunch(String master, int ranks, int restarts, String bind, long timeout, Map<String, String> settings, PrintWriter err) {
        this.master = SparkMaster.of(master);
        int slots = this.master.slots();
        boolean remote = this.master.isRemote();
        if (!remote && ranks > slots) {
            throw new IllegalArgumentException(ranks + " ranks need as many slots, and " + master + " has " + slots);
        }
        if (ranks == 0 && remote) {
            throw new IllegalArgumentException("--nproc must say how many ranks " + master + " is to start");
        }
        if (bind == null && remote) {
            throw new IllegalArgumentException("--bind must give the address of this machine at which the ranks on " + master + " meet");
        }
        this.ranks = ranks == 0 ? slots : ranks;
        this.restarts = restarts;
        this.bind = bind == null ? "127.0.0.1" : bind;
        this.timeout = timeout;
        this.settings = settings;
        this.err = err;
    }

    /**
     * Runs {@code job} on each rank.
     *
     * @param run directory of the job, where logs go as well
     * @throws IllegalStateException if it did not come to its end, with the reason
     */
    void run(List<String> job, Path run) {
        List<Rendezvous> meetings = new ArrayList<>();
        Path work = null;
        try {
            Path logs = Files.createDirectories(run.toAbsolutePath().resolveSibling(run.getFileName() + ".spark"));
            work = Files.createTempDirectory("zhulong-spark");
            byte[] key = Rendezvous.newKey();
            for (int generation = 0; generation <= restarts; generation++) {
                meetings.add(Rendezvous.open(bind, 0, ranks, generation, key, this::say));
            }
            SparkDriver driver = driver(job, logs, key, meetings);
            Path said = logs.resolve("rank-0.log");
            long from = Files.exists(said) ? Files.size(said) : 0;
            await(driver.start("SparkRanks", work, logs.resolve("driver.log")), said, from, logs);
        } catch (IOException e) {
            throw new UncheckedIOException("Spark could not be started: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while Spark's ranks were training", e);
        } finally {
            meetings.forEach(Rendezvous::close);
            if (work != null) {
                FileTree.delete(work);
            }
        }
    }

    private SparkDriver driver(List<String> job, Path logs, byte[] key, List<Rendezvous> meetings) throws IOException {
        Path failed = logs.resolve("failed");
        Files.deleteIfExists(failed);
        return new SparkDriver(master, bind, "zhulong " + String.join(" ", job), RankProcesses.command(job), settings)
                .with("tasks", Integer.toString(ranks))
                .with("host", bind)
                .with("ports", String.join(",", meetings.stream().map(meeting -> Integer.toString(meeting.port())).toList()))
                .with("key", HexFormat.of().formatHex(key))
                .with("timeout", Long.toString(timeout))
                .with("logs", logs.toString())
                .with("failed", failed.toString())
                // slots are counted each second, not each quarter of a minute
                .withSetting("spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "1s")
                .withSetting("spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures", SECONDS_FOR_SLOTS)
                .withSetting("spark.stage.maxConsecutiveAttempts", Integer.toString(restarts + 2));
    }

    /** Shows what the driver says and what rank 0 writes, to the end. */
    private void await(Process driver, Path said, long from, Path logs) throws IOException, InterruptedException {
        var last = new String[] {""};
        Thread listener = Thread.ofPlatform().daemon().name("spark-says").start(() -> {
            try (BufferedReader lines = driver.inputReader(StandardCharsets.UTF_8)) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    last[0] = line;
                    say(line);
                }
            } catch (IOException e) {
                // it has ended
            }
        });
        try (var stop = AtExit.of(driver::destroy)) {
            long at = from;
            boolean ended;
            do {
                ended = driver.waitFor(200, TimeUnit.MILLISECONDS);
                at = copy(said, at);
            } while (!ended);
            listener.join();
        } finally {
            driver.destroy();
        }
        if (driver.exitValue() != Main.DONE) {
            throw new IllegalStateException(last[0].isEmpty() ? "Spark's driver ended with exit code " + driver.exitValue() + ": see " + logs.resolve("driver.log") : "training under Spark failed, as said above (logs: " + logs + ")");
        }
    }

    private long copy(Path said, long at) throws IOException {
        if (!Files.exists(said)) {
            return at;
        }
        try (var file = new RandomAccessFile(said.toFile(), "r")) {
            file.seek(at);
            byte[] more = new byte[(int) Math.min(1 << 16, Math.max(0, file.length() - at))];
            file.readFully(more);
            err.print(new String(more, StandardCharsets.UTF_8));
            err.flush();
            return at + more.length;
        }
    }

    private void say(String text) {
        err.println("zhulong: " + text);
        err.flush();
    }
}
