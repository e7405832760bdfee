package dev.zhulong.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class MeasuresTellSomethingFromNothingTest {
    @Test
    void contrastAndSharpnessFollowTheirFormulas() {
        // columns of 0 and 200 in turn: a standard deviation of 100, and 4 x 200 - 2 x 0 - 2 x 200 = 400 or -400 at each pixel that has neighbours
        byte[] rgb = new byte[3 * 10 * 8];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (i / 3 % 2 * 200);
        }
        PictureMeasures stripes = PictureMeasures.of(new Picture(10, 8, rgb));
        assertThat(stripes.contrast()).isCloseTo(100, within(1e-9));
        assertThat(stripes.sharpness()).isCloseTo(160_000, within(1e-6));
        assertThat(PictureMeasures.of(new Picture(2, 1, new byte[6]))).isEqualTo(new PictureMeasures(0, 0));
    }

    @Test
    void aBlurredPictureIsFarLessSharpWhateverItsSize() {
        for (int scale : new int[] {1, 4}) {
            Picture sharp = Resampling.NEAREST.resize(HashesAreThoseOfTheirDefinitionTest.noise(40, 30, 3), 320 * scale, 240 * scale);
            Picture blurred = Resampling.BICUBIC.resize(Resampling.BOX.resize(sharp, 12, 9), 320 * scale, 240 * scale);
            assertThat(PictureMeasures.of(sharp).sharpness()).as("scale %d", scale).isGreaterThan(500);
            assertThat(PictureMeasures.of(blurred).sharpness()).as("scale %d", scale).isLessThan(20);
        }
    }

    @Test
    void loudnessIsOfTheLoudestTenthOfASecond() {
        float[] samples = new float[16_000];
        for (int i = 8_000; i < 9_600; i++) {
            samples[i] = 0.1f * (float) Math.sin(2 * Math.PI * 440 * i / 16_000);
        }
        SoundMeasures tone = SoundMeasures.of(new Sound(16_000, samples));
        assertThat(tone.loudness()).isCloseTo(20 * Math.log10(0.1 / Math.sqrt(2)), within(0.05));
        assertThat(tone.clipped()).isZero();
        assertThat(SoundMeasures.of(new Sound(8_000, new float[100])).loudness()).isEqualTo(-200);
        assertThat(SoundMeasures.of(new Sound(8_000, new float[0]))).isEqualTo(new SoundMeasures(-200, 0));
    }

    @Test
    void onlyRunsAtFullScaleAreClipped() {
        float[] samples = new float[1_000];
        Arrays.fill(samples, 100, 104, 1f);
        Arrays.fill(samples, 200, 203, -1f);
        samples[300] = 1;
        samples[301] = 1;
        assertThat(SoundMeasures.of(new Sound(8_000, samples)).clipped()).isCloseTo(7e-3, within(1e-12));
    }
}
