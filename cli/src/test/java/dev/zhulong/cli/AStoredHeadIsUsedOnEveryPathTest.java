package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A head that differs from the embedding although the configuration ties them: every verb takes the model for the one whose configuration is right. */
class AStoredHeadIsUsedOnEveryPathTest {
    private static final String IDS = "1,17,250,3,299,0,42";

    @TempDir
    Path temporary;

    /** GPT-2's weights by the names its first files had, with the buffers that they hold besides. */
    private Path model(String name, Family family, boolean tiedInConfig) throws IOException {
        Path directory = TinyModel.write(temporary.resolve(name));
        boolean gpt2 = family == Family.of("gpt2");
        DecoderSpec tied = !gpt2 ? ModelDirectory.readSpec(directory) : new DecoderSpec(family, TinyModel.VOCAB, 32, 2, 4, 4, 8, 64, TinyModel.CONTEXT,
                DecoderSpec.Norm.LAYER, 1e-5, DecoderSpec.Activation.GELU_TANH, false, null, true, true, true, true, false, List.of(0, 0), 0, List.of(0));
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        var random = new SplittableRandom(4);
        try (Decoder decoder = Decoder.random(tied.withOwnHead(), 7)) {
            decoder.parameters().forEach((weight, tensor) -> {
                float[] values = tensor.toFloats();
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (values[i] + 0.2 * random.nextGaussian());
                }
                entries.add(SafetensorsWriter.Entry.of(weight.replace("transformer.", ""), tensor.shape(), values));
            });
        }
        if (gpt2) {
            entries.add(SafetensorsWriter.Entry.of("h.0.attn.bias", new long[] {1, 1, 64, 64}, new float[64 * 64]));
            entries.add(SafetensorsWriter.Entry.of("h.0.attn.masked_bias", new long[0], new float[] {-1e4f}));
        }
        Files.writeString(directory.resolve(ModelDirectory.CONFIG), HfConfig.write(tiedInConfig ? tied : tied.withOwnHead(), StorageType.F32));
        SafetensorsWriter.write(directory.resolve(ModelDirectory.WEIGHTS), Map.of("format", "pt"), entries);
        return directory;
    }

    private float[] logits(Path model, String... options) {
        Path file = temporary.resolve("logits.safetensors");
        var words = new ArrayList<Object>(List.of("logits", "--model", model, "--ids", IDS, "--out", file, "--force"));
        words.addAll(List.of(options));
        Cli.run(words.toArray()).done();
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            return stored.tensor("logits").toFloats();
        }
    }

    private static byte[] weights(Path directory) throws IOException {
        return Files.readAllBytes(directory.resolve(ModelDirectory.WEIGHTS));
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void everyVerbAgreesWithTheUntiedModel(Family family) throws IOException {
        Path tied = model("tied", family, true);
        Path untied = model("untied", family, false);
        for (String engine : List.of("torch", "cpu")) {
            assertThat(logits(tied, "--engine", engine)).as(engine).isEqualTo(logits(untied, "--engine", engine));
        }
        Cli said = Cli.run("logits", "--model", tied, "--ids", IDS, "--out", temporary.resolve("l"));
        assertThat(said.err()).contains("lm_head.weight differs from the embedding and is used").hasLineCount(1);
        Path texts = temporary.resolve("text.txt");
        Files.writeString(texts, TinyModel.text(3));
        assertThat(perplexity(tied, texts)).isEqualTo(perplexity(untied, texts));
        for (String type : List.of("f32.gguf", "q8_0.gguf", "q4")) {
            Path small = temporary.resolve("tied-" + type);
            Path other = temporary.resolve("untied-" + type);
            String to = type.replace(".gguf", "");
            Cli.run("quantize", "--model", tied, "--to", to, "--no-measure", "--out", small).done();
            Cli.run("quantize", "--model", untied, "--to", to, "--no-measure", "--out", other).done();
            assertThat(logits(small, "--engine", "cpu")).as(type).isEqualTo(logits(other, "--engine", "cpu"));
            if (to.equals("f32")) {
                assertThat(logits(small, "--engine", "cpu")).isEqualTo(logits(tied, "--engine", "cpu"));
            }
        }
    }

    private static double perplexity(Path model, Path text) throws IOException {
        return new ObjectMapper().readTree(Cli.run("evaluate", "--model", model, "--text", text, "--json").done().out()).get("perplexity").asDouble();
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void whatIsMadeOfItHasTheHeadToo(Family family) throws IOException {
        Path tied = model("tied", family, true);
        Path untied = model("untied", family, false);
        Path adapter = Files.createDirectories(temporary.resolve("adapter"));
        try (Decoder base = DecoderFiles.load(untied); LoraAdapter made = LoraAdapter.create(base, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 3)) {
            made.parameters().forEach((name, tensor) -> {
                if (name.contains("lora_B")) {
                    tensor.normal_(0, 0.5);
                }
            });
            made.save(adapter, StorageType.F32);
        }
        Path rows = temporary.resolve("rows.jsonl");
        Files.writeString(rows, "{\"prompt\": \"lamp\", \"completion\": \"boats\"}\n".repeat(8));
        Path text = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 8; i++) {
            Files.writeString(text.resolve(i + ".txt"), TinyModel.text(i));
        }
        List<Path> made = new ArrayList<>();
        for (Path model : List.of(tied, untied)) {
            Path merged = temporary.resolve(model.getFileName() + "-merged");
            Cli.run("merge", "--model", model, "--adapter", adapter, "--out", merged).done();
            Path tuned = temporary.resolve(model.getFileName() + "-tuned");
            Cli.run("finetune", "--model", model, "--data", rows, "--method", "full", "--set", "train.steps=2", "--set", "train.batch=2", "--out", tuned)
                    .done();
            Path continued = temporary.resolve(model.getFileName() + "-continued");
            Cli.run("continue", "--model", model, "--data", text, "--steps", 2, "--set", "data.clean=false", "--set", "train.batch=2", "--out", continued).done();
            made.addAll(List.of(merged, tuned, continued));
        }
        for (int i = 0; i < 3; i++) {
            assertThat(weights(made.get(i))).as(made.get(i).toString()).isEqualTo(weights(made.get(i + 3)));
            try (ModelDirectory files = ModelDirectory.open(made.get(i))) {
                assertThat(files.weights()).containsKey("lm_head.weight");
                assertThat(files.notice()).isEmpty();
            }
        }
    }
}
