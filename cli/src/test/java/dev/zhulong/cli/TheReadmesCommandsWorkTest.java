package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** README's commands, as they stand there and in their order, with less to do: fewer minutes, steps and weights, our own texts. */
class TheReadmesCommandsWorkTest {
    private static final Path ROOT = Path.of(System.getProperty("zhulong.root"));
    /** Commands of the launcher itself; what runs here are the launcher's tests. */
    private static final List<String> LAUNCHERS = List.of("./zhulong test");
    private static final String TINY_MODEL = " --set model.hidden_size=32 --set model.layers=1 --set model.heads=2 --set model.kv_heads=2"
            + " --set data.tokenizer.vocab_size=300 --set train.steps=3 --set train.warmup=1 --set train.batch=2 --set train.seq=64";
    /** What is added to a command that begins so. */
    private static final Map<String, String> LESS = Map.of(
            "./zhulong serve", " --warm-up 0",
            "./zhulong bench serve", " --tokens 4 --repetitions 1 --system-words 20",
            "./zhulong quickstart", " --minutes 0.01 --corpus texts",
            "./zhulong generate", " --max-new-tokens 3",
            "./zhulong continue", " --steps 3 --set train.batch=2",
            "./zhulong finetune", " --steps 3 --batch 2",
            "./zhulong tokenizer train", " --vocab-size 300",
            "./zhulong pretrain", TINY_MODEL,
            "./zhulong bench train", " --vocab 64 --hidden 32 --layers 1 --heads 2 --kv-heads 2 --ffn 64 --batch 2 --seq 16 --steps 3");

    /** In place of README's, which may be taken here. */
    private final String port = freePort();
    @TempDir
    Path directory;

    @Test
    void oneAfterTheOther() throws Exception {
        copy(ROOT.resolve("cli/src/main/java"), directory.resolve("texts"));
        copy(ROOT.resolve("docs"), directory.resolve("our-documents"));
        copy(ROOT.resolve("recipes"), directory.resolve("recipes"));
        Files.copy(ROOT.resolve("README.md"), directory.resolve("README.md"));
        Files.write(directory.resolve("examples.jsonl"), IntStream.range(0, 20).mapToObj(i -> "{\"instruction\": \"When does branch " + i
                + " open?\", \"output\": \"At " + i % 12 + " o'clock.\"}").toList());
        Files.writeString(directory.resolve("hours.yaml"), block("yaml"));
        Files.writeString(directory.resolve("reviews.csv"), block("csv"));
        Files.write(directory.resolve("pairs.tsv"), IntStream.range(0, 40).mapToObj(i -> "Branch " + i + " is open.\t" + i + "号分行开门了。").toList());
        TinyEncoder.write(directory.resolve("all-MiniLM-L6-v2"), "the", "staff", "were", "kind", "we", "waited", "an", "hour");
        Files.writeString(directory.resolve("written.txt"), "At nine o'clock.\nClosed today.\n");
        Files.writeString(directory.resolve("wanted.txt"), "At nine o'clock.\nIt is closed.\n");
        List<String> commands = commands("README.md");
        assertThat(commands).hasSizeGreaterThan(10);
        List<Process> servers = new ArrayList<>();
        try {
            for (String command : commands) {
                if (command.startsWith("./zhulong serve")) {
                    servers.add(serve(command));
                } else if (!LAUNCHERS.contains(command)) {
                    run(command);
                }
            }
        } finally {
            servers.forEach(Process::destroy);
        }
        assertThat(servers).hasSize(1);
        for (Process server : servers) {
            assertThat(server.waitFor(60, TimeUnit.SECONDS)).as("ends when it is told to").isTrue();
        }
        assertThat(directory.resolve("runs/first/report.html")).as("README tells of it").isNotEmptyFile();
        assertThat(directory.resolve("corpus/audit.html")).as("README tells of it").isNotEmptyFile();
        assertThat(directory.resolve("runs/measured/report.html")).as("README tells of it").isNotEmptyFile();
    }

    /** The first fenced block of this language in the README. */
    private static String block(String language) throws IOException {
        Matcher block = Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(ROOT.resolve("README.md")));
        assertThat(block.find()).isTrue();
        return block.group(1);
    }

    /** But for what is said to the model and about the command. */
    @Test
    void areTheSameInBothLanguages() throws IOException {
        assertThat(commands("README.zh-CN.md").stream().map(TheReadmesCommandsWorkTest::withoutTexts).toList())
                .isEqualTo(commands("README.md").stream().map(TheReadmesCommandsWorkTest::withoutTexts).toList());
    }

    private static String freePort() {
        try (var socket = new ServerSocket(0)) {
            return Integer.toString(socket.getLocalPort());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Process serve(String command) throws Exception {
        Path output = directory.resolve("server.txt");
        Process server = start(command, output);
        long patience = System.nanoTime() + 60_000_000_000L;
        while (!read(output).contains(" serves ")) {
            assertThat(server.isAlive() && System.nanoTime() < patience).as(() -> command + "\n" + read(output)).isTrue();
            Thread.sleep(100);
        }
        return server;
    }

    private void run(String command) throws Exception {
        Path output = directory.resolve("output.txt");
        Process process = start(command, output);
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).as(command).isTrue();
        assertThat(process.exitValue()).as(() -> command + "\n" + read(output)).isZero();
    }

    private Process start(String command, Path output) throws IOException {
        String less = LESS.entrySet().stream().filter(e -> command.startsWith(e.getKey())).map(Map.Entry::getValue).findFirst().orElse("");
        List<String> words = words(command.replace("~/", "").replace("localhost:8080", "localhost:" + port) + less);
        words.removeFirst();
        if (command.startsWith("./zhulong serve")) {
            words.addAll(List.of("--port", port));
        }
        for (String option : List.of("--minutes", "--max-new-tokens", "--vocab-size")) {
            // README's own value gives way to ours
            int at = words.indexOf(option);
            if (at >= 0 && words.lastIndexOf(option) > at) {
                words.subList(at, at + 2).clear();
            }
        }
        List<String> java = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-cp", System.getProperty("java.class.path"),
                Main.class.getName()));
        java.addAll(words);
        var builder = new ProcessBuilder(java).directory(directory.toFile()).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("OMP_NUM_THREADS", "1");
        Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }

    /** Lines of fenced blocks that begin with the launcher, without comments. */
    private static List<String> commands(String page) throws IOException {
        List<String> commands = new ArrayList<>();
        boolean fenced = false;
        for (String line : Files.readAllLines(ROOT.resolve(page))) {
            fenced ^= line.startsWith("```");
            if (fenced && line.startsWith("./zhulong")) {
                commands.add(line.replaceFirst("\\s+#.*", ""));
            }
        }
        return commands;
    }

    private static String withoutTexts(String command) {
        return command.replaceAll("\"[^\"]*\"", "\"\"");
    }

    private static List<String> words(String command) {
        List<String> words = new ArrayList<>();
        Matcher word = Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(command);
        while (word.find()) {
            words.add(word.group(1) != null ? word.group(1) : word.group(2));
        }
        return words;
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
