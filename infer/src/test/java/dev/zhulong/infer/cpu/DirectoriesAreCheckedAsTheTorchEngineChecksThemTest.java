package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A weight that is missing, left over or of another shape would give other logits without a word. */
class DirectoriesAreCheckedAsTheTorchEngineChecksThemTest {
    @TempDir
    Path directory;

    private interface Change {
        void to(List<SafetensorsWriter.Entry> entries);
    }

    private void write(Family family, Change change, String withoutPrefix) throws IOException {
        try (Decoder model = TinyDecoder.random(family, 3)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        Path weights = directory.resolve(ModelDirectory.WEIGHTS);
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        try (var file = SafetensorsFile.open(weights)) {
            file.tensors().forEach((name, view) -> entries.add(SafetensorsWriter.Entry.of(
                    name.startsWith(withoutPrefix) ? name.substring(withoutPrefix.length()) : name, view.shape(), view.toFloats())));
        }
        change.to(entries);
        Files.delete(weights);
        SafetensorsWriter.write(weights, Map.of(), entries);
    }

    private CpuEngine load() {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEngine.load(files, Optional.empty(), CpuOptions.of(1));
        }
    }

    @Test
    void whatIsMissingIsNamed() throws IOException {
        write(Family.of("llama"), entries -> entries.removeIf(entry -> entry.name().equals("model.layers.1.mlp.up_proj.weight")), "-");
        assertThatThrownBy(this::load).hasMessageContaining("model.layers.1.mlp.up_proj.weight").hasMessageContaining("missing");
    }

    @Test
    void whatIsLeftOverIsNamed() throws IOException {
        write(Family.of("llama"), entries -> entries.add(SafetensorsWriter.Entry.of("model.layers.0.self_attn.q_proj.bias", new long[] {2}, new float[2])), "-");
        assertThatThrownBy(this::load).hasMessageContaining("model.layers.0.self_attn.q_proj.bias").hasMessageContaining("no place");
    }

    @Test
    void anotherShapeIsNamed() throws IOException {
        write(Family.of("llama"), entries -> {
            entries.removeIf(entry -> entry.name().equals("model.norm.weight"));
            entries.add(SafetensorsWriter.Entry.of("model.norm.weight", new long[] {3}, new float[3]));
        }, "-");
        assertThatThrownBy(this::load).hasMessageContaining("model.norm.weight").hasMessageContaining("[3]");
    }

    @Test
    void gpt2sFirstFilesLackThePrefixAndAreTheSameModel() throws IOException {
        write(Family.of("gpt2"), entries -> { }, "-");
        float[] expected = logits();
        write(Family.of("gpt2"), entries -> entries.add(SafetensorsWriter.Entry.of("h.0.attn.bias", new long[] {1}, new float[1])), "transformer.");
        assertThat(logits()).isEqualTo(expected);
    }

    private float[] logits() {
        try (LanguageModel engine = load();
                var cache = engine.newCache(3)) {
            return engine.forward(List.of(new Span(cache, new int[] {5, 6, 7})), false).getFirst();
        }
    }

    /** With its file, whichever part of the work finds it: packing, quantising, and the rows of the embedding. */
    @ParameterizedTest
    @CsvSource({"model.layers.1.mlp.up_proj.weight, F32, NaN", "model.layers.1.self_attn.o_proj.weight, Q8_0, Infinity", "model.layers.0.self_attn.k_proj.weight, Q4_0, NaN",
        "model.embed_tokens.weight, Q8_0, -Infinity", "lm_head.weight, F32, NaN", "model.layers.1.input_layernorm.weight, F32, NaN", "model.norm.weight, Q8_0, Infinity"})
    void aWeightThatIsNotFiniteIsNamed(String name, WeightType type, float value) throws IOException {
        spoil(name, value);
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            assertThatThrownBy(() -> CpuEngine.load(files, Optional.of(type).filter(WeightType::quantised), CpuOptions.of(2))).isInstanceOf(FormatException.class)
                    .hasMessageStartingWith(directory.resolve(ModelDirectory.WEIGHTS) + ": tensor " + name + ": ").hasMessageContaining(Float.toString(value))
                    .message().doesNotContain("Exception");
        }
    }

    @Test
    void aWeightOfAGgufFileThatIsNotFiniteIsNamed() throws IOException {
        spoil("model.layers.1.mlp.up_proj.weight", Float.NaN);
        Path file = directory.resolve("m.gguf");
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            GgufExport.write(file, files.spec().withEosIds(files.eosIds()), files::tensor, Map.of("tokenizer.ggml.model", GgufValue.of("no_vocab")), "m", GgufType.BF16);
        }
        try (GgufModel gguf = GgufModel.open(file)) {
            assertThatThrownBy(() -> CpuEngine.load(gguf, CpuOptions.of(2))).isInstanceOf(FormatException.class)
                    .hasMessageStartingWith(file + ": tensor blk.1.ffn_up.weight: ").hasMessageContaining("NaN");
        }
    }

    private void spoil(String name, float value) throws IOException {
        write(Family.of("llama"), entries -> entries.replaceAll(entry -> {
            if (!entry.name().equals(name)) {
                return entry;
            }
            float[] values = new float[(int) Arrays.stream(entry.shape()).reduce(1, (a, b) -> a * b)];
            values[values.length / 3] = value;
            return SafetensorsWriter.Entry.of(name, entry.shape(), values);
        }), "-");
    }

    /** GPT-2's matrices are made anew as they are loaded: in memory that is given back at once, not when the collector comes by. */
    @Test
    void whatIsMadeWhileLoadingIsGivenBackAtOnce() throws IOException {
        write(Family.of("gpt2"), entries -> { }, "-");
        BufferPoolMXBean direct = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream().filter(pool -> pool.getName().equals("direct")).findFirst()
                .orElseThrow();
        load().close();
        long before = direct.getTotalCapacity();
        load().close();
        assertThat(direct.getTotalCapacity()).isLessThanOrEqualTo(before);
    }
}
