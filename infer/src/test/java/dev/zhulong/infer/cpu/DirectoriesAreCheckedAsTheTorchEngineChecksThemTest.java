package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A weight that is missing, left over or of another shape would give other logits without a word. */
class DirectoriesAreCheckedAsTheTorchEngineChecksThemTest {
    @TempDir
    Path directory;

    private interface Change {
        void to(List<SafetensorsWriter.Entry> entries);
    }

    private void write(Family family, Change change, String withoutPrefix) throws IOException {
        try (Decoder model = TinyDecoder.random(family, 3)) {
            DecoderFiles.save(model, directory, StorageType.F32);
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
        write(Family.LLAMA, entries -> entries.removeIf(entry -> entry.name().equals("model.layers.1.mlp.up_proj.weight")), "-");
        assertThatThrownBy(this::load).hasMessageContaining("model.layers.1.mlp.up_proj.weight").hasMessageContaining("missing");
    }

    @Test
    void whatIsLeftOverIsNamed() throws IOException {
        write(Family.LLAMA, entries -> entries.add(SafetensorsWriter.Entry.of("model.layers.0.self_attn.q_proj.bias", new long[] {2}, new float[2])), "-");
        assertThatThrownBy(this::load).hasMessageContaining("model.layers.0.self_attn.q_proj.bias").hasMessageContaining("no place");
    }

    @Test
    void anotherShapeIsNamed() throws IOException {
        write(Family.LLAMA, entries -> {
            entries.removeIf(entry -> entry.name().equals("model.norm.weight"));
            entries.add(SafetensorsWriter.Entry.of("model.norm.weight", new long[] {3}, new float[3]));
        }, "-");
        assertThatThrownBy(this::load).hasMessageContaining("model.norm.weight").hasMessageContaining("[3]");
    }

    @Test
    void gpt2sFirstFilesLackThePrefixAndAreTheSameModel() throws IOException {
        write(Family.GPT2, entries -> { }, "-");
        float[] expected = logits();
        write(Family.GPT2, entries -> entries.add(SafetensorsWriter.Entry.of("h.0.attn.bias", new long[] {1}, new float[1])), "transformer.");
        assertThat(logits()).isEqualTo(expected);
    }

    private float[] logits() {
        try (LanguageModel engine = load();
                var cache = engine.newCache(3)) {
            return engine.forward(List.of(new Span(cache, new int[] {5, 6, 7})), false).getFirst();
        }
    }
}
