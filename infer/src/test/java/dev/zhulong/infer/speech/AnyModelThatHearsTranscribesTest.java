package dev.zhulong.infer.speech;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.speech.Transcript.Segment;
import dev.zhulong.media.LogMel;
import dev.zhulong.media.Sound;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With random weights: what is written is nonsense, and the rules hold all the same. */
class AnyModelThatHearsTranscribesTest {
    @TempDir
    static Path directory;

    private static Sound sound(double seconds) {
        float[] samples = new float[(int) (seconds * 8000)];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (float) (0.3 * Math.sin(i * 0.2) * (i / 1600 % 2 == 0 ? 1 : 0.01));
        }
        return new Sound(8000, samples);
    }

    private static SpeechModel model() {
        return SpeechModel.load(TinySpeechModel.write(directory.resolve("model"), 5));
    }

    /** Windows follow each other to the end, whatever is written; the same seed gives the same text. */
    @Test
    void aRecordingOfManyWindows() {
        try (SpeechModel model = model()) {
            var all = TranscribeOptions.DEFAULT.withPrompt("Zhulong").withPrevious(true);
            Transcript transcript = new Transcriber(model, all).transcribe(sound(3.3), Progress.SILENT);
            assertThat(transcript.seconds()).isEqualTo(3.3);
            assertThat(transcript.language()).isIn("en", "de", "zh");
            assertThat(transcript.segments()).isNotEmpty().allMatch(segment -> segment.start() >= 0 && segment.end() <= 3.3 && segment.end() >= segment.start());
            assertThat(transcript.segments().stream().map(Segment::start)).isSorted();
            assertThat(new Transcriber(model, all).transcribe(sound(3.3), Progress.SILENT)).isEqualTo(transcript);
            assertThat(new Transcriber(model, all.withTimes(false).withLanguage("de").withEnglish(true)).transcribe(sound(1.5), Progress.SILENT).language()).isEqualTo("de");
            assertThat(new Transcriber(model, all).transcribe(new Sound(16_000, new float[0]), Progress.SILENT).segments()).isEmpty();
        }
    }

    /** Keys and values that are kept give what reading all anew gives. */
    @Test
    void aTextReadAtOnceGoesOnAsOneThatWasWritten() {
        try (SpeechModel model = model(); Tensor encoded = model.hear(model.spectrogram(sound(0.8)).window(0, model.window()))) {
            int[] prompt = model.tokens().prompt("en", false, true);
            List<Integer> whole = model.write(encoded, List.of(), prompt, true, 12, SamplerOptions.GREEDY, 0).ids();
            assertThat(whole).isNotEmpty().first().satisfies(first -> assertThat(model.tokens().isTime(first)).isTrue());
            for (int i = 0; i + 1 < whole.size(); i++) {
                assertThat(model.tokens().isTime(whole.get(i)) || whole.get(i) < model.tokens().end()).isTrue();
            }
        }
    }

    @Test
    void promptsNameLanguageAndTask() {
        try (SpeechModel model = model()) {
            assertThat(model.tokens().prompt("zh", false, true)).containsExactly(TinySpeechModel.START, TinySpeechModel.ENGLISH + 2, TinySpeechModel.TRANSCRIBE);
            assertThat(model.tokens().prompt("de", true, false)).containsExactly(TinySpeechModel.START, TinySpeechModel.ENGLISH + 1, TinySpeechModel.TRANSLATE, TinySpeechModel.NO_TIMES);
            // what a user types is text, whatever it looks like
            assertThat(model.ids("<|endoftext|>")).hasSize(13).allMatch(id -> id < TinySpeechModel.END);
            assertThat(model.before(List.of(65, TinySpeechModel.FIRST_TIME, 66))).containsExactly(TinySpeechModel.PREVIOUS, 65, 66);
            assertThatThrownBy(() -> new Transcriber(model, TranscribeOptions.DEFAULT.withLanguage("xx"))).hasMessageContaining("de en zh");
        }
    }

    /** Of 8 kHz as of any other rate, and at least a window. */
    @Test
    void whatIsHeardIsAWindowLong() {
        try (SpeechModel model = model()) {
            Spectrogram heard = model.spectrogram(sound(0.4));
            assertThat(heard.samples()).hasSize((int) (0.4 * LogMel.RATE));
            assertThat(heard.content()).isEqualTo(40);
            assertThat(heard.values()).hasSize(80 * 100);
        }
    }

    @Test
    void whatCannotHearIsRefused() throws Exception {
        Path other = Files.createDirectories(directory.resolve("other"));
        Files.writeString(other.resolve("config.json"), "{\"model_type\": \"t5\", \"d_model\": 16, \"d_kv\": 4, \"d_ff\": 24, \"num_layers\": 1, \"num_heads\": 2, \"vocab_size\": 9}");
        assertThatThrownBy(() -> SpeechModel.load(other)).hasMessageContaining("Whisper").hasMessageContaining("T5");
        Path model = TinySpeechModel.write(directory.resolve("slow"), 1);
        Files.writeString(model.resolve("preprocessor_config.json"), "{\"sampling_rate\": 8000}");
        assertThatThrownBy(() -> SpeechModel.load(model)).hasMessageContaining("sampling_rate").hasMessageContaining("16000");
        Files.delete(model.resolve("preprocessor_config.json"));
        Files.delete(model.resolve("generation_config.json"));
        assertThatThrownBy(() -> SpeechModel.load(model)).hasMessageContaining("generation_config.json").hasMessageContaining("no such file");
    }
}
