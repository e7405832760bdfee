package org.example;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.cli.Main;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A Lantern that sees everything computes what a Llama of the same weights computes, which Zhulong knows. */
class TheFamilyRunsThroughTheVerbsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path temporary;

    private static Path texts;
    private static Path llama;

    private record Run(int code, String out, String err) {
        Run done() {
            assertThat(code).as(err).isZero();
            return this;
        }
    }

    private static Run zhulong(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.execute(new PrintWriter(out), new PrintWriter(err), Stream.of(arguments).map(Object::toString).toArray(String[]::new));
        return new Run(code, out.toString(), err.toString());
    }

    @BeforeAll
    static void llama() throws IOException {
        texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 20; i++) {
            Files.writeString(texts.resolve(i + ".txt"), "The keeper lit lamp %d and saw %d boats.\n".formatted(i, i * i).repeat(3 + i));
        }
        llama = pretrained("llama");
    }

    private static Path pretrained(String family) {
        Path run = temporary.resolve("run-" + family);
        zhulong("pretrain", "--data", texts, "--set", "data.clean=false", "--set", "data.tokenizer.vocab_size=280", "--set", "model.family=" + family,
                "--set", "model.hidden_size=32", "--set", "model.layers=2", "--set", "model.heads=4", "--set", "model.context_length=64", "--set",
                "model.tied_embeddings=false", "--set", "train.steps=2", "--set", "train.warmup=1", "--set", "train.batch=2", "--set", "train.seq=32",
                "--out", run).done();
        return run;
    }

    /** The Llama's weights and tokenizer in a directory of a Lantern. */
    private static Path lantern(String directory, int near) throws IOException {
        Path lantern = Files.createDirectories(temporary.resolve(directory));
        Files.copy(llama.resolve("tokenizer.json"), lantern.resolve("tokenizer.json"));
        ObjectNode config = (ObjectNode) JSON.readTree(llama.resolve("config.json").toFile());
        config.put("model_type", "lantern").put("near", near).putArray("architectures").add("LanternForCausalLM");
        JSON.writeValue(lantern.resolve("config.json").toFile(), config);
        try (var weights = SafetensorsFile.open(llama.resolve("model.safetensors"))) {
            SafetensorsWriter.write(lantern.resolve("model.safetensors"), weights.metadata(), weights.tensors().values().stream()
                    .map(view -> SafetensorsWriter.Entry.of(Lantern.name(view.name()), view.type(), view.shape(), view.data())).toList());
        }
        return lantern;
    }

    private static String written(Path model, String engine) {
        return zhulong("generate", "--model", model, "--engine", engine, "--prompt", "The keeper lit lamp 3 and", "--max-new-tokens", 24, "--greedy").done().out();
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "torch"})
    void itWritesWhatALlamaOfTheSameWeightsWritesUntilItSeesLess(String engine) throws IOException {
        String expected = written(llama, engine);
        assertThat(expected.strip()).isNotEmpty();
        assertThat(written(lantern("all-" + engine, 0), engine)).isEqualTo(expected);
        assertThat(written(lantern("far-" + engine, 64), engine)).isEqualTo(expected);
        assertThat(written(lantern("near-" + engine, 1), engine)).isNotEqualTo(expected);
    }

    @Test
    void itIsTrainedUnderItsOwnNames() throws IOException {
        Path run = pretrained("lantern");
        try (var weights = SafetensorsFile.open(run.resolve("model.safetensors"))) {
            assertThat(weights.tensors().keySet()).contains("wick.weight", "panes.1.sight.q.weight", "panes.0.before_oil.weight", "glow.weight");
        }
        assertThat(JSON.readTree(run.resolve("config.json").toFile()).path("architectures").path(0).asText()).isEqualTo("LanternForCausalLM");
        assertThat(written(run, "torch")).isEqualTo(written(llama, "torch"));
    }

    @Test
    void aFileWithAWeightOfAnotherNameIsRefused() throws IOException {
        Path wrong = lantern("wrong", 0);
        Files.copy(llama.resolve("model.safetensors"), wrong.resolve("model.safetensors"), StandardCopyOption.REPLACE_EXISTING);
        assertThat(zhulong("generate", "--model", wrong, "--engine", "cpu", "--prompt", "x").err()).contains("wick.weight").hasLineCount(1);
    }
}
