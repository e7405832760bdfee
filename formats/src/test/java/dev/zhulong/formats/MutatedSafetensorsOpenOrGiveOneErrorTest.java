package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class MutatedSafetensorsOpenOrGiveOneErrorTest {

    private static Path fuzzDirectory;
    private static byte[] valid;

    @BeforeContainer
    static void makeValidFile() throws IOException {
        fuzzDirectory = Files.createTempDirectory("safetensors-fuzz");
        Path path = fuzzDirectory.resolve("valid.safetensors");
        SafetensorsWriter.write(path, Map.of("format", "pt"), List.of(
                SafetensorsWriter.Entry.of("model.embed_tokens.weight", new long[] {3, 4}, new float[12]),
                SafetensorsWriter.Entry.of("model.norm.weight", new long[] {4}, new float[] {1, 2, 3, 4}),
                SafetensorsWriter.Entry.of("scale", new long[] {}, new float[] {7})));
        valid = Files.readAllBytes(path);
    }

    @AfterContainer
    static void clear() throws IOException {
        try (var files = Files.list(fuzzDirectory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(fuzzDirectory);
    }

    /** Bytes of the header and its length are flipped, cut, doubled, or replaced by what breaks parsers. */
    private static byte[] mutate(long seed) {
        var random = new Random(seed);
        byte[] bytes = valid.clone();
        int headerEnd = 8 + (int) ByteBuffer.wrap(valid).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String alphabet = "{}[]\",:0123456789-.eE\\\u0000 tFx";
        for (int edits = 1 + random.nextInt(4); edits > 0; edits--) {
            int at = random.nextInt(Math.min(headerEnd, bytes.length));
            switch (random.nextInt(7)) {
                case 0 -> bytes[at] = (byte) random.nextInt(256);
                case 1, 2 -> bytes[at] = (byte) alphabet.charAt(random.nextInt(alphabet.length()));
                case 3 -> bytes = Arrays.copyOf(bytes, Math.max(1, random.nextInt(bytes.length)));
                case 4 -> bytes[random.nextInt(Math.min(8, bytes.length))] = (byte) random.nextInt(256);
                case 5 -> {
                    int to = Math.min(bytes.length, at + random.nextInt(60));
                    byte[] doubled = Arrays.copyOf(bytes, bytes.length + to - at);
                    System.arraycopy(bytes, at, doubled, to, bytes.length - at);
                    bytes = doubled;
                }
                default -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            }
        }
        return bytes;
    }

    @Property(tries = 5000, seed = "20261101")
    void openOrFormatException(@ForAll long seed) throws IOException {
        Path path = fuzzDirectory.resolve("fuzz.safetensors");
        Files.write(path, mutate(seed));
        try (var opened = SafetensorsFile.open(path)) {
            // What opens must be readable to the last byte.
            for (TensorView view : opened.tensors().values()) {
                assertThat(view.data().byteSize()).isEqualTo(view.elements() * view.type().bytes());
                view.data().mismatch(view.data().asSlice(0, view.data().byteSize()));
            }
        } catch (FormatException e) {
            assertThat(e.getMessage()).startsWith(path.toString()).doesNotContain("\n");
        }
    }
}
