package dev.zhulong.data.read;

import dev.zhulong.data.document.Strings;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What a reader met: documents given, and by reason what it skipped and what it repaired, each with the first few places. Safe for
 * several threads.
 */
public final class ReadReport {
    private static final int SAMPLES = 5;

    private final Map<String, Tally> skipped = new TreeMap<>();
    private final Map<String, Tally> repaired = new TreeMap<>();
    private long documents;

    /** How often, and the first few places where. */
    public record Tally(long count, List<String> samples) {
        Tally with(String where) {
            if (samples.size() == SAMPLES) {
                return new Tally(count + 1, samples);
            }
            var more = new ArrayList<>(samples);
            more.add(where);
            return new Tally(count + 1, List.copyOf(more));
        }

        Tally and(Tally later) {
            return new Tally(count + later.count, Stream.concat(samples.stream(), later.samples.stream()).limit(SAMPLES).toList());
        }
    }

    synchronized void read() {
        documents++;
    }

    synchronized void skip(String reason, String where) {
        skipped.merge(reason, new Tally(1, List.of(where)), (old, _) -> old.with(where));
    }

    synchronized void repair(String reason, String where) {
        repaired.merge(reason, new Tally(1, List.of(where)), (old, _) -> old.with(where));
    }

    /** Adds what was met behind what this one knows. */
    public synchronized void merge(ReadReport later) {
        documents += later.documents();
        later.skipped().forEach((reason, tally) -> skipped.merge(reason, tally, Tally::and));
        later.repaired().forEach((reason, tally) -> repaired.merge(reason, tally, Tally::and));
    }

    /** Writes all of it, for {@link #read(DataInputStream)}. */
    public synchronized void write(DataOutputStream out) throws IOException {
        out.writeLong(documents);
        for (var tallies : List.of(skipped, repaired)) {
            out.writeInt(tallies.size());
            for (var entry : tallies.entrySet()) {
                Strings.write(entry.getKey(), out);
                out.writeLong(entry.getValue().count());
                Strings.write(entry.getValue().samples(), out);
            }
        }
    }

    /** What {@link #write} wrote. */
    public static ReadReport read(DataInputStream in) throws IOException {
        var report = new ReadReport();
        report.documents = in.readLong();
        for (var tallies : List.of(report.skipped, report.repaired)) {
            for (int i = in.readInt(); i > 0; i--) {
                tallies.put(Strings.read(in), new Tally(in.readLong(), Strings.readAll(in)));
            }
        }
        return report;
    }

    /** Documents that were given. */
    public synchronized long documents() {
        return documents;
    }

    /** Files, archive entries and rows that gave no document, by reason. */
    public synchronized Map<String, Tally> skipped() {
        return new TreeMap<>(skipped);
    }

    /** Documents whose text had to be mended, by what was done. */
    public synchronized Map<String, Tally> repaired() {
        return new TreeMap<>(repaired);
    }

    /** One line for a terminal: {@code 12 documents; skipped 3: binary file 2, malformed JSON 1}. */
    @Override
    public synchronized String toString() {
        var line = new StringBuilder().append(documents).append(" documents");
        append(line, "skipped", skipped);
        append(line, "repaired", repaired);
        return line.toString();
    }

    private static void append(StringBuilder line, String what, Map<String, Tally> tallies) {
        if (tallies.isEmpty()) {
            return;
        }
        line.append("; ").append(what).append(' ').append(tallies.values().stream().mapToLong(Tally::count).sum()).append(": ");
        line.append(String.join(", ", tallies.entrySet().stream().map(e -> e.getKey() + " " + e.getValue().count()).toList()));
    }
}
