package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.audio.AudioResponseFormat;
import com.openai.models.audio.transcriptions.TranscriptionCreateParams;
import com.openai.models.audio.translations.TranslationCreateParams;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.speech.SpeechModel;
import dev.zhulong.infer.speech.TinySpeechModel;
import dev.zhulong.infer.speech.TranscribeOptions;
import dev.zhulong.infer.speech.Transcriber;
import dev.zhulong.infer.speech.Transcript;
import dev.zhulong.infer.speech.TranscriptFormat;
import dev.zhulong.infer.speech.TranscriptFormat.Doubtful;
import dev.zhulong.media.WaveFile;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server of a model that hears, of random weights: what it tells is what the transcriber tells. */
@Timeout(120)
class RecordingsAreAnsweredInOpenAisShapeTest {
    @TempDir
    static Path directory;
    private static SpeechModel model;
    private static ServedSpeech served;
    private static TestServer server;
    private static byte[] recording;
    private static Transcript expected;

    @BeforeAll
    static void start() throws IOException {
        model = SpeechModel.load(TinySpeechModel.write(directory.resolve("model"), 5));
        recording = wave(1.4);
        expected = new Transcriber(model, TranscribeOptions.DEFAULT.withLanguage("zh")).transcribe(WaveFile.read("a", recording, 10), Progress.SILENT);
        served = new ServedSpeech("tiny", "torch f32", model, 8);
        Path rules = Files.writeString(directory.resolve("rules.yaml"), "name: t\nrules:\n  - {id: stop, words: [volcano], action: block, with: No volcanoes.}\n");
        server = new TestServer(served, ServerOptions.local(0).withGuard(new Guard(List.of(rules.toString()), AuditLog.NONE)));
    }

    @AfterAll
    static void stop() {
        server.close();
        served.close();
        model.close();
    }

    private static byte[] wave(double seconds) {
        int samples = (int) (16_000 * seconds);
        ByteBuffer file = ByteBuffer.allocate(44 + 2 * samples).order(ByteOrder.LITTLE_ENDIAN);
        file.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(36 + 2 * samples).put("WAVEfmt ".getBytes(StandardCharsets.US_ASCII)).putInt(16).putShort((short) 1).putShort((short) 1);
        file.putInt(16_000).putInt(32_000).putShort((short) 2).putShort((short) 16).put("data".getBytes(StandardCharsets.US_ASCII)).putInt(2 * samples);
        for (int i = 0; i < samples; i++) {
            file.putShort((short) (9000 * Math.sin(i * 0.1) * (i / 3200 % 2 == 0 ? 1 : 0.01)));
        }
        return file.array();
    }

    private static HttpResponse<String> post(String path, byte[] file, Map<String, String> fields) throws Exception {
        var body = new java.io.ByteArrayOutputStream();
        for (var field : fields.entrySet()) {
            body.write(("--b\r\nContent-Disposition: form-data; name=\"" + field.getKey() + "\"\r\n\r\n" + field.getValue() + "\r\n").getBytes(StandardCharsets.UTF_8));
        }
        body.write("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n".getBytes(StandardCharsets.UTF_8));
        body.write(file);
        body.write("\r\n--b--\r\n".getBytes(StandardCharsets.UTF_8));
        return server.client.send(HttpRequest.newBuilder(URI.create(server.url() + path)).header("Content-Type", "multipart/form-data; boundary=b")
                .POST(HttpRequest.BodyPublishers.ofByteArray(body.toByteArray())).build(), HttpResponse.BodyHandlers.ofString());
    }

    private static HttpResponse<String> transcribed(Map<String, String> fields) throws Exception {
        return post("/v1/audio/transcriptions", recording, fields);
    }

    @Test
    void eachFormHoldsWhatTheTranscriberTells() throws Exception {
        assertThat(expected.said()).isNotEmpty();
        JsonNode json = TestServer.parsed(transcribed(Map.of("language", "zh")).body());
        assertThat(json.path("text").asText()).isEqualTo(expected.text());
        assertThat(json.at("/usage/seconds").asInt()).isEqualTo(2);
        JsonNode verbose = TestServer.parsed(transcribed(Map.of("language", "zh", "response_format", "verbose_json")).body());
        assertThat(verbose.path("language").asText()).isEqualTo("chinese");
        assertThat(verbose.path("task").asText()).isEqualTo("transcribe");
        assertThat(verbose.path("duration").asDouble()).isEqualTo(1.4);
        assertThat(verbose.path("segments")).hasSize(expected.said().size());
        JsonNode first = verbose.path("segments").path(0);
        assertThat(first.path("text").asText()).isEqualTo(expected.said().getFirst().text());
        assertThat(first.path("tokens")).hasSize(expected.said().getFirst().ids().size());
        assertThat(first.path("decision").asText()).isNotEmpty();
        HttpResponse<String> vtt = transcribed(Map.of("language", "zh", "response_format", "vtt"));
        assertThat(vtt.headers().firstValue("Content-Type")).hasValue("text/vtt; charset=utf-8");
        assertThat(vtt.body()).isEqualTo(TranscriptFormat.VTT.write(expected, Doubtful.KEEP));
        assertThat(transcribed(Map.of("language", "zh", "response_format", "srt", "doubtful", "mark")).body()).isEqualTo(TranscriptFormat.SRT.write(expected, Doubtful.MARK));
        assertThat(transcribed(Map.of("language", "zh", "response_format", "text")).body()).isEqualTo(expected.text() + "\n");
    }

