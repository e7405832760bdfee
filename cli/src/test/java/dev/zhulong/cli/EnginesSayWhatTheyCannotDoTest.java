package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EnginesSayWhatTheyCannotDoTest {
    @TempDir
    static Path temporary;

    static Path gguf;

    @BeforeAll
    static void write() throws IOException {
        TinyModel.write(temporary.resolve("model"));
        gguf = temporary.resolve("tiny.gguf");
        Rehearsal.write(gguf);
        Files.writeString(temporary.resolve("text.gguf"), "no model at all");
        Files.createDirectories(temporary.resolve("adapter"));
        changed("architecture.gguf", Map.of("general.architecture", GgufValue.of("mamba")), GgufType.Q8_0);
        changed("tokenizer.gguf", Map.of("tokenizer.ggml.model", GgufValue.of("rwkv")), GgufType.Q8_0);
        changed("type.gguf", Map.of(), GgufType.NVFP4);
        changed("long.gguf", Map.of("llama.context_length", GgufValue.of(2_000_000_000)), GgufType.Q8_0);
    }

    /** The tiny file with other metadata, its head of another type. */
    private static void changed(String name, Map<String, GgufValue> other, GgufType head) {
        try (GgufFile file = GgufFile.open(gguf)) {
            var metadata = new LinkedHashMap<>(file.metadata().values());
            metadata.putAll(other);
            List<GgufWriter.Entry> entries = new ArrayList<>();
            file.tensors().values().forEach(tensor -> {
                if (head == GgufType.Q8_0 || !tensor.name().equals("output.weight")) {
                    entries.add(GgufWriter.Entry.of(tensor));
                    return;
                }
                long[] shape = {tensor.shape()[0], 256};
                entries.add(new GgufWriter.Entry(tensor.name(), head, shape, () -> MemorySegment.ofArray(new byte[(int) (shape[0] * head.bytes(256))])));
            });
            GgufWriter.write(temporary.resolve(name), metadata, entries);
        }
    }

    private static Cli run(String line) {
        return Cli.run((Object[]) line.replace("DIR", temporary.toString()).split(" "));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "generate --model DIR/tiny.gguf --adapter DIR/adapter | merge",
        "chat --model DIR/tiny.gguf --weights q4_0 | quantize",
        "evaluate --model DIR/tiny.gguf --engine torch --text DIR/text.gguf | --engine torch",
        "generate --model DIR/model --adapter DIR/adapter --engine cpu | zhulong merge",
        "generate --model DIR/model --adapter DIR/adapter --weights q8_0 | zhulong merge",
        "logits --model DIR/model --engine torch --weights q8_0 --ids 1 --out DIR/l | --engine torch",
        "generate --model DIR/model --weights q9 | q9",
        "generate --model DIR/model --threads 0 | --threads",
        "generate --model DIR/model --context 0 | --context",
        "generate --model DIR/model --engine torch --kv int8 | --kv",
        "generate --model DIR/model --engine torch --route throughput | --route",
        "generate --model DIR/model --adapter DIR/adapter --route throughput | zhulong merge",
        "generate --model DIR/model --route fast | --route",
        "generate --model DIR/tiny.gguf --kv int9 | --kv",
    })
    void whatDoesNotGoTogetherIsWrongUsage(String line, String named) {
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).startsWith("zhulong: ").contains(named).contains("--help");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "generate --model DIR/text.gguf | begins with the letters GGUF",
        "generate --model DIR/none.gguf | none.gguf: no such file",
        "generate --model DIR/architecture.gguf | one of llama, qwen2, qwen3, gpt2",
        "generate --model DIR/tokenizer.gguf | tokenizer.ggml.model",
        "generate --model DIR/type.gguf | output.weight",
        "tokenizer encode --model DIR/tokenizer.gguf a | llama, t5, gpt2 or bert",
        "generate --model DIR/tiny.gguf --context 513 | 512 tokens",
        "generate --model DIR/model --context 65 | 64 tokens",
        "generate --model DIR/long.gguf --max-new-tokens 2000000000 | ask for at most",
        "chat --model DIR/long.gguf --context 1999999999 | GB for keys and values of 1,999,999,999 tokens",
    })
    void whatCannotBeRunIsOneLineThatSaysWhatToDo(String line, String named) {
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(1);
        assertThat(result.err()).startsWith("zhulong: ").contains(named).hasLineCount(1).doesNotContain("unexpected").doesNotContain("Exception");
    }

    /** What an asked-for context needs is an error; what the model could have had is cut, and said. */
    @Test
    void aConversationTakesTheContextThatFits() {
        Cli chat = Cli.runWithInput("Hello\n", "chat", "--model", temporary.resolve("long.gguf"), "--max-new-tokens", 2).done();
        assertThat(chat.err()).contains("of the model's context of 2,000,000,000 tokens").contains("fit into memory");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "-Dnothing | --add-modules jdk.incubator.vector",
        "--add-modules jdk.incubator.vector -XX:TieredStopAtLevel=1 | -XX:TieredStopAtLevel=1",
        "--add-modules jdk.incubator.vector -Xint | -Xint",
    })
    void aJvmWithoutFastVectorsIsOneLine(String flags, String named) throws Exception {
        List<String> words = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        words.addAll(List.of(flags.split(" ")));
        words.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName(), "generate", "--model", gguf.toString()));
        Path output = temporary.resolve("output.txt");
        Process process = new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        process.getOutputStream().close();
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(output)).isEqualTo(1);
        List<String> lines = Files.readAllLines(output).stream().filter(line -> !line.startsWith("WARNING")).toList();
        assertThat(lines).singleElement().asString().startsWith("zhulong: the CPU kernels need").contains(named);
    }

    /** In every verb that has the option: thousands of threads that spin bring a machine to a standstill. */
    @ParameterizedTest
    @ValueSource(strings = {"generate --model DIR/model --prompt a", "chat --model DIR/model", "evaluate --model DIR/model --text DIR/text.gguf",
        "logits --model DIR/model --ids 1 --out DIR/l", "serve --model DIR/model --port 0", "doctor --model DIR/model", "bench infer --model DIR/tiny.gguf",
        "bench train", "quantize --model DIR/model --to q8_0 --out DIR/q.gguf", "clean --data DIR/model --out DIR/c"})
    void moreThreadsThanCoresCanRunAreRefused(String line) {
        int most = 8 * Runtime.getRuntime().availableProcessors();
        for (int threads : new int[] {most + 1, 100_000, Integer.MAX_VALUE, 0, -1}) {
            Cli result = run(line + " --threads " + threads);
            assertThat(result.code()).as(result.err()).isEqualTo(2);
            assertThat(result.err()).startsWith("zhulong: --threads ").contains("at most " + most + " ", "found " + threads);
        }
    }

    @Test
    void asManyThreadsAsAllowedWork() {
        run("generate --model DIR/model --prompt a --max-new-tokens 2 --threads " + 8 * Runtime.getRuntime().availableProcessors()).done();
    }

    /** Perplexity's windows and a suite's tasks keep to the context whose memory was looked at. */
    @Test
    void evaluationTakesTheContextThatFits() throws IOException {
        Path text = Files.writeString(temporary.resolve("text.txt"), "the things");
        Cli perplexity = Cli.run("evaluate", "--model", temporary.resolve("long.gguf"), "--text", text).done();
        assertThat(perplexity.err()).contains("of the model's context of 2,000,000,000 tokens").contains("fit into memory");
        assertThat(perplexity.out()).doesNotContain("window 2000000000");
        Files.writeString(temporary.resolve("rows.jsonl"), "{\"question\": \"the\", \"answer\": \"th\"}\n");
        Path task = Files.writeString(temporary.resolve("pick.yaml"), """
                name: pick
                description: one of two
                data: {files: [rows.jsonl]}
                choice: {context: "{{ question }}:", choices: [th, he], answer: "{{ answer }}"}
                """);
        Cli suite = Cli.run("evaluate", "--model", temporary.resolve("long.gguf"), "--suite", task).done();
        assertThat(suite.err()).contains("of the model's context of 2,000,000,000 tokens").contains("fit into memory");
    }
}
