package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.zhulong.formats.FormatException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostileGgufGivesOneErrorTest {

    @TempDir
    Path directory;

    /** Bytes of a file put together by hand, so that any of them can be wrong. */
    private static final class Raw {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Raw(int version, long tensors, long keys) {
            text("GGUF").i32(version).i64(tensors).i64(keys);
        }

        Raw text(String text) {
            bytes.writeBytes(text.getBytes(StandardCharsets.UTF_8));
            return this;
        }

        Raw i32(int value) {
            bytes.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
            return this;
        }

        Raw i64(long value) {
            bytes.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
            return this;
        }

        Raw raw(int... values) {
            for (int value : values) {
                bytes.write(value);
            }
            return this;
        }

        Raw string(String text) {
            return i64(text.getBytes(StandardCharsets.UTF_8).length).text(text);
        }

        Raw key(String key, int type) {
            return string(key).i32(type);
        }

        Raw tensor(String name, int type, long offset, long... reversedShape) {
            string(name).i32(reversedShape.length);
            for (long dimension : reversedShape) {
                i64(dimension);
            }
            return i32(type).i64(offset);
        }

        Raw data(int length) {
            while (bytes.size() % 32 != 0) {
                bytes.write(0);
            }
            bytes.writeBytes(new byte[length]);
            return this;
        }

        byte[] bytes() {
            return bytes.toByteArray();
        }
    }

    private Path write(byte[] bytes) throws IOException {
        return Files.write(directory.resolve("hostile.gguf"), bytes);
    }

    private void refused(byte[] bytes, String... words) throws IOException {
        Path path = write(bytes);
        Throwable thrown = catchThrowable(() -> GgufFile.open(path).close());
        assertThat(thrown).isInstanceOf(FormatException.class).hasMessageStartingWith(path + ": ");
        assertThat(thrown.getMessage()).hasSizeLessThan(1000).doesNotContain("\n");
        for (String word : words) {
            assertThat(thrown.getMessage()).contains(word);
        }
    }

    private void refused(Raw raw, String... words) throws IOException {
        refused(raw.bytes(), words);
    }

    private static Raw whole() {
        return new Raw(3, 2, 3).key("a", 4).i32(7).key("b", 8).string("text").key("c", 9).i32(8).i64(2).string("x").string("y")
                .tensor("v", 0, 0, 2).tensor("w", 0, 32, 2, 3).data(32 + 24);
    }

    @Test
    void aWholeFileIsRead() throws IOException {
        try (var file = GgufFile.open(write(whole().bytes()))) {
            assertThat(file.metadata().integer("a", 0, 9)).isEqualTo(7);
            assertThat(file.metadata().texts("c")).containsExactly("x", "y");
            assertThat(file.tensor("w").shape()).containsExactly(3, 2);
            assertThat(file.tensor("w").data().byteSize()).isEqualTo(24);
        }
    }

    @Test
    void versionTwoIsReadAsThree() throws IOException {
        byte[] bytes = whole().bytes();
        bytes[4] = 2;
        try (var file = GgufFile.open(write(bytes))) {
            assertThat(file.tensors()).hasSize(2);
        }
    }

    @Test
    void truncationAtEveryByte() throws IOException {
        byte[] whole = whole().bytes();
        for (int length = 0; length < whole.length; length++) {
            refused(Arrays.copyOf(whole, length));
        }
        refused(Arrays.copyOf(whole, whole.length - 1), "tensor \"w\"", "24 bytes at 32", "cut short");
        refused(Arrays.copyOf(whole, 50), "in what is left of the file");
    }

    @Test
    void beginnings() throws IOException {
        refused(new byte[0], "found 0 bytes");
        refused("{\"a\": 1}".getBytes(StandardCharsets.UTF_8), "begins with the letters GGUF", "found \"{\"a\"");
        refused("ggjt\1\0\0\0".getBytes(StandardCharsets.UTF_8), "found \"ggjt\"");
        refused(new Raw(1, 0, 0), "version", "found 1; convert");
        refused(new Raw(4, 0, 0), "version: expected 2 or 3", "found 4");
        refused(new Raw(3 << 24, 0, 0), "found 3, big-endian");
        refused(new Raw(-1, 0, 0), "found 4294967295");
    }

    @Test
    void countsThatTheFileCannotHold() throws IOException {
        for (long count : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 40, 1 << 30, 100}) {
            String shown = Long.toUnsignedString(count);
            refused(new Raw(3, count, 0).data(64), "number of tensors", "found " + shown);
            refused(new Raw(3, 0, count).data(64), "number of keys", "found " + shown);
            refused(new Raw(3, 0, 1).i64(count).data(64), "key 0", "found " + shown);
            refused(new Raw(3, 0, 1).key("k", 8).i64(count).data(64), "key \"k\"", "found " + shown);
            refused(new Raw(3, 0, 1).key("k", 9).i32(8).i64(count).data(64), "key \"k\"", "found " + shown);
            refused(new Raw(3, 0, 1).key("k", 9).i32(12).i64(count).data(64), "key \"k\"", "found " + shown);
            refused(new Raw(3, 1, 0).i64(count).data(64), "tensor 0", "found " + shown);
        }
    }

    @Test
    void valuesOfWrongTypes() throws IOException {
        refused(new Raw(3, 0, 1).key("k", 13).i64(0), "key \"k\", type", "0 to 12", "found 13");
        refused(new Raw(3, 0, 1).key("k", -1).i64(0), "found 4294967295");
        refused(new Raw(3, 0, 1).key("k", 9).i32(13).i64(0), "key \"k\", element, type");
        refused(new Raw(3, 0, 1).key("k", 9).i32(9).i64(1).i32(4).i64(0), "array of arrays");
        refused(new Raw(3, 0, 1).key("k", 7).raw(2), "a boolean", "found 2");
        refused(new Raw(3, 0, 1).key("k", 9).i32(7).i64(3).raw(0, 1, 255), "a boolean", "found 255");
        refused(new Raw(3, 0, 2).key("k", 0).raw(1).key("k", 0).raw(2), "key \"k\"", "found two");
    }

    @Test
    void textThatIsNotUtf8() throws IOException {
        refused(new Raw(3, 0, 1).i64(2).raw(0xC3, 0x28).i32(0).raw(0), "key 0", "text in UTF-8");
        refused(new Raw(3, 0, 1).key("k", 8).i64(3).raw(0xED, 0xA0, 0x80), "key \"k\"", "text in UTF-8");
        refused(new Raw(3, 0, 1).key("k", 9).i32(8).i64(1).i64(1).raw(0xFF), "key \"k\"", "text in UTF-8");
        refused(new Raw(3, 1, 0).i64(1).raw(0x80).i32(0).i32(0).i64(0).data(4), "tensor 0", "text in UTF-8");
    }

    @Test
    void namesCannotForgeTheMessage() throws IOException {
        refused(new Raw(3, 0, 1).key("a\nerror: \u001b[31m", 13), "key \"a\\u000aerror: \\u001b[31m\"");
        refused(new Raw(3, 0, 1).key("a".repeat(10_000), 13), "aaa...\"");
    }

    @Test
    void alignments() throws IOException {
        for (int alignment : new int[] {0, 3, 48, 1 << 17, -1, Integer.MIN_VALUE}) {
            refused(new Raw(3, 0, 1).key("general.alignment", 4).i32(alignment), "general.alignment",
                    "found " + Integer.toUnsignedString(alignment));
        }
        refused(new Raw(3, 0, 1).key("general.alignment", 8).string("32"), "general.alignment", "found \"32\"");
        Raw aligned = new Raw(3, 1, 1).key("general.alignment", 4).i32(64).tensor("t", 0, 64, 1);
        refused(aligned.data(64), "tensor \"t\"", "cut short");
        refused(new Raw(3, 1, 1).key("general.alignment", 4).i32(64).tensor("t", 0, 32, 1).data(256), "multiple of the alignment 64");
    }

    @Test
    void tensorsOfWrongShapeOrPlace() throws IOException {
        refused(new Raw(3, 1, 0).tensor("t", 0, 4, 2).data(64), "tensor \"t\", offset", "multiple of the alignment 32", "found 4");
        refused(new Raw(3, 1, 0).tensor("t", 0, -32, 2).data(64), "offset", "18446744073709551584");
        refused(new Raw(3, 1, 0).tensor("t", 0, Long.MAX_VALUE - 31, 2).data(64), "tensor \"t\"", "9223372036854775776");
        refused(new Raw(3, 1, 0).tensor("t", 0, 0, -1).data(64), "shape", "18446744073709551615");
        refused(new Raw(3, 1, 0).tensor("t", 0, 0, 1L << 32, 1L << 32).data(64), "shape", "product below 2^63");
        refused(new Raw(3, 1, 0).tensor("t", 0, 0, Long.MAX_VALUE).data(64), "shape", "product below 2^63");
        refused(new Raw(3, 1, 0).tensor("t", 0, 0, 0, 1L << 40, 1L << 40).data(64), "shape", "product below 2^63");
        refused(new Raw(3, 1, 0).tensor("t", 0, 0, 1, 1, 1, 1, 1).data(64), "at most 4 dimensions", "found 5");
        refused(new Raw(3, 1, 0).string("t").i32(-1).data(64), "at most 4 dimensions", "found 4294967295");
        refused(new Raw(3, 1, 0).tensor("t", 8, 0, 33).data(64), "whole blocks of 32 for Q8_0", "found [33]");
        refused(new Raw(3, 1, 0).tensor("t", 8, 0, 64).data(67), "68 bytes at 0", "ends at 67");
        refused(new Raw(3, 2, 0).tensor("t", 0, 0, 1).tensor("t", 0, 32, 1).data(64), "tensor \"t\"", "found two");
        refused(new Raw(3, 2, 0).tensor("a", 0, 0, 9).tensor("b", 0, 32, 1).data(64), "tensor \"b\", offset", "36, the end of tensor \"a\"");
        refused(new Raw(3, 2, 0).tensor("a", 0, 0, 8).tensor("b", 0, 0, 8).data(64), "offset", "at least 32");
    }

    /** [16, 128] in groups of 128 of 34 bytes (Prism's fork), and in groups of 32 of 10: under the number of llama.cpp's Q2_0, which would need 576 bytes. */
    @Test
    void otherBlocksUnderTheNumberOfQ2() throws IOException {
        refused(new Raw(3, 2, 0).tensor("a", 42, 0, 128, 16).tensor("b", 0, 544, 8).data(576), "tensor \"a\", type", "Q2_0", "576 bytes", "found 544 bytes", "PQ2_0");
        refused(new Raw(3, 2, 0).tensor("a", 42, 0, 128, 16).tensor("b", 0, 640, 8).data(672), "tensor \"a\", type", "found 640 bytes");
        refused(new Raw(3, 1, 0).tensor("a", 42, 0, 128, 16).data(544), "tensor \"a\", type", "found 544 bytes");
        refused(new Raw(3, 1, 0).tensor("a", 41, 0, 128, 16).tensor("b", 0, 0, 8).data(64), "tensor \"a\"");
    }

    @Test
    void unknownTypesAreNamedWithAWayOut() throws IOException {
        refused(new Raw(3, 1, 0).tensor("t", 144, 0, 256).data(256), "tensor \"t\", type", "F32, F16", "IQ4_XS", "take a file",
                "found IQ4_KS (144)");
        refused(new Raw(3, 1, 0).tensor("t", 4, 0, 256).data(256), "found Q4_2 (4)");
        refused(new Raw(3, 1, 0).tensor("t", 999, 0, 256).data(256), "found 999");
        refused(new Raw(3, 1, 0).tensor("t", -1, 0, 256).data(256), "found 4294967295");
        try (var file = GgufFile.open(write(new Raw(3, 1, 0).tensor("t", 40, 0, 256).data(144).bytes()))) {
            Throwable thrown = catchThrowable(() -> file.tensor("t").requireSupported());
            assertThat(thrown).isInstanceOf(FormatException.class).hasMessageContaining("one of F32, F16")
                    .hasMessageContaining("found NVFP4");
        }
    }

    @Test
    void scalarsEmptyTensorsAndHolesAreGood() throws IOException {
        Raw raw = new Raw(3, 3, 0).tensor("scalar", 0, 64).tensor("empty", 0, 0, 0, 7).tensor("last", 24, 128, 3).data(131);
        try (var file = GgufFile.open(write(raw.bytes()))) {
            assertThat(file.tensor("scalar").elements()).isEqualTo(1);
            assertThat(file.tensor("scalar").data().byteSize()).isEqualTo(4);
            assertThat(file.tensor("empty").shape()).containsExactly(7, 0);
            assertThat(file.tensor("last").data().byteSize()).isEqualTo(3);
        }
        try (var file = GgufFile.open(write(new Raw(3, 0, 0).bytes()))) {
            assertThat(file.tensors()).isEmpty();
        }
    }
}
