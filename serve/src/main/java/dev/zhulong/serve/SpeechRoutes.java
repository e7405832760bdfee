package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.speech.TranscribeOptions;
import dev.zhulong.infer.speech.Transcriber;
import dev.zhulong.infer.speech.Transcript;
import dev.zhulong.infer.speech.Transcript.Segment;
import dev.zhulong.infer.speech.TranscriptFormat;
import dev.zhulong.infer.speech.TranscriptFormat.Doubtful;
import dev.zhulong.media.MediaException;
import dev.zhulong.media.Sound;
import dev.zhulong.media.WaveFile;
import io.helidon.webserver.http.ServerResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;

/** What a model that hears answers: {@code /v1/audio/transcriptions} and {@code /v1/audio/translations}. */
final class SpeechRoutes {
    private static final double LONGEST_SECONDS = 4 * 3600;
    private static final List<String> FORMS = List.of("json", "text", "srt", "vtt", "verbose_json");

    private final ServedSpeech model;
    private final Metrics metrics;
    private final ServerOptions options;

    SpeechRoutes(ServedSpeech model, Metrics metrics, ServerOptions options) {
        this.model = model;
        this.metrics = metrics;
        this.options = options;
    }

    /** @param english whether the text is to be a translation into English */
    void transcribe(Exchange exchange, ServerResponse response, boolean english) {
        FormData form = exchange.form();
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        String id = Shape.newId("audio-");
        String name = form.text("model", model.name());
        if (!name.equals(model.name())) {
            throw ApiException.noSuchModel(name);
        }
        String as = form.oneOf("response_format", FORMS, "json");
        Doubtful doubtful = Doubtful.valueOf(form.oneOf("doubtful", List.of("keep", "mark", "drop"), "keep").toUpperCase(Locale.ROOT));
        if (!form.oneOf("stream", List.of("true", "false"), "false").equals("false")) {
            throw ApiException.invalid("stream", "stream is not implemented here: leave it out");
        }
        if (form.texts("timestamp_granularities").stream().anyMatch(each -> !each.equals("segment"))) {
            throw ApiException.invalid("timestamp_granularities", "timestamp_granularities must be segment: times of words are not implemented here");
        }
        TranscribeOptions asked = asked(form, english, exchange, caller, id);
        Transcript transcript = run(asked, sound(form.file("file")), exchange, caller, id);
        Transcript told = told(transcript, doubtful, exchange, caller, id);
        send(response, exchange, as, told, doubtful);
    }

    private TranscribeOptions asked(FormData form, boolean english, Exchange exchange, Caller caller, String id) {
        UnaryOperator<String> review = options.guard() == null ? UnaryOperator.identity() : options.guard().input(exchange.tenant(), id, metrics::decided, caller::check);
        TranscribeOptions all = TranscribeOptions.DEFAULT.withEnglish(english).withPrompt(review.apply(form.text("prompt", "")));
        double temperature = form.number("temperature", 0, 1, 0);
        all = temperature == 0 ? all : all.withTemperatures(List.of(temperature));
        String language = form.text("language", "");
        return language.isBlank() ? all : all.withLanguage(language.strip());
    }

    private static Sound sound(byte[] file) {
        if (!WaveFile.is(file)) {
            throw ApiException.invalid("file", "file is no WAV file, and others are not read: convert it, for instance with ffmpeg -i IN -ar 16000 -ac 1 OUT.wav");
        }
        try {
            return WaveFile.read("file", file, LONGEST_SECONDS);
        } catch (MediaException e) {
            throw ApiException.invalid("file", Json.shortened(e.getMessage(), 300));
        }
    }

    private Transcript run(TranscribeOptions asked, Sound sound, Exchange exchange, Caller caller, String id) {
        Transcriber transcriber;
        try {
            transcriber = new Transcriber(model.model(), asked);
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid("language", Json.shortened(e.getMessage(), 600));
        }
        int written = 0;
        try {
            Transcript transcript = Awaited.result(() -> model.submit(() -> transcriber.transcribe(sound, event -> caller.check())), caller);
            written = transcript.segments().stream().mapToInt(segment -> segment.ids().size()).sum();
            model.heard(transcript.seconds());
            return transcript;
        } finally {
            exchange.took(id, new Usage(0, 0, written));
        }
    }

