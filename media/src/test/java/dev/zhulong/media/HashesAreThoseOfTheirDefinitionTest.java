package dev.zhulong.media;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Perceptual hashes are those that Pillow and NumPy compute by ImageHash's definition, and near for what looks alike alone. */
class HashesAreThoseOfTheirDefinitionTest {
    private static final PictureReader READER = new PictureReader(MediaLimits.DEFAULT);

    static Stream<String> hashes() {
        return new String(PicturesAreThoseOfPillowTest.resource("hashes.txt"), StandardCharsets.UTF_8).lines();
    }

    @ParameterizedTest
    @MethodSource("hashes")
    void ofEachPicture(String line) {
        String[] parts = line.split(" ");
        String name = parts[0];
        Picture picture;
        if (name.contains(".")) {
            picture = READER.read(name, PicturesAreThoseOfPillowTest.resource("pictures/" + name));
        } else {
            int x = name.indexOf('x');
            picture = noise(Integer.parseInt(name.substring(0, x)), Integer.parseInt(name.substring(x + 1)), 1);
        }
        assertThat("%016x".formatted(PerceptualHash.of(picture))).isEqualTo(parts[1]);
    }

    @Test
    void smallerAndLighterPicturesStayNearAndOthersDoNot() {
        Picture picture = Resampling.BICUBIC.resize(noise(9, 7, 1), 360, 280);
        long hash = PerceptualHash.of(picture);
        byte[] lighter = picture.rgb().clone();
        for (int i = 0; i < lighter.length; i++) {
            lighter[i] = (byte) Math.min(255, (lighter[i] & 255) + 10);
        }
        assertThat(PerceptualHash.distance(hash, PerceptualHash.of(Resampling.BILINEAR.resize(picture, 97, 75)))).isLessThanOrEqualTo(2);
        assertThat(PerceptualHash.distance(hash, PerceptualHash.of(new Picture(360, 280, lighter)))).isLessThanOrEqualTo(4);
        for (int seed = 2; seed < 40; seed++) {
            assertThat(PerceptualHash.distance(hash, PerceptualHash.of(Resampling.BICUBIC.resize(noise(9, 7, seed), 360, 280)))).as("seed %d", seed).isGreaterThan(12);
        }
    }

    static Picture noise(int width, int height, int seed) {
        byte[] rgb = new byte[3 * width * height];
        int x = seed;
        for (int i = 0; i < rgb.length; i++) {
            x = 1664525 * x + 1013904223;
            rgb[i] = (byte) (x >> 16);
        }
        return new Picture(width, height, rgb);
    }
}
