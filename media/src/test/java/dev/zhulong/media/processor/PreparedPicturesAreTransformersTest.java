package dev.zhulong.media.processor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.media.MediaLimits;
import dev.zhulong.media.Picture;
import dev.zhulong.media.PictureReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rules P1, P2, T1 to T7: values to the bit, and counts from sizes alone, as transformers 5.18 has them with Pillow. */
class PreparedPicturesAreTransformersTest {
    private static final Path GOLDEN = Path.of(System.getProperty("zhulong.root"), "../shared/golden/media");
    private static final byte[] NOISE = new byte[3 * 120 * 120];

    static {
        for (int i = 0, x = 1; i < NOISE.length; i++) {
            x = 1_664_525 * x + 1_013_904_223;
            NOISE[i] = (byte) (x >> 16);
        }
    }

    @TempDir
    Path directory;

    private record Case(String settings, List<String> lines) {
        @Override
        public String toString() {
            return settings;
        }
    }

    private static Stream<Case> cases(String name) {
        List<Case> cases = new ArrayList<>();
        try (var in = PreparedPicturesAreTransformersTest.class.getResourceAsStream(name)) {
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
                if (line.startsWith("# ")) {
                    cases.add(new Case(line.substring(2), new ArrayList<>()));
                } else {
                    cases.getLast().lines.add(line);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return cases.stream();
    }

    static Stream<Case> prepared() {
        return cases("prepared.txt");
    }

    static Stream<Case> counts() {
        return cases("counts.txt");
    }

    private PictureProcessor processor(String settings) throws IOException {
        Files.writeString(directory.resolve("preprocessor_config.json"), settings);
        return PictureProcessor.of(directory);
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    @ParameterizedTest
    @MethodSource("prepared")
    void ofTwoHundredSizes(Case of) throws Exception {
        PictureProcessor processor = processor(of.settings);
        assertThat(of.lines).hasSize(210);
        for (String line : of.lines) {
            String[] c = line.split(" ");
            int width = Integer.parseInt(c[0]);
            int height = Integer.parseInt(c[1]);
            PreparedPicture prepared = processor.prepare(new Picture(width, height, Arrays.copyOf(NOISE, 3 * width * height)));
            assertThat(prepared.plan()).isEqualTo(processor.plan(width, height));
            assertThat(prepared.values()).as(line).hasSize(Integer.parseInt(c[2]));
            ByteBuffer bytes = ByteBuffer.allocate(4 * prepared.values().length).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asFloatBuffer().put(prepared.values());
            assertThat(sha256(bytes.array())).as(line).startsWith(c[3]);
        }
    }

    /** Ten thousand sizes, up to 5,000 pixels a side. */
    @ParameterizedTest
    @MethodSource("counts")
    void countsOfPublishedSizes(Case of) throws Exception {
        PictureProcessor processor = processor(of.settings);
        var lines = new ByteArrayOutputStream();
        int x = 1;
        long sum = 0;
        for (int i = 0; i < 10_000; i++) {
            int most = new int[] {64, 300, 1500, 5000}[i % 4];
            x = 1_664_525 * x + 1_013_904_223;
            int width = 1 + (x >>> 8) % most;
            x = 1_664_525 * x + 1_013_904_223;
            int height = 1 + (x >>> 8) % most;
            int tiles;
            try {
                tiles = processor.plan(width, height).tiles();
            } catch (IllegalArgumentException e) {
                assertThat(e).hasMessageContaining("200 times longer");
                tiles = -1;
            }
            sum += tiles;
            lines.writeBytes("%d %d %d%n".formatted(width, height, tiles).getBytes(StandardCharsets.UTF_8));
        }
        assertThat(sha256(lines.toByteArray()) + " " + sum).isEqualTo(of.lines.getFirst());
    }

    @ParameterizedTest
    @ValueSource(strings = {"vit", "clip", "siglip", "dinov2", "llava", "smolvlm", "qwen2_5_vl"})
    void ofThreePictures(String family) {
        Path golden = GOLDEN.resolve(family);
        assumeThat(golden).as("the golden files in ../shared").exists();
        PictureProcessor processor = PictureProcessor.of(golden);
        var reader = new PictureReader(MediaLimits.DEFAULT);
        try (var file = SafetensorsFile.open(golden.resolve("golden.safetensors"))) {
            float[] expected = file.tensor("pixel_values").toFloats();
            int pictures = (int) (family.startsWith("qwen") ? 2 : file.tensor("pixel_values").shape()[0]);
            int at = 0;
            for (int i = 0; i < pictures; i++) {
                float[] values = processor.prepare(reader.read(golden.resolve("picture" + i + ".png"))).values();
                assertThat(values).isEqualTo(Arrays.copyOfRange(expected, at, at + values.length));
                // batches of tiles are filled up with zeros
                at = family.startsWith("qwen") ? at + values.length : expected.length / pictures * (i + 1);
            }
            assertThat(at).isEqualTo(expected.length);
        }
    }

    @Test
    void whatIsNotDoneIsRefused() {
        assertThatThrownBy(() -> PictureProcessor.of(directory)).isInstanceOf(FormatException.class).hasMessageContaining("preprocessor_config.json");
        assertThatThrownBy(() -> processor("[]")).isInstanceOf(FormatException.class).hasMessageContaining("no JSON object");
        assertThatThrownBy(() -> processor("{")).isInstanceOf(FormatException.class).hasMessageContaining("no JSON");
        assertThatThrownBy(() -> processor("{\"image_processor_type\": \"PixtralImageProcessor\"}")).isInstanceOf(FormatException.class).hasMessageContaining("\"PixtralImageProcessor\"")
                .hasMessageContaining("siglip");
        assertThatThrownBy(() -> processor("{\"image_processor_type\": \"ViTImageProcessor\", \"size\": {\"height\": -1, \"width\": 3}}")).isInstanceOf(FormatException.class)
                .hasMessageContaining("a positive integer");
        assertThatThrownBy(() -> processor("{\"image_processor_type\": \"ViTImageProcessor\", \"do_pad\": true}")).isInstanceOf(FormatException.class).hasMessageContaining("padding");
        assertThatThrownBy(() -> processor("{\"image_processor_type\": \"ViTImageProcessor\", \"image_mean\": [1, 2]}")).isInstanceOf(FormatException.class).hasMessageContaining("three numbers");
        assertThatThrownBy(() -> processor("{\"image_processor_type\": \"ViTImageProcessor\", \"resample\": 9}")).isInstanceOf(FormatException.class).hasMessageContaining("resampling 9");
        assertThatThrownBy(() -> processor("{\"image_processor_type\": \"Qwen2VLImageProcessor\"}").plan(1, 300)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("200 times");
    }

    @Test
    void theNestedSettingsComeFirst() throws IOException {
        Files.writeString(directory.resolve("processor_config.json"), "{\"image_processor\": {\"image_processor_type\": \"ViTImageProcessor\", \"size\": 20}}");
        assertThat(processor("{\"image_processor_type\": \"SiglipImageProcessor\", \"size\": {\"height\": 9, \"width\": 9}}").plan(5, 5).tileWidth()).isEqualTo(20);
    }
}
