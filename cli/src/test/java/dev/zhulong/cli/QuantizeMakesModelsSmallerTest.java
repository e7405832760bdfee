package dev.zhulong.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

class QuantizeMakesModelsSmallerTest {
    private static final Pattern LINE = Pattern.compile("(\\S+): (\\S+ \\S+) -> (\\S+ \\S+) \\((\\d+)% (smaller|larger)\\);"
            + " perplexity ([\\d.]+) -> ([\\d.]+) over ([\\d,]+) tokens (.+); ([\\d.]+) -> ([\\d.]+) tokens/s");

    @TempDir
    static Path temporary;

    private static Path model;
    private static Path text;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        text = temporary.resolve("text.txt");
        Files.writeString(text, TinyModel.text(30) + TinyModel.text(31));
        Cli.run("quantize", "--model", model, "--to", "q8", "--no-measure", "--out", temporary.resolve("eight.gguf")).done();
        Cli.run("quantize", "--model", model, "--to", "q4", "--no-measure", "--out", temporary.resolve("int4")).done();
        Path broken = Files.createDirectories(temporary.resolve("broken"));
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.filter(f -> !f.endsWith(ModelDirectory.WEIGHTS)).toList()) {
                Files.copy(file, broken.resolve(file.getFileName()));
            }
        }
        try (var file = SafetensorsFile.open(model.resolve(ModelDirectory.WEIGHTS))) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            file.tensors().forEach((name, view) -> {
                float[] values = view.toFloats();
                values[5] = name.equals("model.layers.1.mlp.down_proj.weight") ? Float.NaN : values[5];
                entries.add(SafetensorsWriter.Entry.of(name, view.shape(), values));
            });
            SafetensorsWriter.write(broken.resolve(ModelDirectory.WEIGHTS), Map.of(), entries);
        }
        Files.writeString(temporary.resolve("empty.txt"), "");
        Files.createDirectories(temporary.resolve("nothing"));
        Files.writeString(temporary.resolve("there.gguf"), "precious");
        Files.writeString(Files.createDirectories(temporary.resolve("mine")).resolve("notes.txt"), "precious");
    }

    private static Matcher line(Cli result) {
        assertThat(result.out().lines()).hasSize(1);
        Matcher line = LINE.matcher(result.out().strip());
        assertThat(line.matches()).as(result.out()).isTrue();
        return line;
    }

    private static JsonNode evaluated(Path of) throws IOException {
        return new ObjectMapper().readTree(Cli.run("evaluate", "--model", of, "--engine", "cpu", "--text", text, "--json").done().out());
    }

    /** Size by the disk, perplexity and tokens by another verb's measurement. */
    @ParameterizedTest
    @CsvSource({"q4_k_m, .gguf", "f32, .gguf", "q4, ''"})
    void theLineIsWhatSeparateMeasurementSays(String type, String suffix) throws IOException {
        Path out = temporary.resolve("line-" + type + suffix);
        Matcher line = line(Cli.run("quantize", "--model", model, "--to", type, "--text", text, "--threads", 1, "--out", out).done());
        assertThat(line.group(1)).isEqualTo(out.toString());
        JsonNode before = evaluated(model);
        JsonNode after = evaluated(out);
        assertThat(Double.parseDouble(line.group(6))).isCloseTo(before.get("perplexity").asDouble(), within(1e-4));
        assertThat(Double.parseDouble(line.group(7))).isCloseTo(after.get("perplexity").asDouble(), within(1e-4));
        assertThat(Long.parseLong(line.group(8).replace(",", ""))).isEqualTo(after.get("tokens").asLong());
        assertThat(line.group(9)).isEqualTo("of " + text);
        assertThat(Double.parseDouble(line.group(10))).isPositive();
        assertThat(Double.parseDouble(line.group(11))).isPositive();
        long from = tensorBytes(model);
        long to = suffix.isEmpty() ? tensorBytes(out) : Files.size(out);
        assertThat(line.group(2)).isEqualTo(Sizes.of(from));
        assertThat(line.group(3)).isEqualTo(Sizes.of(to));
        assertThat(Long.parseLong(line.group(4))).isEqualTo(Math.abs(Math.round(100.0 * to / from - 100)));
        assertThat(line.group(5)).isEqualTo(to > from ? "larger" : "smaller");
    }

    private static long tensorBytes(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return files.tensors().values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
        }
    }

    /** The same texts from the same seed before and after, and at every call. */
    @Test
    void withoutATextTheModelWritesOne() {
        Path out = temporary.resolve("written.gguf");
        Matcher once = line(Cli.run("quantize", "--model", model, "--to", "q4_0", "--out", out).done());
        Matcher again = line(Cli.run("quantize", "--model", model, "--to", "q4_0", "--out", out, "--force").done());
        assertThat(once.group(9)).isEqualTo("the model wrote itself");
        assertThat(again.group(6) + " " + again.group(7) + " " + again.group(8)).isEqualTo(once.group(6) + " " + once.group(7) + " " + once.group(8));
    }

    @Test
    void unmeasuredItSaysSo() {
        Cli result = Cli.run("quantize", "--model", model, "--to", "q8_0", "--no-measure", "--out", temporary.resolve("unmeasured.gguf")).done();
        assertThat(result.out()).contains("perplexity not measured");
        assertThat(result.out().lines()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32.gguf", "q8_0.gguf", "q4"})
    void theOtherVerbsTakeIt(String name) throws IOException {
        Path out = temporary.resolve("taken-" + name);
        Cli.run("quantize", "--model", model, "--to", name.replace(".gguf", ""), "--no-measure", "--out", out).done();
        Cli written = Cli.run("generate", "--model", out, "--greedy", "--prompt", "The lamp", "--max-new-tokens", 20).done();
        if (name.startsWith("f32")) {
            assertThat(written.out()).isEqualTo(Cli.run("generate", "--model", model, "--greedy", "--prompt", "The lamp", "--max-new-tokens", 20).done().out());
        }
        assertThat(written.err()).contains("cpu " + (name.equals("q4") ? "" : name.replace(".gguf", "")));
        String ids = Cli.run("tokenizer", "encode", "--model", out, TinyModel.text(25)).done().out();
        assertThat(ids).isEqualTo(Cli.run("tokenizer", "encode", "--model", model, TinyModel.text(25)).done().out());
        assertThat(Cli.runWithInput("Hello\n", "chat", "--model", out, "--max-new-tokens", 3, "--greedy").code()).isZero();
    }

    @Test
    void askedForItRoundsTwiceAndSaysSo() {
        Cli twice = Cli.run("quantize", "--model", temporary.resolve("eight.gguf"), "--to", "q4_0", "--requantize", "--no-measure", "--out",
                temporary.resolve("twice.gguf")).done();
        assertThat(twice.out()).contains("rounded once more");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "quantize --model MODEL --to q4_0 | --out",
        "quantize --model MODEL --to q9 --out DIR/o.gguf | f32, bf16, f16, q8_0, q6_k, q5_k_m, q5_k_s, q5_1, q5_0, q4_k_m",
        "quantize --model MODEL --to q4 --out DIR/o.gguf | directory",
        "quantize --model MODEL --to q8_0 --out DIR/o | DIR/o.gguf",
        "quantize --model MODEL --to q8_0 --out DIR/o.gguf --threads 0 | --threads",
        "quantize --model MODEL --to q8_0 --out DIR/o.gguf --no-measure --text DIR/text.txt | --no-measure",
    })
    void wrongUsageIsTwo(String line, String named) {
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).startsWith("zhulong: ").contains(named.replace("DIR", temporary.toString())).contains("--help");
        nothingIsLeft(result);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "quantize --model DIR/nowhere --to q8_0 --out DIR/o.gguf | nowhere",
        "quantize --model DIR/nothing --to q8_0 --out DIR/o.gguf | config.json",
        "quantize --model MODEL --to q8_0 --out DIR/there.gguf | --force",
        "quantize --model MODEL --to q4 --out DIR/mine | --force",
        "quantize --model MODEL --to q4 --out DIR/mine --overwrite | remove it yourself",
        "quantize --model MODEL --to q4 --out MODEL --overwrite | the model itself",
        "quantize --model DIR/eight.gguf --to q4_0 --out DIR/o.gguf | --requantize",
        "quantize --model DIR/eight.gguf --to q4 --out DIR/o | Hugging Face",
        "quantize --model DIR/int4 --to q4_0 --out DIR/o.gguf | made from",
        "quantize --model DIR/there.gguf --to q4_0 --out DIR/o.gguf | there.gguf",
        "quantize --model MODEL --to q4_0 --out DIR/o.gguf --text DIR/none.txt | none.txt",
        "quantize --model MODEL --to q4_0 --out DIR/o.gguf --text DIR/empty.txt | empty",
        "quantize --model DIR/broken --to q4_0 --no-measure --out DIR/o.gguf | model.layers.1.mlp.down_proj.weight",
        "quantize --model DIR/broken --to q4 --no-measure --out DIR/o | model.layers.1.mlp.down_proj.weight",
    })
    void badInputIsOneWithOneLineThatNamesIt(String line, String named) {
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(1);
        assertThat(result.err().lines().filter(l -> l.startsWith("zhulong: "))).singleElement().asString().contains(named)
                .doesNotContain("unexpected").doesNotContain("Exception");
        nothingIsLeft(result);
    }

    private static Cli run(String line) {
        return Cli.run((Object[]) line.replace("MODEL", model.toString()).replace("DIR", temporary.toString()).split(" "));
    }

    private static void nothingIsLeft(Cli result) {
        assertThat(result.out()).isEmpty();
        assertThat(temporary.resolve("there.gguf")).hasContent("precious");
        assertThat(temporary.resolve("mine/notes.txt")).hasContent("precious");
        try (Stream<Path> files = Files.list(temporary)) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.startsWith("o.") || name.equals("o") || name.startsWith(".")))
                    .isEmpty();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
