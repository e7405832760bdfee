package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.zhulong.formats.FormatException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImatrixFilesAreLlamaCppsTest {
    private static final ImatrixFile FILE = new ImatrixFile(List.of("notes.txt", "letters.txt"), 3, 512, Map.of(
            "blk.0.attn_q.weight", new ImatrixFile.Entry(new float[] {1, 2, 3, 0.5f}, new float[] {1536}),
            "blk.0.ffn_down_exps.weight", new ImatrixFile.Entry(new float[] {1, 2, 3, 4, 0, 0}, new float[] {700, 836, 0})));

    @TempDir
    Path directory;

    @Test
    void whatIsWrittenIsReadBack() {
        Path path = directory.resolve("a.gguf");
        FILE.write(path);
        ImatrixFile read = ImatrixFile.read(path);
        assertThat(read.datasets()).containsExactly("notes.txt", "letters.txt");
        assertThat(read.chunks()).isEqualTo(3);
        assertThat(read.chunkSize()).isEqualTo(512);
        assertThat(read.entries().keySet()).isEqualTo(FILE.entries().keySet());
        read.entries().forEach((name, entry) -> {
            assertThat(entry.sums()).isEqualTo(FILE.entries().get(name).sums());
            assertThat(entry.counts()).isEqualTo(FILE.entries().get(name).counts());
        });
        assertThat(read.entries().get("blk.0.ffn_down_exps.weight").isPartial()).isTrue();
        assertThat(read.entries().get("blk.0.ffn_down_exps.weight").columns()).isEqualTo(2);
    }

    /** Shapes, names and keys as llama-imatrix (llama.cpp #9400) writes them and llama-quantize asks for them. */
    @Test
    void underLlamaCppsKeysAndShapes() {
        Path path = directory.resolve("a.gguf");
        FILE.write(path);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.metadata().text("general.type")).contains("imatrix");
            assertThat(file.metadata().values().get("imatrix.chunk_count")).isEqualTo(new GgufValue.Whole(GgufValue.Type.UINT32, 3));
            assertThat(file.metadata().values().get("imatrix.chunk_size")).isEqualTo(new GgufValue.Whole(GgufValue.Type.UINT32, 512));
            assertThat(file.tensor("blk.0.ffn_down_exps.weight.in_sum2").shape()).containsExactly(3, 2);
            assertThat(file.tensor("blk.0.ffn_down_exps.weight.counts").shape()).containsExactly(3, 1);
            assertThat(file.tensor("blk.0.attn_q.weight.in_sum2").type()).isEqualTo(GgufType.F32);
        }
    }

    @Test
    void filesFromBeforeGgufAreRead() throws IOException {
        Path path = Files.write(directory.resolve("old.dat"), legacy());
        ImatrixFile read = ImatrixFile.read(path);
        assertThat(read.entries().get("blk.0.attn_q.weight").sums()).containsExactly(8, 4);
        assertThat(read.entries().get("blk.0.attn_q.weight").counts()).containsExactly(4);
        assertThat(read.chunks()).isEqualTo(7);
        assertThat(read.datasets()).containsExactly("calib.txt");
    }

    /** The oldest end with the last entry. */
    @Test
    void andThoseWithoutAnEnd() throws IOException {
        byte[] whole = legacy();
        ImatrixFile read = ImatrixFile.read(Files.write(directory.resolve("older.dat"), Arrays.copyOf(whole, whole.length - 4 - 4 - 9)));
        assertThat(read.entries()).hasSize(2);
        assertThat(read.chunks()).isZero();
    }

    private static byte[] legacy() {
        var out = new ByteArrayOutputStream();
        i32(out, 2);
        entry(out, "blk.0.attn_q.weight", 4, 8, 4);
        entry(out, "blk.0.ffn_up.weight", 4, 1, 2, 3);
        i32(out, 7);
        i32(out, 9);
        out.writeBytes("calib.txt".getBytes(StandardCharsets.UTF_8));
        return out.toByteArray();
    }

    private static void entry(ByteArrayOutputStream out, String name, int calls, float... values) {
        i32(out, name.length());
        out.writeBytes(name.getBytes(StandardCharsets.UTF_8));
        i32(out, calls);
        i32(out, values.length);
        for (float value : values) {
            i32(out, Float.floatToRawIntBits(value));
        }
    }

    private static void i32(ByteArrayOutputStream out, int value) {
        out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    @Test
    void everyCutOfEitherKindIsOneError() throws IOException {
        Path gguf = directory.resolve("whole.gguf");
        FILE.write(gguf);
        for (byte[] whole : List.of(legacy(), Files.readAllBytes(gguf))) {
            for (int length = 0; length < whole.length; length += 3) {
                Path cut = Files.write(directory.resolve("cut"), Arrays.copyOf(whole, length));
                Throwable thrown = catchThrowable(() -> ImatrixFile.read(cut));
                assertThat(thrown == null || thrown instanceof FormatException).as("cut to %s bytes: %s", length, thrown).isTrue();
            }
        }
    }

    @Test
    void spoiledBytesAreReadOrOneError() throws IOException {
        var random = new SplittableRandom(3);
        Path gguf = directory.resolve("whole.gguf");
        FILE.write(gguf);
        for (byte[] whole : List.of(legacy(), Files.readAllBytes(gguf))) {
            for (int i = 0; i < 300; i++) {
                byte[] spoiled = whole.clone();
                spoiled[random.nextInt(whole.length)] = (byte) random.nextInt();
                Path path = Files.write(directory.resolve("spoiled"), spoiled);
                Throwable thrown = catchThrowable(() -> ImatrixFile.read(path));
                assertThat(thrown == null || thrown instanceof FormatException).as("%s", thrown).isTrue();
            }
        }
    }

    @Test
    void numbersThatAreNoSumsOfSquaresAreRefused() {
        for (float wrong : new float[] {-1, Float.NaN, Float.POSITIVE_INFINITY}) {
            Path path = directory.resolve("wrong.gguf");
            new ImatrixFile(List.of(), 1, 512, Map.of("blk.0.attn_q.weight", new ImatrixFile.Entry(new float[] {1, wrong}, new float[] {5}))).write(path);
            assertThatThrownBy(() -> ImatrixFile.read(path)).isInstanceOf(FormatException.class).hasMessageContaining("blk.0.attn_q.weight").hasMessageContaining("finite");
        }
    }

    @Test
    void otherFilesAreNamedForWhatTheyAre() throws IOException {
        Path model = directory.resolve("model.gguf");
        GgufWriter.write(model, Map.of("general.architecture", GgufValue.of("llama")),
                List.of(new GgufWriter.Entry("a.in_sum2", GgufType.F32, new long[] {1, 1}, () -> MemorySegment.ofArray(new float[1]))));
        assertThatThrownBy(() -> ImatrixFile.read(model)).isInstanceOf(FormatException.class).hasMessageContaining("no imatrix");
        assertThatThrownBy(() -> ImatrixFile.read(directory)).isInstanceOf(FormatException.class).hasMessageContaining("directory");
        assertThatThrownBy(() -> ImatrixFile.read(directory.resolve("none"))).isInstanceOf(FormatException.class).hasMessageContaining("no such file");
        Path text = Files.writeString(directory.resolve("text"), "Once upon a time there was a file of text");
        assertThatThrownBy(() -> ImatrixFile.read(text)).isInstanceOf(FormatException.class).hasMessageContaining("no imatrix");
    }
}
