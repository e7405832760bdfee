package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.FormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files as {@code llama-gguf-split} cuts them: the first has all keys, each its number, their count, and some tensors. */
class PartsMakeOneModelTest {
    @TempDir
    Path directory;

    private Path whole;
    private final List<Path> parts = new java.util.ArrayList<>();

    private static Map<String, GgufValue> keys(int number, int count, int tensors) {
        var keys = new LinkedHashMap<String, GgufValue>();
        keys.put("split.no", GgufValue.of(number));
        keys.put("split.count", GgufValue.of(count));
        keys.put("split.tensors.count", GgufValue.of(tensors));
        return keys;
    }

    @BeforeEach
    void cut() {
        whole = directory.resolve("whole.gguf");
        List<GgufWriter.Entry> tensors = Samples.tensors();
        GgufWriter.write(whole, Samples.metadata(), tensors);
        for (int i = 0; i < 3; i++) {
            Map<String, GgufValue> keys = new LinkedHashMap<>(i == 0 ? Samples.metadata() : Map.of());
            keys.putAll(keys(i, 3, tensors.size()));
            parts.add(directory.resolve("m-%05d-of-00003.gguf".formatted(i + 1)));
            // the first of llama.cpp's own often holds no tensor at all
            GgufWriter.write(parts.get(i), keys, i == 0 ? List.of() : tensors.subList(i == 1 ? 0 : 2, i == 1 ? 2 : tensors.size()));
        }
    }

    @Test
    void withAllTensorsAndKeys() throws IOException {
        try (var one = GgufFile.open(whole); var several = GgufFile.open(parts.getFirst())) {
            assertThat(several.parts()).isEqualTo(parts);
            assertThat(one.parts()).containsExactly(whole);
            assertThat(several.tensors().keySet()).containsExactlyElementsOf(one.tensors().keySet());
            one.tensors().forEach((name, tensor) -> assertThat(several.tensor(name).data().mismatch(tensor.data())).as(name).isEqualTo(-1));
            assertThat(several.metadata().values()).containsAllEntriesOf(one.metadata().values());
            assertThat(several.bytes()).isEqualTo(Files.size(parts.get(0)) + Files.size(parts.get(1)) + Files.size(parts.get(2)));
        }
    }

    private void refused(Path path, String... why) {
        assertThatThrownBy(() -> GgufFile.open(path)).isInstanceOf(FormatException.class).hasMessageContainingAll(why).hasMessageNotContaining("\n");
    }

    @Test
    void orWhatIsWrongIsSaid() throws IOException {
        refused(parts.get(1), "is part 2 of 3; give the first", "m-00001-of-00003.gguf");
        Path other = Files.copy(parts.getFirst(), directory.resolve("model.gguf"));
        refused(other, "call them NAME-00001-of-00003.gguf");
        Path second = directory.resolve("kept");
        Files.move(parts.get(1), second);
        refused(parts.getFirst(), "m-00002-of-00003.gguf", "no such file");
        Files.copy(parts.get(2), parts.get(1));
        refused(parts.getFirst(), "m-00002-of-00003.gguf", "split.no", "expected 1");
        GgufWriter.write(parts.get(1), keys(1, 4, 0), List.of());
        refused(parts.getFirst(), "split.count", "expected 3");
        GgufWriter.write(parts.get(1), keys(1, 3, 0), Samples.tensors().subList(0, 1));
        refused(parts.getFirst(), "split.tensors.count", "which is how many tensors the parts hold");
        GgufWriter.write(parts.get(1), keys(1, 3, 0), Samples.tensors().subList(0, 3));
        refused(parts.getFirst(), "is in another part of this model already");
    }
}
