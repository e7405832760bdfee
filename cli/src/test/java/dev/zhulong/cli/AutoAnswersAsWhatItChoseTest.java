package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.tensor.Int8Linear;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AutoAnswersAsWhatItChoseTest {
    private static final Pattern CHOSEN = Pattern.compile("(?s).*\\[for .*: (\\S+)(?: \\(f32\\))? on the (latency|throughput) route, products [\\d.]+ s, memory"
            + " [\\d.]+ MB(, perplexity \\+[\\d.]+ % \\(at most [\\d.]+ %\\))?.*; not .*\\]\n.*");

    @TempDir
    static Path temporary;

    private static Path model;
    private static Path gguf;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        gguf = temporary.resolve("tiny.gguf");
        Rehearsal.write(gguf);
    }

    private static float[] logits(Path out) {
        try (var file = SafetensorsFile.open(out)) {
            return file.tensors().get("logits").toFloats();
        }
    }

    private static Cli logits(Path out, String options) {
        var words = new ArrayList<Object>(List.of("logits", "--model", model, "--ids", "5,9,33,120,7", "--force", "--out", out));
        words.addAll(List.of(options.split(" ")));
        return Cli.run(words.toArray()).done();
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "--route auto",
        "--route auto --weights q4_0 --expect 64,1,8",
        "--precision auto",
        "--route auto --precision auto --quality-floor 0.5",
        "--route auto --precision auto --quality-floor 1000 --expect 1000,2,40",
        "--route throughput --precision auto --quality-floor 1000",
    })
    void theBitsAreThoseOfTheOptionsItNames(String options) {
        assumeTrue(!options.contains("throughput") || Int8Linear.unavailable() == null, "no int8 products on this processor");
        Path auto = temporary.resolve("auto.safetensors");
        Path named = temporary.resolve("named.safetensors");
        String said = logits(auto, options).err();
        Matcher line = CHOSEN.matcher(said);
        assertThat(line.matches()).as(said).isTrue();
        String weights = switch (line.group(1)) {
            case "full", "f32" -> "stored";
            case "int8" -> "q8_0";
            default -> line.group(1);
        };
        assertThat(line.group(3) != null).isEqualTo(options.contains("--precision"));
        logits(named, "--weights " + weights + " --route " + line.group(2));
        assertThat(logits(auto)).isEqualTo(logits(named));
    }

    @Test
    void theSummaryAndTheDoctorNameIt() throws IOException {
        Cli generated = Cli.run("generate", "--model", model, "--prompt", "The", "--max-new-tokens", 3, "--route", "auto").done();
        assertThat(generated.err()).contains("[for 256 tokens read and 128 written, 1 sequence: f32 on the ").contains("cpu f32");
        JsonNode doctor = new ObjectMapper().readTree(Cli.run("doctor", "--json", "--model", gguf, "--expect", "99,7,3").done().out());
        assertThat(doctor.get("model_auto").asText()).startsWith("for 99 tokens read and 7 written, 3 sequences together: q8_0 on the ").contains("latency")
                .contains("throughput");
        assertThat(doctor.get("model_auto_engine").asText()).startsWith("cpu q8_0");
    }

    @Test
    void aFileHasItsPrecision() {
        Cli auto = Cli.run("generate", "--model", gguf, "--max-new-tokens", 2, "--precision", "auto").done();
        assertThat(auto.err()).contains("q8_0 on the latency route").contains("precision is the model's own");
        assertThat(Cli.run("generate", "--model", gguf, "--max-new-tokens", 2, "--precision", "int8").done().err()).contains("cpu q8_0");
        for (String other : List.of("full", "int4")) {
            Cli refused = Cli.run("generate", "--model", gguf, "--precision", other);
            assertThat(refused.code()).isEqualTo(1);
            assertThat(refused.err()).hasLineCount(1).contains("q8_0").contains("--precision " + other).contains("quantize");
        }
        Path own = temporary.resolve("own");
        Cli.run("quantize", "--model", model, "--to", "q4", "--no-measure", "--out", own).done();
        assertThat(Cli.run("generate", "--model", own, "--max-new-tokens", 2, "--precision", "int4").done().err()).contains("cpu ").doesNotContain("u8");
        assertThat(Cli.run("generate", "--model", own, "--precision", "int8").err()).hasLineCount(1).contains("quantize");
        assertThat(Cli.run("generate", "--model", model, "--max-new-tokens", 2, "--precision", "int8").done().err()).contains("cpu q8_0");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--precision int8 --weights q8_0 | --weights",
        "--engine torch --precision int8 | --precision",
        "--expect 1,2,3 | --route auto",
        "--route auto --expect 1,2 | --expect",
        "--route auto --expect 1,2,0 | --expect",
        "--quality-floor 2 --precision int8 | --precision auto",
        "--quality-floor -1 --precision auto | --quality-floor",
        "--precision int5 | --precision",
    })
    void whatDoesNotGoTogetherIsWrongUsage(String options, String named) {
        var words = new ArrayList<Object>(List.of("generate", "--model", model));
        words.addAll(List.of(options.split(" ")));
        Cli result = Cli.run(words.toArray());
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).startsWith("zhulong: ").contains(named);
    }

    @Test
    void withoutLibtorchItIsLatencyAndSaysWhy() throws Exception {
        String said = withoutLibtorch("generate", "--model", gguf.toString(), "--max-new-tokens", "2", "--route", "auto", "--expect", "5000,1,50");
        assertThat(said).contains("on the latency route").contains("not q8_0 on the throughput route: ").contains("cannot be loaded").contains("cpu q8_0, ");
    }

    @Test
    void withoutLibtorchSpeedIsMeasuredAllTheSame() throws Exception {
        String said = withoutLibtorch("bench", "infer", "--model", gguf.toString(), "--prompt", "4", "--sequences", "1", "--tokens", "2", "--repetitions", "1");
        assertThat(said).contains("libtorch cannot be loaded").containsPattern("prompt 4 +[0-9.]+ tokens/s\\s").containsPattern("decode +[0-9.]+ tokens/s +[0-9]+% of read bandwidth");
    }

    /** What a command says on the class path without libtorch's natives, as where a build left them out. */
    private String withoutLibtorch(String... words) throws Exception {
        String path = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator)).filter(entry -> !entry.matches(".*bytedeco.*-(linux|macosx|windows)-.*"))
                .collect(Collectors.joining(File.pathSeparator));
        Path output = temporary.resolve("output.txt");
        var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules", "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED", "-cp", path, Main.class.getName()));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        process.getOutputStream().close();
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        String said = Files.readString(output);
        assertThat(process.exitValue()).as(said).isZero();
        return said;
    }

    @Test
    void aBadFormEndsBeforeTheModelIsRead() throws IOException {
        Path schema = temporary.resolve("schema.json");
        Files.writeString(schema, "{\"items\": {\"unevaluatedItems\": true}}");
        Path absent = temporary.resolve("no-such-model");
        assertThat(Cli.run("generate", "--model", absent, "--json-schema", schema).err()).hasLineCount(1).contains("schema.json").contains("#/items");
        assertThat(Cli.run("generate", "--model", absent, "--regex", "a(").err()).hasLineCount(1).contains("a(").doesNotContain("no-such-model");
    }
}
