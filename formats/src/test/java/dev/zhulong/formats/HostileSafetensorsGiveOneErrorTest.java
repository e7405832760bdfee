package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostileSafetensorsGiveOneErrorTest {

    @TempDir
    Path directory;

    static byte[] file(long length, String header, int dataBytes) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length).put(json).array();
    }

    static byte[] file(String header, int dataBytes) {
        return file(header.getBytes(StandardCharsets.UTF_8).length, header, dataBytes);
    }

    private Path write(byte[] bytes) throws IOException {
        return Files.write(directory.resolve("hostile.safetensors"), bytes);
    }

    private void refused(byte[] bytes, String... words) throws IOException {
        Path path = write(bytes);
        Throwable thrown = catchThrowable(() -> SafetensorsFile.open(path).close());
        assertThat(thrown).isInstanceOf(FormatException.class).hasMessageStartingWith(path + ": ");
        assertThat(thrown.getMessage()).hasSizeLessThan(1000).doesNotContain("\n");
        for (String word : words) {
            assertThat(thrown.getMessage()).contains(word);
        }
    }

    private static String tensor(String name, String dtype, String shape, String offsets) {
        return "\"" + name + "\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
    }

    @Test
    void aWholeFileIsRead() throws IOException {
        Path path = write(file("{" + tensor("a", "\"F32\"", "[2]", "[0,8]") + "}", 8));
        try (var opened = SafetensorsFile.open(path)) {
            assertThat(opened.tensor("a").shape()).containsExactly(2);
            assertThatThrownBy(() -> opened.tensor("b")).hasMessage(path + ": tensor \"b\": not in this file");
        }
    }

    @Test
    void truncation() throws IOException {
        refused(new byte[0], "found 0 bytes");
        refused(new byte[7], "found 7 bytes");
        byte[] whole = file("{" + tensor("a", "\"F32\"", "[2]", "[0,8]") + "}", 8);
        for (int length = 0; length < whole.length; length++) {
            refused(Arrays.copyOf(whole, length));
        }
        refused(Arrays.copyOf(whole, whole.length - 1), "tensor \"a\", data_offsets", "end <= 7", "found [0, 8]");
        refused(Arrays.copyOf(whole, whole.length + 1), "expected 8 bytes", "found 9 bytes");
    }

    @Test
    void headerLengths() throws IOException {
        refused(file(-1, "{}", 0), "header length", "18446744073709551615");
        refused(file(Long.MIN_VALUE, "{}", 0), "header length");
        refused(file(Long.MAX_VALUE, "{}", 0), "header length", "9223372036854775807");
        refused(file(3, "{}", 0), "at most 2 bytes in a file of 10", "found 3");
        refused(file(0, "", 0), "expected a JSON object", "found the end");
    }

    @Test
    void headersThatAreNoObject() throws IOException {
        for (String json : List.of("[]", "null", "7", "\"a\"", "", " ", "{", "{}x", "{} {}", "{,}", "{\"a\"}", "{\"a\":1}", "{\"a\":{}}",
                "{\"a\":[]}", "{'a':{}}", "\u0000\u0000", "\uFEFF{}")) {
            refused(file(json, 0));
        }
        refused(file("{\"a\":{}}", 0), "tensor \"a\"", "found no dtype");
        byte[] notUtf8 = file("{\"a\":{}}", 0);
        notUtf8[10] = (byte) 0xff;
        refused(notUtf8, "UTF-8");
    }

    @Test
    void depth() throws IOException {
        refused(file("{\"a\":" + "[".repeat(1_000_000), 0));
        refused(file("{\"a\":".repeat(100_000), 0));
        refused(file("{" + tensor("a", "\"F32\"", "[[[[[[[[[[[[1]]]]]]]]]]]]", "[0,4]") + "}", 4));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\"F33\"|[2]|[0,8]|dtype: expected one of BOOL",
        "\"f32\"|[2]|[0,8]|found \"f32\"",
        "7|[2]|[0,8]|dtype: expected a string, found \"7\"",
        "\"F32\"|[-2]|[0,8]|shape: expected integers from 0 to 2^63-1, found \"-2\"",
        "\"F32\"|[2.0]|[0,8]|shape: expected integers >= 0, found \"2.0\"",
        "\"F32\"|[\"2\"]|[0,8]|shape: expected integers",
        "\"F32\"|2|[0,8]|shape: expected an array",
        "\"F32\"|[3]|[0,8]|expected 12 bytes for F32[3], found 8 bytes",
        "\"F16\"|[2]|[0,8]|expected 4 bytes for F16[2]",
        "\"F32\"|[4294967296,4294967296]|[0,8]|expected a product below 2^63",
        "\"F32\"|[9223372036854775807]|[0,8]|expected a product below 2^63",
        "\"F32\"|[9223372036854775808]|[0,8]|found \"9223372036854775808\"",
        "\"F32\"|[2]|[8,0]|begin <= end",
        "\"F32\"|[2]|[-8,0]|found \"-8\"",
        "\"F32\"|[2]|[0]|found [0]",
        "\"F32\"|[2]|[0,8,8]|at most 2 numbers",
        "\"F32\"|[2]|[8,16]|end <= 8",
        "\"F32\"|[2]|[9223372036854775800,9223372036854775807]|end <= 8",
        "\"F32\"|[1]|[4,8]|expected to begin at 0, found 4 (a hole after the header)",
        "\"F32\"|[1]|[0,4]|expected 4 bytes, up to the end of tensor \"w\", found 8 bytes",
        "\"F32\"|[2]|[0,8],\"extra\":1|expected only dtype, shape and data_offsets, found \"extra\"",
        "\"F32\"|[2]|[0,8],\"dtype\":\"F32\"|one field dtype",
    })
    void wrongEntries(String dtype, String shape, String offsets, String words) throws IOException {
        refused(file("{" + tensor("w", dtype, shape, offsets) + "}", 8), "tensor \"w\"", words);
    }

    @Test
    void duplicatesOverlapsAndHoles() throws IOException {
        String a = tensor("a", "\"F32\"", "[2]", "[0,8]");
        refused(file("{" + a + "," + a + "}", 8), "tensor \"a\"", "found two");
        refused(file("{" + a + "," + tensor("b", "\"F32\"", "[2]", "[4,12]") + "}", 12),
                "tensor \"b\"", "begin at 8, found 4 (overlaps tensor \"a\")");
        refused(file("{" + a + "," + tensor("b", "\"F32\"", "[1]", "[12,16]") + "}", 16), "tensor \"b\"", "a hole after tensor \"a\"");
        refused(file("{" + a + "," + tensor("b", "\"F32\"", "[2]", "[0,8]") + "}", 8), "tensor \"b\"", "overlaps");
    }

    @Test
    void metadataIsStrings() throws IOException {
        refused(file("{\"__metadata__\":{\"a\":1}}", 0), "__metadata__ \"a\"", "a string");
        refused(file("{\"__metadata__\":[]}", 0), "__metadata__");
        refused(file("{\"__metadata__\":{\"a\":{}}}", 0), "__metadata__ \"a\"");
        refused(file("{\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"}}", 0), "found two");
        refused(file("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "found two");
    }

    @Test
    void namesCannotForgeTheMessage() throws IOException {
        refused(file("{" + tensor("a\\nerror: \\u001b[31m", "\"F33\"", "[2]", "[0,8]") + "}", 8), "tensor \"a\\u000aerror: \\u001b[31m\"");
        refused(file("{" + tensor("a".repeat(10_000), "\"F33\"", "[2]", "[0,8]") + "}", 8), "aaa...\"");
    }

    @Test
    void scalarsAndEmptyTensorsAreGood() throws IOException {
        Path path = write(file("{" + tensor("empty", "\"F32\"", "[0,7]", "[0,0]") + "," + tensor("scalar", "\"I64\"", "[]", "[0,8]")
                + "}   ", 8));
        try (var opened = SafetensorsFile.open(path)) {
            assertThat(opened.tensor("empty").toFloats()).isEmpty();
            assertThat(opened.tensor("scalar").toLongs()).containsExactly(0);
        }
    }
}