    /** What rules let through, without what is dropped as doubtful. What is refused as a whole is told as such. */
    private Transcript told(Transcript transcript, Doubtful doubtful, Exchange exchange, Caller caller, String id) {
        List<Segment> segments = transcript.said().stream().filter(segment -> doubtful != Doubtful.DROP || !segment.doubtful()).toList();
        if (options.guard() == null) {
            return transcript.withSegments(segments);
        }
        String whole = filtered(transcript.withSegments(segments).text(), exchange, caller, id);
        if (whole == null) {
            throw ApiException.invalid(null, "content_filter", "the transcript violates a rule of this server");
        }
        List<Segment> told = new ArrayList<>();
        for (Segment segment : segments) {
            String text = filtered(segment.text(), exchange, caller, id);
            if (text != null) {
                // ids would spell what was taken out
                told.add(text.equals(segment.text()) ? segment : segment.withText(text));
            }
        }
        return transcript.withSegments(told);
    }

    private String filtered(String text, Exchange exchange, Caller caller, String id) {
        try (TextFilter filter = options.guard().output(exchange.tenant(), id, metrics::decided, caller::check)) {
            return filter.whole(text);
        }
    }

    private static void send(ServerResponse response, Exchange exchange, String as, Transcript transcript, Doubtful doubtful) {
        switch (as) {
            case "text" -> plain(response, exchange, "text/plain", text(transcript, doubtful) + "\n");
            case "srt" -> plain(response, exchange, "text/plain", TranscriptFormat.SRT.write(transcript, doubtful));
            case "vtt" -> plain(response, exchange, "text/vtt", TranscriptFormat.VTT.write(transcript, doubtful));
            case "verbose_json" -> Listener.send(response, exchange.connection(), verbose(transcript, doubtful));
            default -> {
                ObjectNode tree = Json.object().put("text", text(transcript, doubtful));
                usage(tree, transcript);
                Listener.send(response, exchange.connection(), tree);
            }
        }
    }

    private static void plain(ServerResponse response, Exchange exchange, String type, String text) {
        Listener.send(response, exchange.connection(), type + "; charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(Transcript transcript, Doubtful doubtful) {
        return doubtful == Doubtful.MARK ? TranscriptFormat.TEXT.write(transcript, doubtful).strip().replace("\n", " ") : transcript.text();
    }

    private static void usage(ObjectNode tree, Transcript transcript) {
        tree.putObject("usage").put("type", "duration").put("seconds", Math.ceil(transcript.seconds()));
    }

    /** As OpenAI's, with the decision about each segment besides. */
    private static ObjectNode verbose(Transcript transcript, Doubtful doubtful) {
        ObjectNode tree = Json.object().put("task", transcript.english() ? "translate" : "transcribe");
        tree.put("language", Locale.of(transcript.language()).getDisplayLanguage(Locale.ENGLISH).toLowerCase(Locale.ROOT));
        tree.put("duration", transcript.seconds()).put("text", text(transcript, doubtful));
        ArrayNode segments = tree.putArray("segments");
        for (Segment segment : transcript.segments()) {
            ObjectNode one = segments.addObject().put("id", segments.size() - 1).put("seek", Math.round(segment.start() * 100)).put("start", segment.start()).put("end", segment.end());
            one.put("text", segment.text());
            segment.ids().forEach(one.putArray("tokens")::add);
            one.put("temperature", segment.temperature()).put("avg_logprob", segment.logProb()).put("compression_ratio", segment.compression()).put("no_speech_prob", segment.noSpeech());
            one.put("decision", segment.decision().name().toLowerCase(Locale.ROOT));
            segment.reasons().forEach(one.putArray("reasons")::add);
        }
        usage(tree, transcript);
        return tree;
    }
}
