package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.tensor.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TheVerbsComputeOnTheDeviceAskedForTest {
    @TempDir
    static Path temporary;

    static Path model;
    static Path texts;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 8; i++) {
            Files.writeString(texts.resolve("text-" + i + ".txt"), TinyModel.text(i));
        }
        Rehearsal.write(temporary.resolve("tiny.gguf"));
    }

    private static void need(String name) {
        String missing = Device.parse(name).unavailable();
        assumeTrue(missing == null, () -> "needs a CUDA GPU: " + missing);
    }

    private static double tolerance(String name) {
        return name.equals("cpu") ? 0 : 1e-4;
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void theSameGreedyText(String name) {
        need(name);
        Object[] words = {"generate", "--model", model, "--prompt", "The lamp", "--temperature", 0, "--max-new-tokens", 24, "--engine", "torch"};
        assertThat(Cli.run(with(words, "--device", name)).done().out()).isEqualTo(Cli.run(words).done().out());
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void theSamePerplexity(String name) throws IOException {
        need(name);
        Object[] words = {"evaluate", "--model", model, "--text", texts.resolve("text-0.txt"), texts.resolve("text-3.txt"), "--json"};
        JsonNode here = new ObjectMapper().readTree(Cli.run(words).done().out());
        JsonNode there = new ObjectMapper().readTree(Cli.run(with(words, "--device", name)).done().out());
        assertThat(there.get("mean_nll").asDouble()).isCloseTo(here.get("mean_nll").asDouble(), within(tolerance(name)));
        assertThat(there.get("engine").asText()).isEqualTo(name.equals("cpu") ? "torch f32" : "torch f32 cuda:0");
    }

    /** From fresh weights, then on from them as a whole and by an adapter; a run that is there goes on on another device. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void theSameTraining(String name) throws IOException {
        need(name);
        double here = pretrain("cpu", temporary.resolve(name + "-here"));
        Path run = temporary.resolve(name + "-there");
        assertThat(pretrain(name, run)).isCloseTo(here, within(100 * tolerance(name)));
        assertThat(Files.readString(run.resolve("recipe.yaml"))).contains("device: " + name);
        assertThat(Cli.run("resume", run, "--device", "cpu").done().err()).contains("is finished");
        Path adapted = temporary.resolve(name + "-adapter");
        Cli.run("continue", "--model", run, "--data", texts, "--out", adapted, "--lora", 2, "--steps", 2, "--set", "data.clean=false",
                "--device", name).done();
        Path rows = Files.writeString(temporary.resolve(name + ".jsonl"), "{\"prompt\": \"Who came?\", \"completion\": \"keeper a\"}\n".repeat(20));
        Path tuned = temporary.resolve(name + "-tuned");
        Cli.run("finetune", "--model", run, "--data", rows, "--out", tuned, "--method", "qlora", "--steps", 2, "--batch", 2, "--device", name).done();
        Cli.run("generate", "--model", run, "--adapter", tuned, "--prompt", "Who came?", "--max-new-tokens", 4, "--engine", "torch", "--device", name).done();
    }

    private static double pretrain(String device, Path run) throws IOException {
        Cli.run("pretrain", "--data", texts, "--out", run, "--device", device, "--set", "data.tokenizer.vocab_size=300", "--set", "data.clean=false",
                "--set", "data.validation_fraction=0.2", "--set", "model.hidden_size=16", "--set", "model.layers=2", "--set", "model.heads=2",
                "--set", "model.context_length=32", "--set", "train.steps=6", "--set", "train.batch=2", "--set", "train.seq=32", "--set", "train.sample_every=3",
                "--set", "train.sample_tokens=4", "--set", "train.warmup=2").done();
        return new ObjectMapper().readTree(run.resolve("evaluation.json").toFile()).get("mean_nll").asDouble();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "generate --model DIR/model --device cuda | add --engine torch",
        "chat --model DIR/model --device cuda:1 --engine cpu | add --engine torch",
        "generate --model DIR/model --device cuda --weights q8_0 | add --engine torch",
        "generate --model DIR/tiny.gguf --device cuda | leave out --device cuda",
        "evaluate --model DIR/model --text DIR/texts/text-0.txt --device gpu | expected cpu, cuda or cuda:N",
    })
    void whatDoesNotGoTogetherIsWrongUsage(String line, String named) {
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).startsWith("zhulong: ").contains(named).contains("--help");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "generate --model DIR/model --engine torch --device cuda:99 --prompt a",
        "evaluate --model DIR/model --text DIR/texts/text-0.txt --device cuda:99",
        "pretrain --data DIR/texts --out DIR/none --device cuda:99",
        "continue --model DIR/model --data DIR/texts --out DIR/none --device cuda:99",
        "finetune --model DIR/model --data DIR/rows.jsonl --out DIR/none --device cuda:99",
    })
    void aDeviceThatIsNotThereIsOneLineAndLeavesNothing(String line) throws IOException {
        Files.writeString(temporary.resolve("rows.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n".repeat(20));
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(1);
        assertThat(result.err()).startsWith("zhulong: device cuda:99 cannot be used: ").hasLineCount(1).doesNotContain("unexpected");
        assertThat(temporary.resolve("none")).doesNotExist();
    }

    @Test
    void aRecipeThatNamesNoDeviceThereCouldBeIsRefused() {
        Cli result = run("pretrain --data DIR/texts --out DIR/none --set device=tpu");
        assertThat(result.code()).isEqualTo(1);
        assertThat(result.err()).contains("expected cpu, cuda or cuda:N");
    }

    @Test
    void aFullGpuIsOneLineThatSaysWhatToDo() {
        assertThat(Main.message(new RuntimeException("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free.\nException raised from malloc"
                + " at CUDACachingAllocator.cpp:1\nframe #0: c10::Error"))).isEqualTo("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free."
                + " Make batches or rows smaller or set train.recompute=true; of a model that runs, ask for a smaller --context");
    }

    private static Object[] with(Object[] words, Object... more) {
        List<Object> all = new ArrayList<>(List.of(words));
        all.addAll(List.of(more));
        return all.toArray();
    }

    private static Cli run(String line) {
        return Cli.run((Object[]) line.replace("DIR", temporary.toString()).split(" "));
    }
}
