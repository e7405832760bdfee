package dev.zhulong.media;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rule S1: tones go through unchanged, and those that the new rate cannot hold do not come back as others. */
class AnotherRateKeepsWhatIsHeardTest {
    private static float[] tone(double frequency, int rate, int samples) {
        float[] tone = new float[samples];
        for (int i = 0; i < samples; i++) {
            tone[i] = (float) Math.sin(2 * Math.PI * frequency * i / rate);
        }
        return tone;
    }

    /** Mean power under a window that leaves the edges out. */
    private static double power(float[] samples) {
        double sum = 0;
        double weights = 0;
        for (int i = 0; i < samples.length; i++) {
            double window = Math.pow(Math.sin(Math.PI * (i + 0.5) / samples.length), 4);
            sum += samples[i] * samples[i] * window * window;
            weights += window * window;
        }
        return sum / weights;
    }

    @ParameterizedTest
    @ValueSource(ints = {8000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000})
    void ofTones(int rate) {
        var resampler = new SoundResampler(rate, 16_000);
        double held = Math.min(rate, 16_000) / 2.0 * 7 / 8;
        for (double frequency = 60; frequency < held; frequency *= 1.31) {
            float[] in = tone(frequency, rate, rate / 4);
            float[] out = resampler.of(in);
            assertThat(out).hasSize((int) Math.ceil(in.length * 16_000.0 / rate));
            double gain = 10 * Math.log10(power(out) / power(in));
            assertThat(gain).as("%s Hz", frequency).isBetween(-0.1, 0.1);
            double worst = 0;
            for (int i = out.length / 8; i < out.length * 7 / 8; i++) {
                worst = Math.max(worst, Math.abs(out[i] - Math.sin(2 * Math.PI * frequency * i / 16_000)));
            }
            assertThat(worst).as("%s Hz, against the tone itself: images and phase", frequency).isLessThan(0.012);
        }
        for (double frequency = 9000; frequency < rate / 2.0; frequency *= 1.13) {
            double left = 10 * Math.log10(power(resampler.of(tone(frequency, rate, rate / 4))) / 0.5);
            assertThat(left).as("%s Hz", frequency).isLessThan(-60);
        }
    }

    /** What is added beside the tone itself, where samples become more. */
    @Test
    void imagesAreDamped() {
        for (int rate : new int[] {8000, 11_025}) {
            float[] out = new SoundResampler(rate, 16_000).of(tone(3000, rate, rate));
            double image = 0;
            double tone = 0;
            for (int i = 2000; i < 14_000; i++) {
                double wanted = Math.sin(2 * Math.PI * 3000 * i / 16_000);
                image += (out[i] - wanted) * (out[i] - wanted);
                tone += wanted * wanted;
            }
            assertThat(10 * Math.log10(image / tone)).isLessThan(-60);
        }
    }

    @Test
    void lengthAndSilenceStay() {
        assertThat(SoundResampler.to(16_000, new Sound(44_100, new float[44_100])).samples()).hasSize(16_000).containsOnly(0f);
        assertThat(SoundResampler.to(16_000, new Sound(16_000, new float[] {1})).samples()).containsExactly(1f);
        assertThat(new SoundResampler(48_000, 16_000).of(new float[0])).isEmpty();
    }
}
