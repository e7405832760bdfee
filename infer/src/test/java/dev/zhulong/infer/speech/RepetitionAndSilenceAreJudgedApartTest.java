package dev.zhulong.infer.speech;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.speech.SpeechModel.Written;
import java.util.List;
import org.junit.jupiter.api.Test;

class RepetitionAndSilenceAreJudgedApartTest {
    private static final String SENTENCE = " And so my fellow Americans ask not what your country can do for you.";
    private static final String LOOP = " I'm going to die,".repeat(20);

    private static Written written(double logProb, double noSpeech) {
        return new Written(List.of(), logProb, noSpeech, 0);
    }

    private static boolean good(Written written, String text, double seconds, String... pieces) {
        return new Tries(TranscribeOptions.DEFAULT).add(written, text, List.of(pieces), seconds);
    }

    /** A guard against silence does not switch off the one against loops (whisper #2795). */
    @Test
    void aLoopIsTriedAgainEvenWhereNobodySeemsToSpeak() {
        assertThat(good(written(-1.5, 0.95), LOOP, 20, LOOP)).isFalse();
        assertThat(good(written(-0.2, 0.95), LOOP, 20, LOOP)).isFalse();
        assertThat(good(written(-1.5, 0.95), SENTENCE, 20, SENTENCE)).isTrue();
    }

    @Test
    void anImprobableTextIsTriedAgain() {
        assertThat(good(written(-1.5, 0.1), SENTENCE, 5, SENTENCE)).isFalse();
        assertThat(good(written(-0.9, 0.1), SENTENCE, 5, SENTENCE)).isTrue();
    }

    /** The same sentence three times in 15 seconds is speech; in two seconds it is none. */
    @Test
    void peopleMayRepeatThemselves() {
        String all = SENTENCE.repeat(3);
        assertThat(Tries.compression(all)).isGreaterThan(2.4);
        assertThat(good(written(-0.2, 0), all, 15, SENTENCE, SENTENCE, SENTENCE)).isTrue();
        assertThat(good(written(-0.2, 0), all, 2, SENTENCE, SENTENCE, SENTENCE)).isFalse();
        assertThat(good(written(-0.2, 0), all, 15, all)).isFalse();
    }

    @Test
    void whereNoneIsGoodTheLikeliestWithoutALoopStays() {
        var tries = new Tries(TranscribeOptions.DEFAULT);
        tries.add(written(-0.1, 0), LOOP, List.of(LOOP), 20);
        tries.add(written(-1.4, 0), SENTENCE, List.of(SENTENCE), 5);
        tries.add(written(-3, 0), SENTENCE, List.of(SENTENCE), 5);
        assertThat(tries.best().written().logProb()).isEqualTo(-1.4);
        assertThat(tries.reasons()).hasSize(3).first().asString().contains("temperature 0.0", "repeats itself");
        tries.add(written(-0.9, 0), SENTENCE, List.of(SENTENCE), 5);
        assertThat(tries.best().written().logProb()).isEqualTo(-0.9);
    }

    @Test
    void soundThatHardlyChangesIsToldFromSpeech() {
        int frames = 200;
        float[] values = new float[2 * frames];
        for (int t = 0; t < frames; t++) {
            values[t] = values[frames + t] = t % 20 < 10 ? 1 : 0.5f;
        }
        var loudAndSoft = new Spectrogram(2, values, frames, new float[0]);
        assertThat(loudAndSoft.change(0, frames)).isEqualTo(20);
        assertThat(new Spectrogram(2, new float[2 * frames], frames, new float[0]).change(0, frames)).isZero();
        // a window beyond the end is filled with what is 80 dB below the loudest
        assertThat(loudAndSoft.window(150, 100)).hasSize(200).startsWith(0.5f).endsWith(-1f);
    }
}
