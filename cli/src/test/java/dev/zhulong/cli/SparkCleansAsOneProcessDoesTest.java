package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trap 25 of scale: a corpus and its shards made under Spark have the bytes of one process, though an executor is lost; and what cannot be done is said. */
class SparkCleansAsOneProcessDoesTest {
    private static final Path JARS = Path.of("../target/zhulong/spark/classpath");

    @TempDir
    Path temporary;

    private final List<Path> inputs = new ArrayList<>();
    private Path tokenizer;

    @BeforeEach
    void inputs() throws IOException {
        assumeThat(JARS).as("Apache Spark was never fetched: ./zhulong train-cluster --spark 'local[1]' does it").exists();
        System.setProperty(SparkDriver.CLASSPATH, JARS.toString());
        var random = new Random(3);
        for (int file = 0; file < 6; file++) {
            var lines = new StringBuilder();
            for (int i = 0; i < 400; i++) {
                // one text in three resembles one of another file
                String text = TinyModel.text(i % 3 == 0 ? i : 1000 * file + i);
                lines.append("{\"text\": \"").append(text.replace("\n", "\\n")).append(" word").append(random.nextInt(3)).append("\"}\n");
            }
            inputs.add(Files.writeString(temporary.resolve(file + ".jsonl"), lines));
        }
    }

    @AfterEach
    void forgetJars() {
        System.clearProperty(SparkDriver.CLASSPATH);
    }

    private Object[] clean(Path out, Object... more) {
        List<Object> all = new ArrayList<>(List.of("clean", "--steps", "unicode,personal-data", "--validation-fraction", "0.1", "--data"));
        all.addAll(inputs);
        all.addAll(List.of("--out", out));
        all.addAll(List.of(more));
        return all.toArray();
    }

    private static Map<String, String> files(Path root) throws IOException {
        var all = new TreeMap<String, String>();
        try (var paths = Files.walk(root)) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                all.put(root.relativize(path).toString(), HexFormat.of().formatHex(Files.readAllBytes(path)));
            }
        }
        return all;
    }

    @Test
    void evenIfAnExecutorIsLost() throws Exception {
        assumeThat(Path.of("/proc/self/cmdline")).as("processes are found in /proc").exists();
        Path one = temporary.resolve("one");
        Cli.run(clean(one)).done();
        tokenizer = temporary.resolve("tokenizer");
        Cli.run("tokenizer", "train", "--data", one, "--vocab-size", 300, "--out", tokenizer).done();
        Cli.run(clean(one, "--tokenizer", tokenizer, "--force")).done();
        Collections.shuffle(inputs, new Random(1));
        Path two = temporary.resolve("two");
        var cleaning = CompletableFuture.supplyAsync(() -> Cli.run(clean(two, "--tokenizer", tokenizer, "--spark", "local-cluster[2,1,512]", "--partitions", 3)));
        while (Processes.below("--part").isEmpty() && !cleaning.isDone()) {
            Thread.sleep(5);
        }
        // which leaves the process that it started alone
        ProcessHandle executor = Processes.below("--part").getFirst().parent().orElseThrow();
        assertThat(Processes.below("CoarseGrainedExecutorBackend")).contains(executor);
        executor.destroyForcibly();
        Cli result = cleaning.get(5, TimeUnit.MINUTES).done();
        assertThat(result.err()).contains("is gone");
        assertThat(files(two)).isEqualTo(files(one)).containsKeys("audit.json", "train/documents.jsonl.zst", "shards/train/tokens-00000.bin", "shards/validation/shards.json");
        assertThat(Processes.below("zhulong")).isEmpty();
        assertThat(temporary.resolve("two.spark")).doesNotExist();
    }

    @Test
    void andWhatIsLostIsDoneAgainButNotWhatCannotBeDone() throws Exception {
        var cleaning = CompletableFuture.supplyAsync(() -> Cli.run("clean", "--data", inputs.getFirst(), "--field", "body", "--out", temporary.resolve("none"), "--spark", "local[2]",
                "--partitions", 2));
        while (Processes.below("--part clean:1").isEmpty() && !cleaning.isDone()) {
            Thread.sleep(5);
        }
        Processes.below("--part clean:1").forEach(ProcessHandle::destroyForcibly);
        Cli none = cleaning.get(5, TimeUnit.MINUTES);
        assertThat(none.code()).isEqualTo(1);
        assertThat(none.err()).contains("part 2 was lost", "nothing is left of", "no text in field 'body' 400");
        Path characters = temporary.resolve("characters");
        Cli.run("tokenizer", "train", "--type", "char", "--data", Files.writeString(temporary.resolve("few.txt"), "abc"), "--out", characters).done();
        Cli unknown = Cli.run("clean", "--steps", "unicode", "--data", inputs.getFirst(), "--tokenizer", characters, "--out", temporary.resolve("unknown"), "--spark", "local[1]");
        assertThat(unknown.code()).isEqualTo(1);
        assertThat(unknown.err()).contains("encode, part 1 of 1, failed on").doesNotContain("was lost");
        assertThat(temporary.resolve("unknown.spark/encode-00000.log")).isNotEmptyFile();
        // a setting that leaves executors without what they are
        Cli dead = Cli.run(clean(temporary.resolve("out"), "--spark", "local-cluster[1,1,512]", "--spark-set", "spark.executor.extraClassPath=/nonexistent"));
        assertThat(dead.code()).isEqualTo(1);
        assertThat(dead.err()).contains("end before they are given anything to do", "Java 17", "Hadoop 3.4.3");
        assertThat(Processes.below("zhulong")).isEmpty();
        assertThat(temporary.resolve("out/cleaning.partial")).doesNotExist();
    }

    @Test
    void aHadoopThatCannotRunOnThisJavaIsRefused() throws Exception {
        var urls = new ArrayList<URL>();
        for (String jar : Files.readString(JARS).strip().split(System.getProperty("path.separator"))) {
            urls.add(Path.of(jar).toUri().toURL());
        }
        try (var loader = new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            var refusal = loader.loadClass("dev.zhulong.spark.Teller").getDeclaredMethod("refusal", String.class, int.class);
            refusal.setAccessible(true);
            for (String old : List.of("3.4.2", "3.3.6", "2.10.2", "3.4")) {
                assertThat((String) refusal.invoke(null, old, 25)).as(old).contains("Hadoop " + old + " does not run on Java 25", "3.4.3");
                assertThat(refusal.invoke(null, old, 17)).as(old).isNull();
            }
            for (String fit : List.of("3.4.3", "3.4.10", "3.5.0", "3.4.3-SNAPSHOT", "4.0.0")) {
                assertThat(refusal.invoke(null, fit, 25)).as(fit).isNull();
            }
        }
    }

    @Test
    void whatDoesNotGoTogetherIsRefused() {
        Path out = temporary.resolve("out");
        for (List<Object> wrong : List.<List<Object>>of(List.of("--spark", "everywhere"), List.of("--spark", "local[0]"), List.of("--partitions", 2), List.of("--spark-set", "a=b"),
                List.of("--spark", "local[2]", "--partitions", 0))) {
            assertThat(Cli.run(clean(out, wrong.toArray())).code()).as("%s", wrong).isEqualTo(2);
        }
        assertThat(out).doesNotExist();
        forgetJars();
        Cli without = Cli.run(clean(out, "--spark", "local[2]"));
        assertThat(without.code()).isEqualTo(1);
        assertThat(without.err()).contains("start with ./zhulong");
    }
}
