package dev.zhulong.media;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Rules P1, P3, P4, P5 and P6: orientation, conversion to RGB and resizing, to the byte. */
class PicturesAreThoseOfPillowTest {
    private static final PictureReader READER = new PictureReader(MediaLimits.DEFAULT);

    static byte[] resource(String name) {
        try (var in = PicturesAreThoseOfPillowTest.class.getResourceAsStream(name)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Stream<String> lines(String name) {
        return new String(resource(name), StandardCharsets.UTF_8).lines();
    }

    static Stream<String> pictures() {
        return lines("pictures.txt").filter(line -> !line.startsWith("lossy"));
    }

    @ParameterizedTest
    @MethodSource("pictures")
    void ofEachKindOfFile(String line) {
        String[] expected = line.split(" ");
        byte[] file = resource("pictures/" + expected[0]);
        PictureInfo info = READER.info(expected[0], file);
        assertThat(info.seenWidth() + " " + info.seenHeight()).as("known from the header").isEqualTo(expected[1] + " " + expected[2]);
        Picture picture = READER.read(expected[0], file);
        assertThat(picture.width() + " " + picture.height()).isEqualTo(expected[1] + " " + expected[2]);
        assertThat(sha256(picture.rgb())).isEqualTo(expected[3]);
    }

    /** Colours of half the size are brought up in another way than libwebp's. */
    @Test
    void lossyWebpIsNear() {
        byte[] pillow = resource("lossy.rgb");
        byte[] ours = READER.read("lossy.webp", resource("pictures/lossy.webp")).rgb();
        assertThat(ours).hasSameSizeAs(pillow);
        long difference = 0;
        for (int i = 0; i < ours.length; i++) {
            difference += Math.abs((ours[i] & 0xFF) - (pillow[i] & 0xFF));
        }
        assertThat((double) difference / ours.length).isLessThan(6);
    }

    private static final byte[] NOISE = noise(3 * 3840 * 40);

    private static byte[] noise(int length) {
        byte[] noise = new byte[length];
        int x = 1;
        for (int i = 0; i < length; i++) {
            x = 1_664_525 * x + 1_013_904_223;
            noise[i] = (byte) (x >> 16);
        }
        return noise;
    }

    static Stream<String> resized() {
        return lines("resized.txt");
    }

    @Test
    void resizedByEachFilter() {
        assertThat(resized()).hasSizeGreaterThan(200).allSatisfy(line -> {
            String[] c = line.split(" ");
            int width = Integer.parseInt(c[0]);
            int height = Integer.parseInt(c[1]);
            var picture = new Picture(width, height, java.util.Arrays.copyOf(NOISE, 3 * width * height));
            for (int filter = 0; filter < 6; filter++) {
                Picture result = Resampling.of(filter).resize(picture, Integer.parseInt(c[2]), Integer.parseInt(c[3]));
                assertThat(sha256(result.rgb())).as("%s of %s", Resampling.of(filter), line).startsWith(c[4 + filter]);
            }
        });
    }
}
