package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code export --runtime} writes, started in an empty directory with an empty environment. */
class ARuntimeRunsWithoutAJdkTest {
    private static final long MOST_BYTES = 60_000_000;
    /** Hugging Face's tokenizers, which this model's byte-level BPE brings along. */
    private static final Pattern TOKENIZERS = Pattern.compile("(tokenizers|api|jna|gson)-.*");
    private static final Pattern URL = Pattern.compile("\\[(http://[\\d.:]+) serves");

    @TempDir
    static Path temporary;

    private static Path model;
    private static Path runtime;
    private static Path empty;

    private record Run(int code, String out, String err) {}

    @BeforeAll
    static void export() throws IOException {
        assumeTrue(Files.isExecutable(Path.of(System.getProperty("java.home"), "bin/jlink")), "this Java has no jlink: no runtime is linked");
        model = TinyModel.write(temporary.resolve("tiny"));
        runtime = temporary.resolve("a place/runtime");
        empty = Files.createDirectories(temporary.resolve("empty"));
        Cli.run("export", "--runtime", "--model", model, "--to", "q8_0", "--out", runtime, "--archive").done();
    }

    private static Process start(String... words) throws IOException {
        List<String> command = new ArrayList<>(List.of(runtime.resolve("zhulong").toString()));
        command.addAll(List.of(words));
        var builder = new ProcessBuilder(command).directory(empty.toFile());
        builder.environment().clear();
        return builder.start();
    }

    private static Run run(String input, String... words) throws Exception {
        Process process = start(words);
        process.getOutputStream().write(input.getBytes(StandardCharsets.UTF_8));
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new Run(process.exitValue(), out, err);
    }

    @Test
    void itWritesWhatZhulongWrites() throws Exception {
        Run written = run("", "generate", "--prompt", "The lamp", "--greedy", "--max-new-tokens", "12");
        assertThat(written.code()).as(written.err()).isZero();
        assertThat(written.err()).startsWith("[").doesNotContain("WARNING");
        Path gguf = temporary.resolve("eight.gguf");
        Cli.run("quantize", "--model", model, "--to", "q8_0", "--no-measure", "--out", gguf).done();
        assertThat(written.out()).isEqualTo(Cli.run("generate", "--model", gguf, "--prompt", "The lamp", "--greedy", "--max-new-tokens", 12).done().out());
        Run talked = run("Hello\n", "chat", "--greedy", "--max-new-tokens", "4");
        assertThat(talked.code()).as(talked.err()).isZero();
        try (Stream<Path> left = Files.list(empty)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void itServes() throws Exception {
        Process server = start("serve", "--port", "0", "--warm-up", "0");
        try (var err = new BufferedReader(new InputStreamReader(server.getErrorStream(), StandardCharsets.UTF_8)); HttpClient client = HttpClient.newHttpClient()) {
            List<String> said = new ArrayList<>();
            Matcher url = URL.matcher("");
            for (String line; !url.find() && (line = err.readLine()) != null; ) {
                said.add(line);
                url.reset(line);
                if (line.contains(" serves ")) {
                    break;
                }
            }
            assertThat(url.reset(String.join("\n", said)).find()).as(said.toString()).isTrue();
            HttpResponse<String> answer = client.send(HttpRequest.newBuilder(URI.create(url.group(1) + "/v1/completions")).header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\": \"The lamp\", \"max_tokens\": 3, \"temperature\": 0}")).build(), HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            assertThat(new ObjectMapper().readTree(answer.body()).path("usage").path("completion_tokens").asInt()).isPositive();
            assertThat(client.send(HttpRequest.newBuilder(URI.create(url.group(1) + "/")).build(), HttpResponse.BodyHandlers.ofString()).body()).contains("<html");
            assertThat(client.send(HttpRequest.newBuilder(URI.create(url.group(1) + "/metrics")).build(), HttpResponse.BodyHandlers.ofString()).body()).contains("zhulong_written_tokens_total");
        } finally {
            server.destroy();
            assertThat(server.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "quantize --model x | 2 | quantize needs Zhulong itself",
        "generate --route throughput | 1 | libtorch",
        "generate --model DIR --engine torch | 1 | Zhulong itself",
        "generate --model nowhere.gguf | 1 | nowhere.gguf",
    })
    void whatIsNotInItIsSaidInOneLine(String line, int code, String named) throws Exception {
        Run refused = run("", line.replace("DIR", model.toString()).split(" "));
        assertThat(refused.code()).as(refused.err()).isEqualTo(code);
        assertThat(refused.err().strip().lines()).singleElement().asString().startsWith("zhulong: ").contains(named);
    }

    @Test
    void itsHelpSaysWhatItHas() throws Exception {
        assertThat(run("", "--help").out()).contains("generate", "chat", "serve", "export made").doesNotContain("quickstart");
    }

    @Test
    void itIsSmall() throws IOException {
        try (Stream<Path> files = Files.walk(runtime)) {
            assertThat(files.filter(Files::isRegularFile).filter(file -> !file.startsWith(runtime.resolve("model")) && !TOKENIZERS.matcher(file.getFileName().toString()).matches())
                    .mapToLong(file -> file.toFile().length()).sum()).isLessThan(MOST_BYTES);
        }
    }

    @Test
    void theArchiveHoldsTheFolder() throws IOException {
        List<String> names = new ArrayList<>();
        boolean runs = false;
        try (var tar = new TarArchiveInputStream(new GzipCompressorInputStream(Files.newInputStream(runtime.resolveSibling("runtime.tar.gz"))))) {
            for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
                names.add(entry.getName());
                runs |= entry.getName().equals("runtime/zhulong") && (entry.getMode() & 0100) != 0;
            }
        }
        assertThat(runs).isTrue();
        try (Stream<Path> files = Files.walk(runtime)) {
            assertThat(names).hasSize((int) files.count());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "export --model DIR --out OUT/o | 2 | --runtime",
        "export --runtime --model OUT/nowhere --out OUT/o | 1 | nowhere",
        "export --runtime --model DIR --to q9 --out OUT/o | 2 | q4_k_m",
        "export --runtime --model DIR --to q4 --out OUT/o | 2 | GGUF",
        "export --runtime --model DIR --out DIR | 1 | not empty",
    })
    void badInputIsRefusedInOneLineAndLeavesNothing(String line, int code, String named) {
        Cli refused = Cli.run((Object[]) line.replace("DIR", model.toString()).replace("OUT", temporary.toString()).split(" "));
        assertThat(refused.code()).as(refused.err()).isEqualTo(code);
        assertThat(refused.err().lines().filter(each -> each.startsWith("zhulong: "))).singleElement().asString().contains(named);
        assertThat(temporary.resolve("o")).doesNotExist();
    }
}
