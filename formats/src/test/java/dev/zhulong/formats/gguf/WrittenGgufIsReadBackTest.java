package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.FormatException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WrittenGgufIsReadBackTest {

    @TempDir
    Path directory;

    private static void copy(GgufFile from, Path to) {
        GgufWriter.write(to, from.metadata().values(), from.tensors().values().stream().map(GgufWriter.Entry::of).toList());
    }

    @ParameterizedTest
    @ValueSource(strings = {"stories15M.Q8_0.gguf", "stories15M.Q4_0.gguf"})
    void llamaCppsOwnFilesAreWrittenAgainToTheSameBytes(String name) throws IOException {
        Path original = Samples.shared("assets/stories15M/" + name);
        Path copy = directory.resolve("copy.gguf");
        try (var file = GgufFile.open(original)) {
            assertThat(file.tensors()).hasSize(56);
            assertThat(file.tensor("token_embd.weight").shape()).containsExactly(32_000, 288);
            assertThat(file.metadata().texts("tokenizer.ggml.tokens")).hasSize(32_000).contains("▁Once");
            copy(file, copy);
        }
        assertThat(Files.mismatch(copy, original)).isEqualTo(-1);
    }

    @Test
    void everyTypeOfValueAndOfBlockComesBack() throws IOException {
        Path path = directory.resolve("all.gguf");
        GgufWriter.write(path, Samples.metadata(), Samples.tensors());
        try (var file = GgufFile.open(path)) {
            assertThat(file.metadata().values()).isEqualTo(Samples.metadata());
            assertThat(file.metadata().values().keySet()).containsExactlyElementsOf(Samples.metadata().keySet());
            assertThat(file.tensors()).hasSize(Samples.tensors().size());
            for (var tensor : Samples.tensors()) {
                GgufTensor read = file.tensor(tensor.name());
                assertThat(read.type()).isEqualTo(tensor.type());
                assertThat(read.shape()).isEqualTo(tensor.shape());
                assertThat(read.data().mismatch(tensor.parts().getFirst().get())).as(tensor.name()).isEqualTo(-1);
            }
            assertThat(file.metadata().positive("f32")).isEqualTo(1e-5);
            assertThat(file.metadata().tokenId("u32", 10)).isEmpty();
            assertThat(file.metadata().wholes("bools", 3)).containsExactly(0, 1, 1);
            Path again = directory.resolve("again.gguf");
            copy(file, again);
            assertThat(Files.mismatch(path, again)).isEqualTo(-1);
        }
    }

    /** ggml's own sizes, bits a weight: what a file of a type takes is known from its makers' tables. */
    @ParameterizedTest
    @CsvSource({"F32,32", "F16,16", "BF16,16", "Q8_0,8.5", "Q4_0,4.5", "Q4_1,5", "Q5_0,5.5", "Q5_1,6", "Q2_K,2.625", "Q3_K,3.4375",
        "Q4_K,4.5", "Q5_K,5.5", "Q6_K,6.5625", "IQ4_NL,4.5", "IQ4_XS,4.25", "IQ2_XXS,2.0625", "IQ2_XS,2.3125", "IQ3_XXS,3.0625",
        "IQ1_S,1.5625", "IQ3_S,3.4375", "IQ2_S,2.5625", "IQ1_M,1.75", "TQ1_0,1.6875", "TQ2_0,2.0625", "MXFP4,4.25", "NVFP4,4.5", "Q1_0,1.125", "Q2_0,2.25"})
    void bitsAWeightAreGgmls(GgufType type, double bits) {
        assertThat(8.0 * type.blockBytes() / type.blockElements()).isEqualTo(bits);
        assertThat(type.bytes(1024)).isEqualTo((long) (bits * 128));
        assertThat(GgufType.ofId(type.id())).contains(type);
    }

    @Test
    void dataLieAtMultiplesOfTheAlignment() throws IOException {
        Path path = directory.resolve("aligned.gguf");
        var entry = new GgufWriter.Entry("a", GgufType.I8, new long[] {3}, () -> MemorySegment.ofArray(new byte[] {1, 2, 3}));
        var other = new GgufWriter.Entry("b", GgufType.I8, new long[] {1}, () -> MemorySegment.ofArray(new byte[] {9}));
        GgufWriter.write(path, Map.of("general.alignment", GgufValue.of(128)), List.of(entry, other));
        byte[] bytes = Files.readAllBytes(path);
        assertThat(bytes.length % 128).isZero();
        assertThat(bytes[bytes.length - 128]).isEqualTo((byte) 9);
        assertThat(bytes[bytes.length - 256]).isEqualTo((byte) 1);
        try (var file = GgufFile.open(path)) {
            assertThat(file.tensor("b").data().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 9);
        }
    }

    @Test
    void whatGgmlWouldRefuseIsNotWrittenAndLeavesNoFile() throws IOException {
        Path path = directory.resolve("bad.gguf");
        var good = new GgufWriter.Entry("a", GgufType.I8, new long[] {1}, () -> MemorySegment.ofArray(new byte[1]));
        var longName = new GgufWriter.Entry("a".repeat(64), GgufType.I8, new long[] {1}, () -> MemorySegment.ofArray(new byte[1]));
        var tooShort = new GgufWriter.Entry("b", GgufType.F32, new long[] {1}, () -> MemorySegment.ofArray(new byte[1]));
        var noBlocks = new GgufWriter.Entry("b", GgufType.Q8_0, new long[] {33}, () -> MemorySegment.ofArray(new byte[34]));
        for (var entries : List.of(List.of(good, good), List.of(longName), List.of(good, tooShort), List.of(noBlocks))) {
            assertThatThrownBy(() -> GgufWriter.write(path, Map.of(), entries)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> GgufWriter.write(path, Map.of("general.alignment", GgufValue.of(24)), List.of(good)))
                .hasMessageContaining("power of two");
        try (var files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void metadataOfAnotherTypeAreNamed() {
        var metadata = new GgufMetadata(Path.of("m.gguf"), Samples.metadata());
        assertThatThrownBy(() -> metadata.integer("f32", 0, 1)).isInstanceOf(FormatException.class)
                .hasMessage("m.gguf: f32: expected a whole number from 0 to 1, found 1.0E-5");
        assertThatThrownBy(() -> metadata.integer("u64", 0, 1)).hasMessageContaining("found 18446744073709551615");
        assertThatThrownBy(() -> metadata.texts("floats")).hasMessageContaining("found an array of 3 FLOAT32");
        assertThatThrownBy(() -> metadata.floats("floats", 4)).hasMessageContaining("an array of 4 FLOAT32");
        assertThatThrownBy(() -> metadata.text("bool")).hasMessageContaining("a string, found true");
        assertThatThrownBy(() -> metadata.positive("no")).hasMessageContaining("found no such key");
        assertThatThrownBy(() -> metadata.flag("texts", false)).hasMessageContaining("found an array of 3 strings");
        assertThatThrownBy(() -> metadata.tokenId("u8", 255)).hasMessageContaining("from 0 to 254, found 255");
    }
}
