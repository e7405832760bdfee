package dev.zhulong.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.document.Strings;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.AtomicFile;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What happened to a corpus: for every step how many documents came in, were changed or dropped, why, and a few samples. Samples are those
 * with the smallest hashes, and reasons beyond a hundred are counted together in the order of their names, so that nothing depends on threads or on the
 * pieces in which documents were counted. Written as {@code audit.json} and {@code audit.html}.
 *
 * <p>Not safe for several threads: each piece of work fills its own, and they are {@linkplain #merge merged} in order.
 */
public final class Audit {
    private static final int SAMPLES = 3;
    private static final int REASONS = 100;
    private static final String OTHER = "other reasons";
    private static final int EXCERPT = 240;
    private static final Pattern COUNTED = Pattern.compile("(\\d{1,9}) (.+)");

    private final Map<String, Step> steps = new LinkedHashMap<>();

    /** One document as an example of a reason. For a change the excerpt is of the text after it, so that what was redacted stays so. */
    public record Sample(String id, String excerpt, long hash) { }

    /** How many, and for changes written as "3 e-mail addresses" how many in all. */
    public static final class Reason {
        private long documents;
        private long occurrences;
        private final TreeMap<Long, Sample> samples = new TreeMap<>();

        public long documents() {
            return documents;
        }

        /** Sum of the numbers that notes began with; equal to {@link #documents} for reasons without. */
        public long occurrences() {
            return occurrences;
        }

        public List<Sample> samples() {
            return List.copyOf(samples.values());
        }

        private void sample(Sample sample) {
            samples.putIfAbsent(sample.hash(), sample);
            if (samples.size() > SAMPLES) {
                samples.pollLastEntry();
            }
        }

        private void add(Reason other) {
            documents += other.documents;
            occurrences += other.occurrences;
            other.samples.values().forEach(this::sample);
        }

        private boolean wants(long hash) {
            return samples.size() < SAMPLES || hash < samples.lastKey();
        }
    }

    /** One step's counts; bytes are UTF-8. */
    public static final class Step {
        private long documentsIn;
        private long documentsOut;
        private long changed;
        private long bytesIn;
        private long bytesOut;
        private final TreeMap<String, Reason> drops = new TreeMap<>();
        private final TreeMap<String, Reason> changes = new TreeMap<>();

        public long documentsIn() {
            return documentsIn;
        }

        public long documentsOut() {
            return documentsOut;
        }

        public long changed() {
            return changed;
        }

        public long dropped() {
            return documentsIn - documentsOut;
        }

        public long bytesIn() {
            return bytesIn;
        }

        public long bytesOut() {
            return bytesOut;
        }

        /** Why documents were dropped. */
        public Map<String, Reason> drops() {
            return drops;
        }

        /** What was changed in documents that stayed. */
        public Map<String, Reason> changes() {
            return changes;
        }

        void kept(long bytes) {
            documentsIn++;
            documentsOut++;
            bytesIn += bytes;
            bytesOut += bytes;
        }

        void changed(Document before, long bytesBefore, Document after, long bytesAfter, String note) {
            documentsIn++;
            documentsOut++;
            changed++;
            bytesIn += bytesBefore;
            bytesOut += bytesAfter;
            for (String part : note.split(", ")) {
                Matcher counted = COUNTED.matcher(part);
                boolean number = counted.matches();
                Reason reason = reason(changes, number ? counted.group(2) : part);
                reason.documents++;
                reason.occurrences += number ? Long.parseLong(counted.group(1)) : 1;
                long hash = hash(after.id());
                if (reason.wants(hash)) {
                    reason.sample(new Sample(after.id(), aroundFirstChange(before.text(), after.text()), hash));
                }
            }
        }

        void dropped(Document document, long bytes, String why) {
            documentsIn++;
            bytesIn += bytes;
            Reason reason = reason(drops, why);
            reason.documents++;
            reason.occurrences++;
            long hash = hash(document.id());
            if (reason.wants(hash)) {
                reason.sample(new Sample(document.id(), excerpt(document.text(), 0), hash));
            }
        }

        void dropped(long documents, long bytes, String why, List<Sample> samples) {
            documentsIn += documents;
            bytesIn += bytes;
            Reason reason = reason(drops, why);
            reason.documents += documents;
            reason.occurrences += documents;
            samples.forEach(reason::sample);
        }

        void kept(long documents, long bytes) {
            documentsIn += documents;
            documentsOut += documents;
            bytesIn += bytes;
            bytesOut += bytes;
        }

        private void merge(Step other) {
            documentsIn += other.documentsIn;
            documentsOut += other.documentsOut;
            changed += other.changed;
            bytesIn += other.bytesIn;
            bytesOut += other.bytesOut;
            merge(drops, other.drops);
            merge(changes, other.changes);
        }

        private static void merge(TreeMap<String, Reason> into, TreeMap<String, Reason> from) {
            from.forEach((name, other) -> reason(into, name).add(other));
        }

        /**
         * A rule that writes a number into its reason must not fill memory with reasons: the first hundred by name are kept apart, which are the same
         * however documents are shared out, as a name that was once behind a hundred others stays so.
         */
        private static Reason reason(TreeMap<String, Reason> reasons, String name) {
            Reason known = reasons.get(name);
            if (known != null) {
                return known;
            }
            int apart = reasons.size() - (reasons.containsKey(OTHER) ? 1 : 0);
            if (apart < REASONS || name.equals(OTHER)) {
                return reasons.computeIfAbsent(name, _ -> new Reason());
            }
            String last = reasons.lastKey().equals(OTHER) ? reasons.lowerKey(OTHER) : reasons.lastKey();
            if (name.compareTo(last) > 0) {
                return reasons.computeIfAbsent(OTHER, _ -> new Reason());
            }
            Reason behind = reasons.remove(last);
            reasons.computeIfAbsent(OTHER, _ -> new Reason()).add(behind);
            return reasons.computeIfAbsent(name, _ -> new Reason());
        }

        private void write(DataOutputStream out) throws IOException {
            for (long count : new long[] {documentsIn, documentsOut, changed, bytesIn, bytesOut}) {
                out.writeLong(count);
            }
            for (var reasons : List.of(drops, changes)) {
                out.writeInt(reasons.size());
                for (var entry : reasons.entrySet()) {
                    Strings.write(entry.getKey(), out);
                    out.writeLong(entry.getValue().documents);
                    out.writeLong(entry.getValue().occurrences);
                    out.writeInt(entry.getValue().samples.size());
                    for (Sample sample : entry.getValue().samples.values()) {
                        Strings.write(sample.id(), out);
                        Strings.write(sample.excerpt(), out);
                        out.writeLong(sample.hash());
                    }
                }
            }
        }

        private static Step read(DataInputStream in) throws IOException {
            var step = new Step();
            step.documentsIn = in.readLong();
            step.documentsOut = in.readLong();
            step.changed = in.readLong();
            step.bytesIn = in.readLong();
            step.bytesOut = in.readLong();
            for (var reasons : List.of(step.drops, step.changes)) {
                for (int i = in.readInt(); i > 0; i--) {
                    Reason reason = new Reason();
                    reasons.put(Strings.read(in), reason);
                    reason.documents = in.readLong();
                    reason.occurrences = in.readLong();
                    for (int n = in.readInt(); n > 0; n--) {
                        reason.sample(new Sample(Strings.read(in), Strings.read(in), in.readLong()));
                    }
                }
            }
            return step;
        }
    }

    /** The step of this name, made when it is new; steps keep the order in which they were first asked for. */
    Step step(String name) {
        return steps.computeIfAbsent(name, _ -> new Step());
    }

    /** Steps in the order in which documents went through them. */
    public Map<String, Step> steps() {
        return new LinkedHashMap<>(steps);
    }

    void merge(Audit other) {
        other.steps.forEach((name, step) -> step(name).merge(step));
    }

    /** Writes what was counted, for {@link #read}. */
    void write(DataOutputStream out) throws IOException {
        out.writeInt(steps.size());
        for (var step : steps.entrySet()) {
            Strings.write(step.getKey(), out);
            step.getValue().write(out);
        }
    }

    /** What {@link #write(DataOutputStream)} wrote. */
    static Audit read(DataInputStream in) throws IOException {
        var audit = new Audit();
        for (int i = in.readInt(); i > 0; i--) {
            audit.steps.put(Strings.read(in), Step.read(in));
        }
        return audit;
    }

    /** Writes {@code audit.json} and {@code audit.html}. */
    void write(Path directory, ReadReport report, Map<String, Object> totals) {
        var json = new LinkedHashMap<String, Object>();
        json.put("totals", totals);
        var read = new LinkedHashMap<String, Object>();
        read.put("documents", report.documents());
        read.put("skipped", report.skipped());
        read.put("repaired", report.repaired());
        json.put("read", read);
        json.put("steps", steps.entrySet().stream().map(e -> json(e.getKey(), e.getValue())).toList());
        try {
            AtomicFile.writeBytes(directory.resolve(Corpus.AUDIT),
                    new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsBytes(json));
            AtomicFile.writeString(directory.resolve("audit.html"), AuditPage.html(this, report, totals));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Object> json(String name, Step step) {
        var json = new LinkedHashMap<String, Object>();
        json.put("name", name);
        json.put("documents_in", step.documentsIn);
        json.put("documents_out", step.documentsOut);
        json.put("changed", step.changed);
        json.put("dropped", step.dropped());
        json.put("bytes_in", step.bytesIn);
        json.put("bytes_out", step.bytesOut);
        json.put("drops", json(step.drops));
        json.put("changes", json(step.changes));
        return json;
    }

    private static List<Object> json(Map<String, Reason> reasons) {
        var all = new ArrayList<>();
        reasons.forEach((name, reason) -> {
            var json = new LinkedHashMap<String, Object>();
            json.put("reason", name);
            json.put("documents", reason.documents);
            json.put("occurrences", reason.occurrences);
            json.put("samples", reason.samples().stream().map(s -> new Excerpt(s.id(), s.excerpt())).toList());
            all.add(json);
        });
        return all;
    }

    private record Excerpt(String id, String excerpt) { }

    static long hash(String id) {
        long hash = 1;
        for (int i = 0; i < id.length(); i++) {
            hash = (hash ^ id.charAt(i)) * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
        }
        return hash;
    }

    private static String aroundFirstChange(String before, String after) {
        int same = 0;
        while (same < Math.min(before.length(), after.length()) && before.charAt(same) == after.charAt(same)) {
            same++;
        }
        return excerpt(after, Math.max(0, same - EXCERPT / 4));
    }

    static String excerpt(String text, int from) {
        int start = from > 0 && Character.isLowSurrogate(text.charAt(from)) ? from - 1 : from;
        int end = Math.min(text.length(), start + EXCERPT);
        if (end < text.length() && Character.isLowSurrogate(text.charAt(end))) {
            end--;
        }
        return text.substring(start, end);
    }
}
