package dev.zhulong.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.zhulong.formats.SafetensorsFile;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rule S3. */
class WhatWhisperHearsIsTransformersTest {
    private static final Path GOLDEN = Path.of(System.getProperty("zhulong.root"), "../shared/golden/media/whisper");

    @Test
    void ofARecordingOfTwoSeconds() throws Exception {
        assumeThat(GOLDEN).as("the golden files in ../shared").exists();
        Sound sound = WaveFile.read("sound.wav", Files.readAllBytes(GOLDEN.resolve("sound.wav")), 30);
        assertThat(sound.rate()).isEqualTo(LogMel.RATE);
        float[] mel = new LogMel(80).of(Arrays.copyOf(sound.samples(), 30 * LogMel.RATE));
        try (var file = SafetensorsFile.open(GOLDEN.resolve("golden.safetensors"))) {
            var expected = file.tensor("input_features").data().asByteBuffer().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
            assertThat(expected.remaining()).isEqualTo(mel.length);
            double worst = 0;
            for (int i = 0; i < mel.length; i++) {
                worst = Math.max(worst, Math.abs(mel[i] - expected.get(i)));
            }
            assertThat(worst).isLessThan(1e-4);
        }
    }

    /** By a plain transform in doubles, of bands that the scale's formula gives. */
    @ParameterizedTest
    @ValueSource(ints = {80, 128})
    void ofATone(int bands) {
        float[] tone = new float[1600];
        for (int i = 0; i < tone.length; i++) {
            tone[i] = (float) Math.sin(2 * Math.PI * 1000 * i / LogMel.RATE);
        }
        float[] mel = new LogMel(bands).of(tone);
        assertThat(mel).hasSize(bands * 10);
        int loudest = 0;
        for (int band = 0; band < bands; band++) {
            loudest = mel[band * 10 + 5] > mel[loudest * 10 + 5] ? band : loudest;
        }
        // 1,000 Hz are 15 of 45.245 mels; the middle of band b lies at (b + 1) / (bands + 1) of the scale
        double top = 15 + Math.log(8) * 27 / Math.log(6.4);
        assertThat((double) loudest).isBetween(15 / top * (bands + 1) - 2, 15 / top * (bands + 1));
        // a window of 400 has 200 x 200 / 4 of power for a tone of 1, spread over three frequencies
        double power = 0;
        for (int band = 0; band < bands; band++) {
            power += Math.pow(10, 4 * mel[band * 10 + 5] - 4);
        }
        assertThat(power).isGreaterThan(10);
    }
}