    @Test
    void openAisOwnClientTranscribesAndTranslates() throws Exception {
        Path file = Files.write(directory.resolve("a.wav"), recording);
        OpenAIClient client = OpenAIOkHttpClient.builder().baseUrl(server.url() + "/v1").apiKey("none").maxRetries(0).build();
        try {
            assertThat(client.audio().transcriptions().create(TranscriptionCreateParams.builder().model("tiny").file(file).language("zh").build()).asTranscription().text())
                    .isEqualTo(expected.text());
            assertThat(client.audio().transcriptions().create(TranscriptionCreateParams.builder().model("tiny").file(file).language("zh").responseFormat(AudioResponseFormat.VERBOSE_JSON)
                    .build()).asVerbose().segments().orElseThrow()).hasSize(expected.said().size());
            assertThat(client.audio().translations().create(TranslationCreateParams.builder().model("tiny").file(file).temperature(0.5).build()).asTranslation().text()).isNotNull();
        } finally {
            client.close();
        }
    }

    /** The {@code openai} package of npm, which the check of a clean clone installs. */
    @Test
    void nodesClientToo() throws Exception {
        String node = Program.require("node");
        Path modules = Path.of("..", "target", "npm").toAbsolutePath().normalize();
        assumeTrue(Files.isDirectory(modules.resolve("node_modules/openai")), "needs the npm package openai, which .ci/run installs");
        Path file = Files.write(directory.resolve("node.wav"), recording);
        Path script = Files.writeString(modules.resolve("hear.mjs"), """
                import OpenAI from 'openai';
                import fs from 'node:fs';
                const client = new OpenAI({baseURL: process.argv[2] + '/v1', apiKey: 'none', maxRetries: 0});
                const told = await client.audio.transcriptions.create({model: 'tiny', file: fs.createReadStream(process.argv[3]), language: 'zh', response_format: 'verbose_json'});
                console.log(told.language, told.segments.length);
                """);
        try {
            Process process = new ProcessBuilder(node, script.toString(), server.url(), file.toString()).redirectErrorStream(true).start();
            assertThat(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)).isEqualTo("chinese " + expected.said().size() + "\n");
        } finally {
            Files.delete(script);
        }
    }

    @Test
    void whatIsWrongIsNamedByItsField() throws Exception {
        assertThat(TestServer.parsed(transcribed(Map.of("response_format", "pdf")).body()).at("/error/message").asText()).contains("verbose_json");
        assertThat(TestServer.parsed(transcribed(Map.of("language", "xx")).body()).at("/error/message").asText()).contains("de en zh");
        assertThat(TestServer.parsed(transcribed(Map.of("timestamp_granularities[]", "word")).body()).at("/error/param").asText()).isEqualTo("timestamp_granularities");
        assertThat(TestServer.parsed(transcribed(Map.of("stream", "true")).body()).at("/error/param").asText()).isEqualTo("stream");
        assertThat(TestServer.parsed(transcribed(Map.of("temperature", "hot")).body()).at("/error/param").asText()).isEqualTo("temperature");
        assertThat(transcribed(Map.of("model", "other")).statusCode()).isEqualTo(404);
        assertThat(TestServer.parsed(transcribed(Map.of("prompt", "the volcano")).body()).at("/error/code").asText()).isEqualTo("content_filter");
        HttpResponse<String> mp3 = post("/v1/audio/transcriptions", "ID3".getBytes(StandardCharsets.US_ASCII), Map.of());
        assertThat(mp3.statusCode()).isEqualTo(400);
        assertThat(mp3.body()).contains("no WAV file", "ffmpeg");
        assertThat(server.post("/v1/audio/transcriptions", "{}").status()).isEqualTo(415);
        assertThat(server.post("/v1/chat/completions", "{}").error()).contains("hears recordings", "/v1/audio/transcriptions");
    }

    @Test
    void itSaysWhatItIs() {
        assertThat(server.get("/v1/models").json().at("/data/0/languages")).hasSize(3);
        assertThat(server.get("/v1/models/tiny").json().path("id").asText()).isEqualTo("tiny");
        assertThat(server.get("/openapi").json().path("paths").has("/v1/audio/transcriptions")).isTrue();
        assertThat(server.get("/ready").status()).isEqualTo(200);
        assertThat(server.get("/metrics").body()).contains("zhulong_audio_seconds");
    }
}
