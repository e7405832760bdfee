package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdaptersGoOnAndIntoModelsTest {
    @TempDir
    Path temporary;

    private Path model;
    private Path adapter;

    @BeforeEach
    void files() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        adapter = adapter("adapter", 0.5);
    }

    private Path adapter(String name, double size) throws IOException {
        Path directory = Files.createDirectories(temporary.resolve(name));
        try (Decoder base = DecoderFiles.load(model);
                LoraAdapter made = LoraAdapter.create(base, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 3)) {
            made.parameters().forEach((n, t) -> {
                if (n.contains("lora_B") && size > 0) {
                    t.normal_(0, size);
                }
            });
            made.save(directory, StorageType.F32);
        }
        return directory;
    }

    private float[] logits(Object... from) {
        Path file = temporary.resolve("logits.safetensors");
        Object[] all = new Object[from.length + 6];
        all[0] = "logits";
        System.arraycopy(from, 0, all, 1, from.length);
        System.arraycopy(new Object[] {"--ids", "1,17,250,3", "--out", file, "--force"}, 0, all, from.length + 1, 5);
        Cli.run(all).done();
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            return stored.tensor("logits").toFloats();
        }
    }

    private static double difference(float[] a, float[] b) {
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }

    @Test
    void mergedAnswersAsTheModelWithItsAdapterAndNotAsTheModel() {
        Path merged = temporary.resolve("merged");
        Cli merge = Cli.run("merge", "--model", model, "--adapter", adapter, "--out", merged).done();
        assertThat(merge.out()).contains("14 weights changed", "differ by at most");
        float[] adapted = logits("--model", model, "--adapter", adapter);
        assertThat(difference(adapted, logits("--model", model))).isGreaterThan(1e-2);
        assertThat(difference(adapted, logits("--model", merged))).isLessThan(1e-4);
        String one = Cli.run("generate", "--model", model, "--adapter", adapter, "--greedy", "--prompt", "The lamp", "--max-new-tokens", 8).done().out();
        assertThat(Cli.run("generate", "--model", merged, "--greedy", "--prompt", "The lamp", "--max-new-tokens", 8).done().out()).isEqualTo(one);
        assertThat(merged.resolve("zhulong.json")).content().contains("merge");
    }

    /** A target without tensors, an expression in Python's syntax, and weights in pickle. */
    @Test
    void whatTheConfigurationNamesAndTheFileLacksIsSaid() throws IOException {
        Path config = adapter.resolve(LoraConfig.FILE);
        String all = Files.readString(config);
        assertThat(generated(adapter).err()).doesNotContain("target_modules");
        Path part = adapter("part", 0.5);
        try (Decoder base = DecoderFiles.load(model);
                LoraAdapter made = LoraAdapter.create(base, LoraConfig.of(2, 4, "q_proj"), 3)) {
            made.parameters().forEach((n, t) -> t.normal_(0, 0.5));
            made.save(part, StorageType.F32);
        }
        Files.writeString(part.resolve(LoraConfig.FILE), Files.readString(part.resolve(LoraConfig.FILE)).replaceFirst("\"target_modules\" : [^\\]]*\\]",
                "\"target_modules\" : \".*\\\\\\\\.(?P<the_one>q_proj|v_proj)\""));
        for (Cli cli : new Cli[] {generated(part), Cli.run("merge", "--model", model, "--adapter", part, "--out", temporary.resolve("m")).done()}) {
            assertThat(cli.err()).contains("target_modules names 2 projections that adapter_model.safetensors has no tensors for; they stay as they are:"
                    + " model.layers.0.self_attn.v_proj, model.layers.1.self_attn.v_proj");
        }
        Files.writeString(config, all.replaceFirst("\"layers_to_transform\" : null", "\"layers_to_transform\" : 1"));
        assertThat(generated(adapter).err()).doesNotContain("has no tensors");
        Files.move(adapter.resolve(LoraConfig.WEIGHTS), adapter.resolve("adapter_model.bin"));
        Cli pickle = Cli.run("generate", "--model", model, "--adapter", adapter, "--prompt", "x");
        assertThat(pickle.code()).isEqualTo(1);
        assertThat(pickle.err()).startsWith("zhulong: ").contains("adapter_model.bin", "save_pretrained").hasLineCount(1);
    }

    private Cli generated(Path with) {
        return Cli.run("generate", "--model", model, "--adapter", with, "--greedy", "--prompt", "The lamp", "--max-new-tokens", 2).done();
    }

    @Test
    void whatIsWrongIsOneLine() throws IOException {
        Path untrained = adapter("untrained", 0);
        for (Cli cli : new Cli[] {
            Cli.run("merge", "--model", model, "--adapter", untrained, "--out", temporary.resolve("a")),
            Cli.run("generate", "--model", model, "--adapter", untrained, "--prompt", "x"),
            Cli.run("merge", "--model", model, "--adapter", adapter("faint", 1e-7), "--type", "bf16", "--out", temporary.resolve("b")),
            Cli.run("merge", "--model", model, "--adapter", model, "--out", temporary.resolve("c")),
            Cli.run("merge", "--model", model, "--adapter", adapter, "--out", model)}) {
            assertThat(cli.code()).isEqualTo(1);
            assertThat(cli.err()).startsWith("zhulong: ").hasLineCount(1);
        }
        assertThat(temporary.resolve("a")).doesNotExist();
        assertThat(temporary.resolve("b")).doesNotExist();
    }

    /** Stored weights, quantised ones, and a GGUF file: the same adapter, the more precise the nearer to libtorch's. */
    @Test
    void theCpuEngineTakesItAsTheTorchEngineDoes() {
        float[] torch = logits("--model", model, "--adapter", adapter);
        assertThat(difference(torch, logits("--model", model, "--adapter", adapter, "--engine", "cpu"))).isLessThan(5e-3);
        Path gguf = temporary.resolve("model.gguf");
        Cli.run("quantize", "--model", model, "--to", "q8_0", "--no-measure", "--out", gguf).done();
        double least = difference(torch, logits("--model", model));
        for (float[] found : new float[][] {logits("--model", model, "--adapter", adapter, "--weights", "q8_0"), logits("--model", gguf, "--adapter", adapter)}) {
            assertThat(difference(torch, found)).isLessThan(least / 4);
        }
    }

    @Test
    void verbsThatWriteAndMeasureTakeItOnTheCpuEngine() throws IOException {
        Object[] generate = {"generate", "--model", model, "--adapter", adapter, "--greedy", "--prompt", "The lamp", "--max-new-tokens", 8};
        Cli own = Cli.run(generate).done();
        assertThat(own.err()).contains("cpu f32");
        Cli four = Cli.run("generate", "--model", model, "--adapter", adapter, "--weights", "q4_0", "--prompt", "The lamp", "--max-new-tokens", 3).done();
        assertThat(four.err()).contains("cpu q4_0");
        assertThat(Cli.run("generate", "--model", model, "--greedy", "--prompt", "The lamp", "--max-new-tokens", 8).done().out()).isNotEqualTo(own.out());
        assertThat(Cli.runWithInput("The lamp\n", "chat", "--model", model, "--adapter", adapter, "--engine", "cpu", "--max-new-tokens", 3).done().out()).isNotEmpty();
        Path text = Files.writeString(temporary.resolve("text.txt"), TinyModel.text(3));
        String torch = Cli.run("evaluate", "--model", model, "--adapter", adapter, "--text", text).done().out();
        String cpu = Cli.run("evaluate", "--model", model, "--adapter", adapter, "--engine", "cpu", "--text", text).done().out();
        assertThat(cpu).contains("cpu f32");
        assertThat(perplexity(cpu)).isCloseTo(perplexity(torch), within(0.01 * perplexity(torch)));
    }

    private static double perplexity(String said) {
        return Double.parseDouble(said.split(" ")[1]);
    }

    /** What cannot be put on single sequences is refused where the cpu engine is asked for, and goes to libtorch where it is not. */
    @Test
    void aDoraAdapterRunsOnTheTorchEngine() throws IOException {
        Path dora = Files.createDirectories(temporary.resolve("dora"));
        try (Decoder base = DecoderFiles.load(model); LoraAdapter made = LoraAdapter.create(base, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR).withDora(true), 3)) {
            made.parameters().forEach((n, t) -> {
                if (n.contains("lora_B")) {
                    t.normal_(0, 0.5);
                }
            });
            made.save(dora, StorageType.F32);
        }
        Cli refused = Cli.run("generate", "--model", model, "--adapter", dora, "--engine", "cpu", "--prompt", "x");
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("DoRA", "--engine torch", "zhulong merge");
        assertThat(Cli.run("generate", "--model", model, "--adapter", dora, "--prompt", "x", "--max-new-tokens", 2).done().err()).contains("torch f32");
    }
}
