package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.FormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class MutatedGgufOpensOrGivesOneErrorTest {

    private static Path fuzzDirectory;
    private static byte[] valid;

    @BeforeContainer
    static void makeValidFile() throws IOException {
        fuzzDirectory = Files.createTempDirectory("gguf-fuzz");
        Path path = fuzzDirectory.resolve("valid.gguf");
        GgufWriter.write(path, Samples.metadata(), Samples.tensors());
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

    /** Bytes are flipped, set to what breaks counts and lengths, cut out, doubled, and the file is cut. */
    private static byte[] mutate(long seed) {
        var random = new Random(seed);
        byte[] bytes = valid.clone();
        byte[] extremes = {0, 1, -1, 0x7f, (byte) 0x80, 4, 8, 9, 12, 13, 32};
        for (int edits = 1 + random.nextInt(4); edits > 0 && bytes.length > 0; edits--) {
            int at = random.nextInt(Math.max(1, bytes.length * 9 / 10));
            switch (random.nextInt(6)) {
                case 0 -> bytes[at] = (byte) random.nextInt(256);
                case 1, 2 -> Arrays.fill(bytes, at, Math.min(bytes.length, at + 1 + random.nextInt(8)),
                        extremes[random.nextInt(extremes.length)]);
                case 3 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
                case 4 -> {
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

    @Property(tries = 20_000, seed = "20261126")
    void openOrFormatException(@ForAll long seed) throws IOException {
        Path path = fuzzDirectory.resolve("fuzz.gguf");
        Files.write(path, mutate(seed));
        try (var opened = GgufFile.open(path)) {
            // What opens must be readable to the last byte.
            for (GgufTensor tensor : opened.tensors().values()) {
                assertThat(tensor.data().byteSize())
                        .isEqualTo(tensor.elements() / tensor.type().blockElements() * tensor.type().blockBytes());
                tensor.data().mismatch(tensor.data().asSlice(0, tensor.data().byteSize()));
            }
        } catch (FormatException e) {
            assertThat(e.getMessage()).startsWith(path.toString()).doesNotContain("\n");
        }
    }
}
