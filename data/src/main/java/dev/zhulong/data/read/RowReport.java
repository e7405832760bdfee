package dev.zhulong.data.read;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What became of the rows of a data file: how many were read, how many could not be used and why, and what was mended or is worth knowing in
 * those that are used. Every row is either used or refused for exactly one reason. Not for several threads at once.
 */
public final class RowReport {
    /** Samples kept of each reason. */
    public static final int SAMPLES = 5;

    private static final int SNIPPET = 100;

    private final TreeMap<String, Tally> refused = new TreeMap<>();
    private final TreeMap<String, Tally> noted = new TreeMap<>();
    private final HashMap<String, String> reasons = new HashMap<>();
    private long read;

    /**
     * One place.
     *
     * @param where   file and row number from 1 ({@code train.jsonl#12})
     * @param detail  more than the reason says; may be empty
     * @param snippet how the row begins, on one line; may be empty
     */
    public record Sample(String where, String detail, String snippet) {
        public Sample {
            snippet = beginning(snippet);
        }
    }

    /** How often, and the first places where. */
    public record Tally(long count, List<Sample> samples) {
        Tally with(Sample sample) {
            if (samples.size() == SAMPLES) {
                return new Tally(count + 1, samples);
            }
            var more = new ArrayList<>(samples);
            more.add(sample);
            return new Tally(count + 1, List.copyOf(more));
        }
    }

    /** A row was met. */
    public void row() {
        read++;
    }

    /** The row can't be used. */
    public void refuse(String reason, Sample sample) {
        reasons.put(sample.where(), sample.detail().isEmpty() ? reason : reason + ": " + sample.detail());
        refused.merge(reason, new Tally(1, List.of(sample)), (old, _) -> old.with(sample));
    }

    /** The row is used, but something in it was mended or should be known. */
    public void note(String what, Sample sample) {
        noted.merge(what, new Tally(1, List.of(sample)), (old, _) -> old.with(sample));
    }

    /** Rows met, and what could be counted of rows that are beyond reading. */
    public long read() {
        return read;
    }

    /** Rows not refused. */
    public long used() {
        return read - refusals();
    }

    /** Rows that can't be used. */
    public long refusals() {
        return refused.values().stream().mapToLong(Tally::count).sum();
    }

    /** Why rows can't be used. */
    public SortedMap<String, Tally> refused() {
        return new TreeMap<>(refused);
    }

    /** Why the row at {@code where} can't be used; empty if it can, or is not there. */
    public Optional<String> reason(String where) {
        return Optional.ofNullable(reasons.get(where));
    }

    /** What was mended or is worth knowing. */
    public SortedMap<String, Tally> noted() {
        return new TreeMap<>(noted);
    }

    /** The counts, and below each reason its first places; several lines. */
    public String text() {
        var out = new StringBuilder();
        out.append(String.format(Locale.ROOT, "%,d rows read, %,d used, %,d refused%n", read, used(), refusals()));
        append(out, "refused", refused);
        append(out, "noted", noted);
        return out.toString();
    }

    private static void append(StringBuilder out, String what, Map<String, Tally> tallies) {
        tallies.forEach((reason, tally) -> {
            out.append(String.format(Locale.ROOT, "%s: %s: %,d%n", what, reason, tally.count()));
            for (Sample sample : tally.samples()) {
                out.append("    ").append(sample.where());
                out.append(sample.detail().isEmpty() ? "" : ": " + sample.detail());
                out.append(sample.snippet().isEmpty() ? "" : "  " + sample.snippet());
                out.append(System.lineSeparator());
            }
        });
    }

    /** One line: {@code 12 rows, 9 used; refused 3: empty assistant turn 2, malformed JSON 1}. */
    @Override
    public String toString() {
        String line = String.format(Locale.ROOT, "%,d rows, %,d used", read, used());
        return refused.isEmpty() ? line : line + String.format(Locale.ROOT, "; refused %,d: ", refusals())
                + String.join(", ", refused.entrySet().stream().map(e -> e.getKey() + " " + e.getValue().count()).toList());
    }

    private static String beginning(String text) {
        var out = new StringBuilder();
        text.codePoints().limit(SNIPPET + 1L).forEach(c -> out.appendCodePoint(
                c == '\n' || c == '\r' || c == '\t' ? ' ' : Character.isISOControl(c) || c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c));
        if (out.codePointCount(0, out.length()) > SNIPPET) {
            out.setLength(out.offsetByCodePoints(0, SNIPPET));
            out.append("...");
        }
        return out.toString();
    }
}
