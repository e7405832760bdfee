package dev.zhulong.infer.speech;

import java.util.List;
import java.util.stream.Collectors;

/**
 * What was said in a recording, as far as a model could tell.
 *
 * @param seconds             length of the recording
 * @param language            code of the language that was spoken; {@code en} in models of one language
 * @param languageProbability of it, among those that the model knows, in the first window with sound; 1 where it was given
 * @param english             whether the text is a translation into English
 * @param segments            in the order of their times
 */
public record Transcript(double seconds, String language, double languageProbability, boolean english, List<Segment> segments) {

    /** What became of a segment. */
    public enum Decision {
        /** It was written at the first try. */
        KEPT,
        /** The first try was not good enough, and a later one was. */
        RETRIED,
        /** It is there, and there is a reason to doubt it. */
        DOUBTED,
        /** Nobody seems to speak there: what was written, if anything, is no part of the text. */
        LEFT_OUT
    }

    /**
     * A stretch of the recording and its text.
     *
     * @param start            in seconds
     * @param end              in seconds
     * @param text             as it was written, mostly with a space in front
     * @param ids              of the text, times included
     * @param decision         what became of it
     * @param reasons          why, in words; empty where it was kept
     * @param temperature      at which it was written; 0 for the likeliest tokens
     * @param logProb          mean log-probability of a token in the window
     * @param compression      how many times shorter the text of the window becomes when what repeats in it is told once
     * @param noSpeech         probability that nobody speaks in the window
     */
    public record Segment(double start, double end, String text, List<Integer> ids, Decision decision, List<String> reasons, double temperature, double logProb,
            double compression, double noSpeech) {
        /** With another text, and without ids. */
        public Segment withText(String other) {
            return new Segment(start, end, other, List.of(), decision, reasons, temperature, logProb, compression, noSpeech);
        }

        /** Whether there is a reason to doubt it. */
        public boolean doubtful() {
            return decision == Decision.DOUBTED;
        }
    }

    /** With other segments. */
    public Transcript withSegments(List<Segment> others) {
        return new Transcript(seconds, language, languageProbability, english, others);
    }

    /** The segments that are a part of the text. */
    public List<Segment> said() {
        return segments.stream().filter(segment -> segment.decision() != Decision.LEFT_OUT).toList();
    }

    /** All of the text, doubtful or not. */
    public String text() {
        return said().stream().map(Segment::text).collect(Collectors.joining()).strip();
    }
}
