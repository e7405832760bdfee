package dev.zhulong.cli;

import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.FileTree;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Ranks that Apache Spark places, starts and starts again: a driver of Spark in a process of its own ({@code dev.zhulong.spark.SparkRanks}), whose jars are
 * never on the class path of anything else. Each rank is again a process of its own, with the JDK and the class path of this one: these lie at the same paths
 * on all machines, as does the run's directory.
 */
final class SparkLaunch {
    /** Names a file with the class path of Spark and of the launcher inside it. */
    static final String CLASSPATH = "zhulong.spark";
    private static final Pattern LOCAL = Pattern.compile("local\\[(\\d{1,4})]");
    private static final Pattern LOCAL_CLUSTER = Pattern.compile("local-cluster\\[(\\d{1,4}), *(\\d{1,4}), *(\\d{1,9})]");
    private static final Pattern REMOTE = Pattern.compile("(spark|k8s)://.+|yarn");
    /** What Spark needs to see of the JDK, of what its own start scripts open. */
    private static final List<String> OPENED = List.of("java.lang", "java.lang.invoke", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
            "sun.nio.ch", "sun.nio.cs", "sun.util.calendar");

    private static final String SECONDS_FOR_SLOTS = "180";

    private final String master;
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
        Matcher local = LOCAL.matcher(master);
        Matcher cluster = LOCAL_CLUSTER.matcher(master);
        boolean remote = REMOTE.matcher(master).matches();
        int slots = local.matches() ? Integer.parseInt(local.group(1)) : cluster.matches() ? Integer.parseInt(cluster.group(1)) * Integer.parseInt(cluster.group(2)) : 0;
        if (!remote && slots < 1) {
            throw new IllegalArgumentException("--spark must be local[N], local-cluster[EXECUTORS,CORES,MB], spark://HOST:PORT, yarn or k8s://URL, found " + master);
        }
        if (!remote && ranks > slots) {
            throw new IllegalArgumentException(ranks + " ranks need as many slots, and " + master + " has " + slots);
        }
        if (ranks == 0 && remote) {
            throw new IllegalArgumentException("--nproc must say how many ranks " + master + " is to start");
        }
        if (bind == null && remote) {
            throw new IllegalArgumentException("--bind must give the address of this machine at which the ranks on " + master + " meet");
        }
        this.master = master;
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
            Path file = write(work.resolve("job.properties"), job, logs, key, meetings);
            Path said = logs.resolve("rank-0.log");
            long from = Files.exists(said) ? Files.size(said) : 0;
            await(driver(work, file, logs), said, from, logs);
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

    private Path write(Path file, List<String> job, Path logs, byte[] key, List<Rendezvous> meetings) throws IOException {
        var all = new Properties();
        all.setProperty("master", master);
        all.setProperty("name", "zhulong " + String.join(" ", job));
        all.setProperty("tasks", Integer.toString(ranks));
        List<String> command = RankProcesses.command(job);
        for (int i = 0; i < command.size(); i++) {
            all.setProperty("command." + i, command.get(i));
        }
        // paths of the job that are relative are so to here
        all.setProperty("directory", Path.of("").toAbsolutePath().toString());
        all.setProperty("host", bind);
        all.setProperty("ports", String.join(",", meetings.stream().map(meeting -> Integer.toString(meeting.port())).toList()));
        all.setProperty("key", HexFormat.of().formatHex(key));
        all.setProperty("timeout", Long.toString(timeout));
        all.setProperty("threads", settings.getOrDefault("spark.task.cpus", "1"));
        all.setProperty("logs", logs.toString());
        Path failed = logs.resolve("failed");
        Files.deleteIfExists(failed);
        all.setProperty("failed", failed.toString());
        // slots are counted each second, not each quarter of a minute
        all.setProperty("setting.spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "1s");
        all.setProperty("setting.spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures", SECONDS_FOR_SLOTS);
        all.setProperty("setting.spark.stage.maxConsecutiveAttempts", Integer.toString(restarts + 2));
        Matcher cluster = LOCAL_CLUSTER.matcher(master);
        if (cluster.matches()) {
            all.setProperty("setting.spark.executor.memory", cluster.group(3) + "m");
        }
        all.setProperty("setting.spark.ui.enabled", "false");
        all.setProperty("setting.spark.executor.extraClassPath", classpath());
        if (!master.startsWith("local")) {
            all.setProperty("setting.spark.driver.host", bind);
            all.setProperty("setting.spark.jars", ourJar());
        }
        settings.forEach((name, value) -> all.setProperty("setting." + name, value));
        // in a directory that nobody else may read, as it holds the key
        try (Writer out = Files.newBufferedWriter(file)) {
            all.store(out, null);
        }
        return file;
    }

    private Process driver(Path work, Path file, Path logs) throws IOException {
        Files.createDirectories(work.resolve("home/jars"));
        List<String> command = new ArrayList<>();
        command.add(RankProcesses.java());
        OPENED.forEach(name -> command.addAll(List.of("--add-opens", "java.base/" + name + "=ALL-UNNAMED")));
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-Dlog4j2.configurationFile=zhulong-log4j2.properties", "-cp", classpath(),
                "dev.zhulong.spark.SparkRanks", file.toString()));
        var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(logs.resolve("driver.log").toFile()));
        // executors of local-cluster are started from there
        builder.environment().put("SPARK_HOME", work.resolve("home").toString());
        builder.environment().put("SPARK_SCALA_VERSION", "2.13");
        if (master.startsWith("local")) {
            builder.environment().put("SPARK_LOCAL_IP", bind);
        }
        return builder.directory(work.toFile()).start();
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

    private static String classpath() {
        String file = System.getProperty(CLASSPATH);
        if (file == null || !Files.exists(Path.of(file))) {
            throw new IllegalStateException("--spark needs Spark's jars, which the launcher fetches: start with ./zhulong");
        }
        try {
            return Files.readString(Path.of(file)).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String ourJar() {
        return classpath().split(System.getProperty("path.separator"), 2)[0];
    }

    private void say(String text) {
        err.println("zhulong: " + text);
        err.flush();
    }
}
