package dev.zhulong.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/**
 * A driver of Apache Spark in a process of its own, whose jars are never on the class path of anything else. Its tasks are processes with the JDK and the class
 * path of this one: these lie at the same paths on all machines, as does what the job reads and writes.
 */
final class SparkDriver {
    /** Names a file with the class path of Spark and of the launcher inside it. */
    static final String CLASSPATH = "zhulong.spark";
    /** What Spark needs to see of the JDK, of what its own start scripts open. */
    private static final List<String> OPENED = List.of("java.lang", "java.lang.invoke", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
            "sun.nio.ch", "sun.nio.cs", "sun.util.calendar");

    private final SparkMaster master;
    private final String host;
    private final Properties job = new Properties();

    /**
     * A job that is not started yet.
     *
     * @param host     address of this machine that executors reach; null where Spark is to find it
     * @param name     of the job
     * @param command  each task begins with
     * @param settings of Spark, by name
     */
    SparkDriver(SparkMaster master, String host, String name, List<String> command, Map<String, String> settings) {
        this.master = master;
        this.host = host;
        job.setProperty("master", master.url());
        job.setProperty("tasks", "0");
        job.setProperty("name", name);
        for (int i = 0; i < command.size(); i++) {
            job.setProperty("command." + i, command.get(i));
        }
        // paths of the job that are relative are so to here
        job.setProperty("directory", Path.of("").toAbsolutePath().toString());
        job.setProperty("threads", settings.getOrDefault("spark.task.cpus", "1"));
        if (master.memory() > 0) {
            set("spark.executor.memory", master.memory() + "m");
        }
        set("spark.ui.enabled", "false");
        set("spark.executor.extraClassPath", classpath());
        if (master.isRemote()) {
            if (host != null) {
                set("spark.driver.host", host);
            }
            set("spark.jars", classpath().split(System.getProperty("path.separator"), 2)[0]);
        }
        settings.forEach(this::set);
    }

    /** What the job's class in {@code dev.zhulong.spark} asks for. */
    SparkDriver with(String name, String value) {
        job.setProperty(name, value);
        return this;
    }

    /** A setting of Spark, unless the user gave it. */
    SparkDriver withSetting(String name, String value) {
        job.putIfAbsent("setting." + name, value);
        return this;
    }

    private void set(String name, String value) {
        job.setProperty("setting." + name, value);
    }

    /**
     * Starts it.
     *
     * @param main class in {@code dev.zhulong.spark}
     * @param work directory that nobody else may read, as the job may hold a key
     * @param log  file that is appended with what Spark writes
     */
    Process start(String main, Path work, Path log) throws IOException {
        Path file = work.resolve("job.properties");
        try (Writer out = Files.newBufferedWriter(file)) {
            job.store(out, null);
        }
        Files.createDirectories(work.resolve("home/jars"));
        List<String> command = new ArrayList<>();
        command.add(RankProcesses.java());
        OPENED.forEach(name -> command.addAll(List.of("--add-opens", "java.base/" + name + "=ALL-UNNAMED")));
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-Dlog4j2.configurationFile=zhulong-log4j2.properties", "-cp", classpath(),
                "dev.zhulong.spark." + main, file.toString()));
        var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        // executors of local-cluster are started from there
        builder.environment().put("SPARK_HOME", work.resolve("home").toString());
        builder.environment().put("SPARK_SCALA_VERSION", "2.13");
        if (!master.isRemote()) {
            builder.environment().put("SPARK_LOCAL_IP", host == null ? "127.0.0.1" : host);
        }
        return builder.directory(work.toFile()).start();
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
}
