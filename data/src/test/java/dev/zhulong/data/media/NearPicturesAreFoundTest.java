package dev.zhulong.data.media;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.media.PerceptualHash;
import dev.zhulong.media.PictureMeasures;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever differs in as few bits as are allowed is found, as by looking at all. */
class NearPicturesAreFoundTest {
    private static MediaFile.Image picture(long hash, int colour) {
        byte[] thumbnail = new byte[3 * MediaFile.THUMBNAIL * MediaFile.THUMBNAIL];
        java.util.Arrays.fill(thumbnail, (byte) colour);
        return new MediaFile.Image(Path.of("a"), 1, "", 64, 64, new PictureMeasures(50, 500), hash, thumbnail);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 16})
    void asByLookingAtAll(int distance) {
        var random = new SplittableRandom(distance);
        var near = new NearPictures<Long>(distance);
        long[] known = random.longs(200).toArray();
        for (long hash : known) {
            near.add(picture(hash, 100), hash);
        }
        for (int i = 0; i < 2_000; i++) {
            long hash = known[random.nextInt(known.length)];
            for (int flips = random.nextInt(2 * distance + 2); flips > 0; flips--) {
                hash ^= 1L << random.nextInt(64);
            }
            int least = 65;
            for (long other : known) {
                least = Math.min(least, PerceptualHash.distance(hash, other));
            }
            Long found = near.find(picture(hash, 105), _ -> true);
            if (least > distance) {
                assertThat(found).isNull();
            } else {
                assertThat(PerceptualHash.distance(hash, found)).isEqualTo(least);
            }
            assertThat(near.find(picture(hash, 130), _ -> true)).as("of another colour").isNull();
            assertThat(near.find(picture(hash, 100), _ -> false)).as("that does not suit").isNull();
        }
    }
}
