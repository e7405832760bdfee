package dev.zhulong.infer.speech;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.speech.Transcript.Decision;
import dev.zhulong.infer.speech.Transcript.Segment;
import dev.zhulong.media.LogMel;
import dev.zhulong.media.Sound;
import dev.zhulong.media.WaveFile;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Whisper-tiny's published weights beside transformers' greedy search over them. */
class WhisperWritesWhatTransformersWritesTest {
    private static final Path DIRECTORY = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/assets/whisper-tiny").normalize();
    private static SpeechModel model;

    @BeforeAll
    static void load() {
        assumeTrue(Files.isDirectory(DIRECTORY), DIRECTORY + " is not there: it is shared");
        model = SpeechModel.load(DIRECTORY);
    }

    @AfterAll
    static void close() {
        if (model != null) {
            model.close();
        }
    }

    private static Sound sound(String name) throws IOException {
        return WaveFile.read(name, Files.readAllBytes(DIRECTORY.resolve(name + ".wav")), 30);
    }

    private static Tensor hear(Sound sound) {
        return model.hear(model.spectrogram(sound).window(0, model.window()));
    }

    private static List<Integer> greedy(Tensor encoded, boolean withTimes, int most) {
        return model.write(encoded, List.of(), model.tokens().prompt("en", false, withTimes), withTimes, most, SamplerOptions.GREEDY, 0).ids();
    }

    private static List<Integer> golden(String name, String field) {
        return StreamSupport.stream(JsonFields.read(DIRECTORY.resolve("golden.json")).object(name).orElseThrow().node(field).spliterator(), false).map(id -> id.intValue()).toList();
    }

    @Test
    void ofARecording() throws IOException {
        try (Tensor jfk = hear(sound("jfk"))) {
            assertThat(greedy(jfk, false, Integer.MAX_VALUE)).isEqualTo(golden("jfk", "ids"));
            assertThat(greedy(jfk, true, Integer.MAX_VALUE)).isEqualTo(golden("jfk", "ids_with_timestamps"));
        }
    }

    /** The golden ids are of the 8-bit files read as if they had 16: noise, of which the model writes one sentence until there is no room; its beginning is enough. */
    @Test
    void ofNoiseThatIsToldAsOneSentenceAgainAndAgain() throws IOException {
        for (String name : List.of("test", "test2")) {
            float[] samples = sound(name).samples();
            byte[] bytes = new byte[samples.length / 2 * 2];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) (Math.round(samples[i] * 128) + 128);
            }
            var words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer();
            float[] misread = new float[words.remaining()];
            for (int i = 0; i < misread.length; i++) {
                misread[i] = words.get(i) / 32_768f;
            }
            try (Tensor noise = hear(new Sound(LogMel.RATE, misread))) {
                assertThat(greedy(noise, false, Integer.MAX_VALUE)).isEqualTo(golden(name, "ids"));
                assertThat(greedy(noise, true, 40)).isEqualTo(golden(name, "ids_with_timestamps").stream().limit(40).toList());
            }
        }
    }

    /** By transformers 5.18 over these files read as they are. */
    @Test
    void withTheirTimes() throws IOException {
        Segment box = only("test");
        assertThat(box.text()).isEqualTo(" Could you please let me out of the box?");
        assertThat(box.ids()).containsExactly(50364, 7497, 291, 1767, 718, 385, 484, 295, 264, 2424, 30, 50464);
        assertThat(box.start()).isZero();
        // the time that was written is 2.00, behind the recording's end
        assertThat(box.end()).isEqualTo(1.97375);
        Segment batch = only("test2");
        assertThat(batch.text()).isEqualTo(" A slightly longer audio file so that we can test batch transcriptions of varying lengths.");
        assertThat(batch.ids()).containsExactly(50364, 316, 4748, 2854, 6278, 3991, 370, 300, 321, 393, 1500, 15245, 24444, 626, 295, 22984, 26329, 13, 50612);
        assertThat(batch.end()).isEqualTo(4.96);
    }

    private static Segment only(String name) throws IOException {
        Transcript transcript = new Transcriber(model, TranscribeOptions.DEFAULT).transcribe(sound(name), Progress.SILENT);
        assertThat(transcript.language()).isEqualTo("en");
        assertThat(transcript.languageProbability()).isGreaterThan(0.9);
        assertThat(transcript.segments()).hasSize(1);
        assertThat(transcript.segments().getFirst().decision()).isEqualTo(Decision.KEPT);
        return transcript.segments().getFirst();
    }

    /** Four recordings in a row are longer than a window: each is told once, and none is lost where windows meet. */
    @Test
    void nothingIsLostOrToldTwiceWhereWindowsMeet() throws IOException {
        float[] jfk = sound("jfk").samples();
        int apart = jfk.length + LogMel.RATE / 4;
        float[] all = new float[4 * apart];
        for (int i = 0; i < 4; i++) {
            System.arraycopy(jfk, 0, all, i * apart, jfk.length);
        }
        Transcript transcript = new Transcriber(model, TranscribeOptions.DEFAULT.withLanguage("EN")).transcribe(new Sound(LogMel.RATE, all), Progress.SILENT);
        assertThat(transcript.text().split("fellow Americans", -1)).hasSize(5);
        assertThat(transcript.text().split("do for your country", -1)).hasSize(5);
        double end = 0;
        for (Segment segment : transcript.segments()) {
            assertThat(segment.start()).isGreaterThanOrEqualTo(end);
            end = segment.end();
        }
    }

    @Test
    void silenceAndNoiseSayNothingThatIsNotDoubtful() {
        var random = new SplittableRandom(1);
        float[] noise = new float[LogMel.RATE * 4];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = (float) (0.05 * random.nextGaussian());
        }
        for (float[] sound : List.of(new float[LogMel.RATE * 300], noise, Arrays.copyOf(new float[] {1e-4f, -1e-4f}, LogMel.RATE))) {
            Transcript transcript = new Transcriber(model, TranscribeOptions.DEFAULT).transcribe(new Sound(LogMel.RATE, sound), Progress.SILENT);
            assertThat(transcript.said()).allMatch(Segment::doubtful);
            assertThat(transcript.segments()).isNotEmpty().noneMatch(segment -> segment.reasons().isEmpty());
        }
    }
}
