package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.infer.speech.TinySpeechModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordingsAreTranscribedIntoFilesTest {
    @TempDir
    Path directory;

    private Path model;
    private Path recordings;

    @BeforeEach
    void write() throws IOException {
        model = TinySpeechModel.write(directory.resolve("model"), 5);
        recordings = Files.createDirectories(directory.resolve("recordings"));
        wave("a.wav", 0.9);
        wave("B.WAV", 1.4);
    }

    private void wave(String name, double seconds) throws IOException {
        int samples = (int) (16_000 * seconds);
        ByteBuffer file = ByteBuffer.allocate(44 + 2 * samples).order(ByteOrder.LITTLE_ENDIAN);
        file.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(36 + 2 * samples).put("WAVEfmt ".getBytes(StandardCharsets.US_ASCII)).putInt(16).putShort((short) 1).putShort((short) 1);
        file.putInt(16_000).putInt(32_000).putShort((short) 2).putShort((short) 16).put("data".getBytes(StandardCharsets.US_ASCII)).putInt(2 * samples);
        for (int i = 0; i < samples; i++) {
            file.putShort((short) (9000 * Math.sin(i * 0.1) * (i / 3200 % 2 == 0 ? 1 : 0.01)));
        }
        Files.write(recordings.resolve(name), file.array());
    }

    @Test
    void oneIsPrinted() throws IOException {
        Cli json = Cli.run("transcribe", "--model", model, recordings.resolve("a.wav"), "--format", "json", "--language", "zh", "--translate", "--temperatures", "0").done();
        JsonNode transcript = new ObjectMapper().readTree(json.out());
        assertThat(transcript.path("language").asText()).isEqualTo("zh");
        assertThat(transcript.path("task").asText()).isEqualTo("translate");
        assertThat(transcript.path("duration").asDouble()).isEqualTo(0.9);
        assertThat(transcript.path("segments")).isNotEmpty().allMatch(segment -> segment.path("decision").asText().matches("kept|retried|doubted|left_out"));
        assertThat(json.err()).contains("a.wav: 0.9 seconds", "doubtful");
        assertThat(Cli.run("transcribe", "--model", model, recordings.resolve("a.wav"), "--format", "vtt", "--no-times").done().out()).startsWith("WEBVTT\n\n");
    }

    /** A file that cannot be read does not keep the others from being written, and those that are there are not made again. */
    @Test
    void aDirectoryGoesIntoADirectory() throws IOException {
        Files.writeString(recordings.resolve("broken.wav"), "this is no sound");
        Files.writeString(recordings.resolve("notes.txt"), "no recording");
        Path out = directory.resolve("texts");
        Cli first = Cli.run("transcribe", "--model", model, recordings, "--format", "text,srt", "--out", out, "--temperatures", "0");
        assertThat(first.code()).isEqualTo(Main.FAILED);
        assertThat(first.err()).contains("broken.wav: this is no WAV file", "1 of 3 recordings could not be read");
        try (var files = Files.list(out)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder("a.txt", "a.srt", "B.txt", "B.srt");
        }
        Files.delete(recordings.resolve("broken.wav"));
        Files.writeString(out.resolve("a.txt"), "corrected by hand");
        Cli again = Cli.run("transcribe", "--model", model, recordings, "--format", "text,srt", "--out", out).done();
        assertThat(again.err()).contains("a.wav: its files are there already; --force");
        assertThat(out.resolve("a.txt")).hasContent("corrected by hand");
    }

    @Test
    void theDoctorSaysWhatTheModelIsFor() {
        ModelUse use = ModelUse.of(model);
        assertThat(use.kind()).contains("hears");
        assertThat(use.verbs()).containsExactly("transcribe", "serve");
        assertThat(use.engines()).isEqualTo("torch");
    }

    @Test
    void whatIsWrongIsSaidInOneLine() throws IOException {
        Path one = recordings.resolve("a.wav");
        assertThat(Cli.run("transcribe", "--model", model, one, "--format", "docx").err()).contains("text, srt, vtt or json");
        assertThat(Cli.run("transcribe", "--model", model, one, "--doubtful", "hide").err()).contains("mark, keep or drop");
        assertThat(Cli.run("transcribe", "--model", model, recordings).code()).isEqualTo(Main.WRONG_USAGE);
        assertThat(Cli.run("transcribe", "--model", model, directory.resolve("none.wav")).err()).contains("none.wav: no such file");
        assertThat(Cli.run("transcribe", "--model", model, one, "--language", "xx").err()).contains("de en zh");
        assertThat(Cli.run("transcribe", "--model", TinyModel.write(Files.createDirectories(directory.resolve("decoder"))), one).err()).contains("a model that hears");
        Path text = Files.writeString(directory.resolve("a.mp3"), "ID3");
        Cli wrong = Cli.run("transcribe", "--model", model, text);
        assertThat(wrong.code()).isEqualTo(Main.FAILED);
        assertThat(wrong.err()).contains("no WAV file", "ffmpeg");
        assertThat(Cli.run("translate", "--model", model, "--text", "a").err()).contains("hears sound", "transcribe");
        assertThat(Cli.run("quantize", "--model", model, "--to", "q8_0", "--out", directory.resolve("m.gguf")).err()).contains("hears sound");
        assertThat(Cli.run("serve", "--model", model, "--port", "0", "--low", model).err()).contains("--low", "hears recordings");
    }
}
