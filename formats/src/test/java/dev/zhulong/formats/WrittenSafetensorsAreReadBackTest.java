package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.SafetensorsWriter.Entry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WrittenSafetensorsAreReadBackTest {

    @TempDir
    Path directory;

    private static List<Entry> tensors() {
        float[] big = new float[3 << 20];
        for (int i = 0; i < big.length; i++) {
            big[i] = i * 0.5f;
        }
        return List.of(
                Entry.of("b", new long[] {2, 3}, new float[] {1, 2, 3, 4, 5, 6}),
                Entry.of("half", StorageType.F16, new long[] {3}, MemorySegment.ofArray(new short[] {0x3c00, (short) 0xc000, 1})),
                Entry.of("ids", StorageType.I64, new long[] {2}, MemorySegment.ofArray(new long[] {-1, 1L << 40})),
                Entry.of("a \"quoted\" 名", StorageType.BOOL, new long[] {3}, MemorySegment.ofArray(new byte[] {1, 0, 1})),
                Entry.of("big", new long[] {3, 1 << 20}, big),
                Entry.of("nothing", new long[] {0, 5}, new float[0]));
    }

    @Test
    void valuesShapesAndMetadata() {
        Path path = directory.resolve("x.safetensors");
        SafetensorsWriter.write(path, Map.of("format", "pt", "note", "烛龙\n"), tensors());
        try (var file = SafetensorsFile.open(path)) {
            assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"), Map.entry("note", "烛龙\n"));
            assertThat(file.tensors().keySet()).containsExactly("ids", "b", "big", "nothing", "half", "a \"quoted\" 名");
            assertThat(file.tensor("b").toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
            assertThat(file.tensor("b").shape()).containsExactly(2, 3);
            assertThat(file.tensor("half").toFloats()).containsExactly(1, -2, 5.9604645e-8f);
            assertThat(file.tensor("ids").toLongs()).containsExactly(-1, 1L << 40);
            assertThat(file.tensor("a \"quoted\" 名").toLongs()).containsExactly(1, 0, 1);
            assertThat(file.tensor("nothing").elements()).isZero();
            float[] big = file.tensor("big").toFloats();
            assertThat(big).hasSize(3 << 20);
            assertThat(big[big.length - 1]).isEqualTo((big.length - 1) * 0.5f);
            assertThatThrownBy(() -> file.tensor("ids").toFloats()).isInstanceOf(FormatException.class)
                    .hasMessage(path + ": tensor \"ids\": expected F64, F32, F16 or BF16, found I64");
            assertThatThrownBy(() -> file.tensor("b").requireShape(3, 2))
                    .hasMessage(path + ": tensor \"b\": expected shape [3, 2], found [2, 3]");
        }
    }

    @Test
    void bytesAreThoseOfTheReferenceImplementation() throws IOException {
        Path path = directory.resolve("x.safetensors");
        SafetensorsWriter.write(path, Map.of(), List.of(Entry.of("w", new long[] {2}, new float[] {1, -2})));
        String header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
        int padded = (header.length() + 7) / 8 * 8;
        byte[] expected = ByteBuffer.allocate(8 + padded + 8).order(ByteOrder.LITTLE_ENDIAN).putLong(padded)
                .put((header + " ".repeat(padded - header.length())).getBytes(StandardCharsets.US_ASCII))
                .putFloat(1).putFloat(-2).array();
        assertThat(Files.readAllBytes(path)).isEqualTo(expected);
    }

    @Test
    void orderOfTheCallerDoesNotMatterAndTensorsAreAligned() throws IOException {
        Path one = directory.resolve("1.safetensors");
        Path two = directory.resolve("2.safetensors");
        var reversed = new ArrayList<>(tensors());
        Collections.reverse(reversed);
        SafetensorsWriter.write(one, Map.of("x", "1", "y", "2"), tensors());
        SafetensorsWriter.write(two, Map.of("y", "2", "x", "1"), reversed);
        assertThat(Files.mismatch(one, two)).isEqualTo(-1);
        try (var file = SafetensorsFile.open(one)) {
            for (TensorView view : file.tensors().values()) {
                assertThat(view.data().address() % view.type().bytes()).isZero();
            }
        }
    }

    @Test
    void wrongEntriesAreRefusedAndLeaveNothing() throws IOException {
        Path path = directory.resolve("x.safetensors");
        var short1 = Entry.of("w", StorageType.F32, new long[] {2}, MemorySegment.ofArray(new float[1]));
        assertThatThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of(short1)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("tensor \"w\": expected 8 bytes for F32[2], found 4");
        var good = Entry.of("w", new long[] {1}, new float[1]);
        assertThatThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of(good, good))).hasMessageContaining("given twice");
        var reserved = Entry.of("__metadata__", new long[] {1}, new float[1]);
        assertThatThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of(reserved))).hasMessageContaining("reserved");
        try (var files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }
}
