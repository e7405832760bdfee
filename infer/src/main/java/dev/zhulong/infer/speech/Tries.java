package dev.zhulong.infer.speech;

import dev.zhulong.infer.speech.SpeechModel.Written;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.zip.Deflater;

/**
 * What was written of a window at one temperature after another, and what was wrong with it. Repetition and silence are judged apart: a text that repeats itself is tried again
 * even where nobody seems to speak.
 */
final class Tries {
    /** Nobody says more characters a second. */
    private static final double FASTEST = 25;

    /**
     * One of them.
     *
     * @param compression of all of its text
     * @param faults      in words; empty where it is good enough
     */
    record Try(Written written, double compression, List<Fault> faults) {
        boolean repeats() {
            return faults.stream().anyMatch(Fault::repeats);
        }
    }

    /** What is wrong with a text. */
    record Fault(boolean repeats, String words) {}

    private final TranscribeOptions options;
    private final List<Try> all = new ArrayList<>();

    Tries(TranscribeOptions options) {
        this.options = options;
    }

    /**
     * Another one.
     *
     * @param pieces  texts of its segments
     * @param seconds that they take together
     * @return whether no other is needed
     */
    boolean add(Written written, String text, List<String> pieces, double seconds) {
        double whole = compression(text);
        List<Fault> faults = new ArrayList<>();
        // people do repeat themselves, in segments of their own and as fast as people speak
        boolean faster = text.length() > FASTEST * seconds;
        double most = Math.max(pieces.size() < 2 || faster ? whole : 0, pieces.stream().mapToDouble(Tries::compression).max().orElse(0));
        if (most > options.compression()) {
            faults.add(new Fault(true, String.format(Locale.ROOT, "repeats itself (compression %.1f)", most)));
        }
        if (written.logProb() < options.logProb()) {
            faults.add(new Fault(false, String.format(Locale.ROOT, "mean log-probability %.2f", written.logProb())));
        }
        all.add(new Try(written, whole, faults));
        boolean silent = written.noSpeech() > options.noSpeech() && written.logProb() < options.logProb();
        return faults.isEmpty() || silent && !all.getLast().repeats();
    }

    /** The last where it is good enough; else the likeliest of those that do not repeat themselves, or of all. */
    Try best() {
        if (all.getLast().faults().isEmpty()) {
            return all.getLast();
        }
        return all.stream().max(Comparator.comparing((Try each) -> !each.repeats()).thenComparingDouble(each -> each.written().logProb())).orElseThrow();
    }

    int count() {
        return all.size();
    }

    /** Why the ones before the last were not taken, and what is wrong with the one that was. */
    List<String> reasons() {
        List<String> reasons = new ArrayList<>();
        for (Try each : all) {
            for (Fault fault : each.faults()) {
                reasons.add(String.format(Locale.ROOT, "at temperature %.1f: %s", each.written().temperature(), fault.words()));
            }
        }
        return reasons;
    }

    /** How many times shorter zlib makes a text. */
    static double compression(String text) {
        byte[] bytes = text.strip().getBytes(StandardCharsets.UTF_8);
        if (bytes.length == 0) {
            return 0;
        }
        try (var deflater = new Deflater()) {
            deflater.setInput(bytes);
            deflater.finish();
            byte[] out = new byte[bytes.length + 64];
            int length = 0;
            while (!deflater.finished()) {
                length += deflater.deflate(out);
            }
            return (double) bytes.length / length;
        }
    }
}
