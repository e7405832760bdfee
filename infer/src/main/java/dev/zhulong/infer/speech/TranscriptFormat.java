package dev.zhulong.infer.speech;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.infer.speech.Transcript.Segment;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Forms in which a transcript is written. */
public enum TranscriptFormat {
    /** A line for each segment. */
    TEXT("txt"),
    /** SubRip's subtitles. */
    SRT("srt"),
    /** WebVTT's subtitles. */
    VTT("vtt"),
    /** All that is known, what was left out too. */
    JSON("json");

    /** What stands before a doubtful text where doubtful ones are marked. */
    public static final String MARK = "[?] ";

    /** What becomes of doubtful segments where the form has no place for the decision. */
    public enum Doubtful {
        /** They have {@value TranscriptFormat#MARK} in front. */
        MARK,
        /** They stay as they are. */
        KEEP,
        /** They are left out. */
        DROP
    }

    private final String ending;

    TranscriptFormat(String ending) {
        this.ending = ending;
    }

    /** Of files, without a dot. */
    public String ending() {
        return ending;
    }

    /** The text of a file. */
    public String write(Transcript transcript, Doubtful doubtful) {
        List<Segment> told = transcript.said().stream().filter(segment -> doubtful != Doubtful.DROP || !segment.doubtful()).toList();
        return switch (this) {
            case TEXT -> told.stream().map(segment -> line(segment, doubtful) + "\n").collect(Collectors.joining());
            case SRT -> cues(told, doubtful, true);
            case VTT -> "WEBVTT\n\n" + cues(told, doubtful, false);
            case JSON -> JsonFields.text(json(transcript));
        };
    }

    private static String line(Segment segment, Doubtful doubtful) {
        return (segment.doubtful() && doubtful == Doubtful.MARK ? MARK : "") + segment.text().strip().replaceAll("\\s*\\R\\s*", " ");
    }

    private static String cues(List<Segment> told, Doubtful doubtful, boolean srt) {
        var all = new StringBuilder();
        for (int i = 0; i < told.size(); i++) {
            Segment segment = told.get(i);
            String line = line(segment, doubtful);
            all.append(srt ? i + 1 + "\n" : "").append(time(segment.start(), srt)).append(" --> ").append(time(segment.end(), srt)).append('\n')
                    // what would end a cue, or begin markup
                    .append(srt ? line.replace("-->", "->") : line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")).append("\n\n");
        }
        return all.toString();
    }

    /** Hours, minutes, seconds and thousandths. */
    static String time(double seconds, boolean srt) {
        long all = Math.round(seconds * 1000);
        return String.format(Locale.ROOT, "%02d:%02d:%02d%s%03d", all / 3_600_000, all / 60_000 % 60, all / 1000 % 60, srt ? "," : ".", all % 1000);
    }

    private static ObjectNode json(Transcript transcript) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("text", transcript.text()).put("language", transcript.language()).put("language_probability", rounded(transcript.languageProbability()));
        json.put("task", transcript.english() ? "translate" : "transcribe").put("duration", rounded(transcript.seconds()));
        var segments = json.putArray("segments");
        for (Segment segment : transcript.segments()) {
            ObjectNode one = segments.addObject();
            one.put("start", rounded(segment.start())).put("end", rounded(segment.end())).put("text", segment.text());
            one.put("decision", segment.decision().name().toLowerCase(Locale.ROOT));
            segment.reasons().forEach(one.putArray("reasons")::add);
            one.put("temperature", segment.temperature()).put("avg_logprob", rounded(segment.logProb())).put("compression_ratio", rounded(segment.compression()));
            one.put("no_speech_prob", rounded(segment.noSpeech()));
            segment.ids().forEach(one.putArray("tokens")::add);
        }
        return json;
    }

    private static double rounded(double value) {
        return Math.round(value * 10_000) / 10_000.0;
    }
}
