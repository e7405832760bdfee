package dev.zhulong.infer.speech;

import java.util.ArrayList;
import java.util.List;

/**
 * Segments of a window's text.
 *
 * @param pieces in their order
 * @param frames of the window that are done with: the next one begins behind them
 */
record Cut(List<Piece> pieces, int frames) {
    /**
     * A segment.
     *
     * @param from first frame, counted from the window's
     * @param to   behind its last
     */
    record Piece(int from, int to, List<Integer> ids) {}

    /** A time is as many frames after the one before it. */
    private static final int FRAMES = (int) Math.round(SpeechTokens.SECONDS * Spectrogram.RATE);

    /**
     * Cuts where two times follow each other. What comes after the last such pair is unfinished and belongs to the next window, unless a single time ends the text: then nothing
     * follows in the window.
     *
     * @param length    frames of the window that are of the recording
     * @param withTimes whether times were written
     */
    static Cut of(List<Integer> ids, SpeechTokens tokens, int length, boolean withTimes) {
        if (!withTimes) {
            return new Cut(List.of(new Piece(0, length, ids)), length);
        }
        int count = ids.size();
        boolean single = count >= 2 && tokens.isTime(ids.get(count - 1)) && !tokens.isTime(ids.get(count - 2));
        List<Integer> ends = new ArrayList<>();
        for (int i = 1; i < count; i++) {
            if (tokens.isTime(ids.get(i)) && tokens.isTime(ids.get(i - 1))) {
                ends.add(i);
            }
        }
        if (ends.isEmpty()) {
            return new Cut(List.of(whole(ids, tokens, length)), length);
        }
        if (single) {
            ends.add(count);
        }
        List<Piece> pieces = new ArrayList<>();
        int begin = 0;
        for (int end : ends) {
            List<Integer> piece = ids.subList(begin, end);
            pieces.add(new Piece(frame(piece.getFirst(), tokens), Math.min(length, frame(piece.getLast(), tokens)), List.copyOf(piece)));
            begin = end;
        }
        int done = single ? length : frame(ids.get(begin - 1), tokens);
        // a window that ends where it began would be heard for ever
        return new Cut(pieces, done <= 0 ? length : Math.min(done, length));
    }

    /** One segment: from its first time, or the window's beginning, to its last time, or the window's end. */
    private static Piece whole(List<Integer> ids, SpeechTokens tokens, int length) {
        int from = ids.isEmpty() || !tokens.isTime(ids.getFirst()) ? 0 : frame(ids.getFirst(), tokens);
        int last = ids.size() < 2 || !tokens.isTime(ids.getLast()) ? length : frame(ids.getLast(), tokens);
        return new Piece(Math.min(from, length), Math.min(length, last), ids);
    }

    private static int frame(int time, SpeechTokens tokens) {
        return tokens.isTime(time) ? (time - tokens.firstTime()) * FRAMES : 0;
    }

    /** How long its segments are together. */
    double seconds() {
        return pieces.stream().mapToInt(piece -> Math.max(0, piece.to() - piece.from())).sum() / (double) Spectrogram.RATE;
    }
}
