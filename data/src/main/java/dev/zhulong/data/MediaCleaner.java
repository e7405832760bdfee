package dev.zhulong.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.media.MediaFile;
import dev.zhulong.data.media.MediaFindings;
import dev.zhulong.data.media.MediaFindings.Rule;
import dev.zhulong.data.media.MediaInputs;
import dev.zhulong.data.media.MediaItem;
import dev.zhulong.data.media.MediaRules;
import dev.zhulong.data.media.NearPictures;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * Pictures, recordings and rows about them to those that a model can learn from. Each is decoded and measured on all cores; then what is there twice is found: by equal pixels or samples, and
 * pictures by perceptual hashes too, of which the one with the most pixels stays. Nothing is written beside {@code kept.jsonl}, {@code removed.jsonl} and the audit, unless files are to be copied.
 * The result depends on inputs and rules, not on the number of threads.
 */
public final class MediaCleaner {
    /** Lines of JSON: rows as they came, and for a file by itself its path and what was measured. */
    public static final String KEPT = "kept.jsonl";
    /** Lines of JSON: what was taken out, by which rule, and why. */
    public static final String REMOVED = "removed.jsonl";
    /** Where copies of what stays go. */
    public static final String FILES = "files";

    private static final ObjectMapper JSON = new ObjectMapper();

    private final MediaInputs inputs;
    private final MediaRules rules;
    private final Progress progress;
    private final List<MediaFindings> found = new ArrayList<>();

    private MediaCleaner(MediaInputs inputs, MediaRules rules, Progress progress) {
        this.inputs = inputs;
        this.rules = rules;
        this.progress = progress;
    }

    /**
     * What came of it.
     *
     * @param kept  items that stay
     * @param audit what was taken out, and why
     * @param page  the audit to be looked at
     */
    public record Result(long kept, Audit audit, Path page) {}

    /**
     * Cleans into {@code directory}.
     *
     * @param copy whether the files of what stays are copied, below {@link #FILES}
     * @throws IllegalArgumentException when an input is missing, holds nothing, or nothing stays
     */
    public static Result run(MediaInputs inputs, MediaRules rules, int threads, boolean copy, Path directory, Progress progress) {
        try {
            return new MediaCleaner(inputs, rules, progress).run(threads, copy, directory);
        } catch (IOException e) {
            throw new UncheckedIOException("cleaning into " + directory + " failed: " + e.getMessage(), e);
        }
    }

    private Result run(int threads, boolean copy, Path directory) throws IOException {
        List<MediaItem> items = inputs.items();
        if (items.isEmpty()) {
            throw new IllegalArgumentException("there are no files in " + inputs.inputs() + "; name directories with pictures or WAV recordings, or rows that name them");
        }
        try (var work = new InOrder<MediaItem, MediaFindings>(threads, item -> MediaFindings.of(item, rules), findings -> {
            found.add(findings);
            progress.at("look", found.size(), items.size(), "files");
        })) {
            items.forEach(work::give);
            work.finish();
        }
        repeatedTexts();
        duplicates();
        Audit audit = audit();
        long kept = found.stream().filter(findings -> findings.rule() == null).count();
        Files.createDirectories(directory);
        write(directory.resolve(REMOVED), found.stream().filter(findings -> findings.rule() != null).map(MediaCleaner::removal).toList());
        audit.write(directory, new ReadReport(), totals(items.size(), kept));
        if (kept == 0) {
            throw new IllegalArgumentException("nothing stays of " + items.size() + ": " + directory.resolve("audit.html") + " says why; change the rules, or look at what was given");
        }
        write(directory.resolve(KEPT), found.stream().filter(findings -> findings.rule() == null).map(MediaCleaner::line).toList());
        if (copy) {
            copy(directory.resolve(FILES));
        }
        return new Result(kept, audit, directory.resolve("audit.html"));
    }

    /** One text under many pictures is a template, and teaches what no picture shows. */
    private void repeatedTexts() {
        Map<String, Integer> counts = new HashMap<>();
        for (MediaFindings findings : found) {
            if (findings.rule() == null && findings.item().text() != null) {
                counts.merge(findings.item().text(), 1, Integer::sum);
            }
        }
        found.replaceAll(findings -> findings.rule() == null && findings.item().text() != null && counts.get(findings.item().text()) > rules.maxRepeats()
                ? findings.removed(Rule.TEXT, "the same text at many", counts.get(findings.item().text()) + " times: " + findings.item().text()) : findings);
    }

    /** What is equal goes first, in reading order; of what is near the largest stays. */
    private void duplicates() {
        Map<List<String>, MediaItem> first = new HashMap<>();
        for (int i = 0; i < found.size(); i++) {
            MediaFindings findings = found.get(i);
            if (findings.rule() != null) {
                continue;
            }
            List<String> content = new ArrayList<>(findings.files().stream().map(MediaFile::content).toList());
            content.add(Objects.requireNonNullElse(findings.item().text(), ""));
            MediaItem same = first.putIfAbsent(content, findings.item());
            if (same != null) {
                found.set(i, findings.removed(Rule.EXACT_DUPLICATES, elsewhere(same, findings.item()) ? "equal to one in another directory" : "equal", "equals " + same.id()));
            }
        }
        if (rules.hashDistance() < 0) {
            return;
        }
        List<Integer> pictures = new ArrayList<>(IntStream.range(0, found.size()).boxed().filter(i -> picture(found.get(i)) != null).toList());
        pictures.sort(Comparator.comparing((Integer i) -> -(long) picture(found.get(i)).width() * picture(found.get(i)).height()));
        var near = new NearPictures<MediaFindings>(rules.hashDistance());
        for (int done = 0; done < pictures.size(); done++) {
            int i = pictures.get(done);
            MediaFindings findings = found.get(i);
            var other = near.find(picture(findings), known -> Objects.equals(known.item().text(), findings.item().text()));
            if (other == null) {
                near.add(picture(findings), findings);
            } else {
                found.set(i, findings.removed(Rule.NEAR_DUPLICATES, elsewhere(other.item(), findings.item()) ? "like one in another directory" : "alike", "is like " + other.item().id()));
            }
            progress.at("compare", done + 1, pictures.size(), "files");
        }
    }

    /** The picture of an item that stays and has one alone; rows of several are compared as a whole. */
    private static MediaFile.Image picture(MediaFindings findings) {
        return findings.rule() == null && findings.files().size() == 1 && findings.files().getFirst() instanceof MediaFile.Image image ? image : null;
    }

    /** Directories are often labels: what lies in two of them has two. */
    private static boolean elsewhere(MediaItem a, MediaItem b) {
        return a.row() == null && b.row() == null && !Objects.equals(a.files().getFirst().getParent(), b.files().getFirst().getParent());
    }

    private Audit audit() {
        Audit audit = new Audit();
        for (Rule rule : Rule.values()) {
            Audit.Step step = audit.step(rule.title());
            for (MediaFindings findings : found) {
                if (findings.rule() == rule) {
                    step.dropped(new Document(findings.item().id(), findings.detail()), findings.bytes(), findings.reason());
                } else if (findings.rule() == null || findings.rule().compareTo(rule) > 0) {
                    step.kept(findings.bytes());
                }
            }
        }
        return audit;
    }

    private Map<String, Object> totals(long items, long kept) {
        Map<String, Object> totals = new LinkedHashMap<>();
        totals.put("files_or_rows", items);
        totals.put("kept", kept);
        totals.put("rules", rules.toString());
        return totals;
    }

    private static String line(MediaFindings findings) {
        if (findings.item().row() != null) {
            return findings.item().row();
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("file", findings.item().id());
        line.put("bytes", findings.bytes());
        line.putAll(findings.files().getFirst().facts());
        return json(line);
    }

    private static String removal(MediaFindings findings) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("id", findings.item().id());
        line.put("rule", findings.rule().title());
        line.put("reason", findings.reason());
        line.put("detail", findings.detail());
        return json(line);
    }

    private static String json(Map<String, Object> line) {
        try {
            return JSON.writeValueAsString(line);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void write(Path file, List<String> lines) {
        AtomicFile.writeStream(file, out -> {
            for (String line : lines) {
                out.write(line.getBytes(StandardCharsets.UTF_8));
                out.write('\n');
            }
        });
    }

    /** Each below the input that it came from, so that directories that are labels stay so. */
    private void copy(Path directory) throws IOException {
        List<Path> files = found.stream().filter(findings -> findings.rule() == null).flatMap(findings -> findings.item().files().stream()).distinct().toList();
        for (int i = 0; i < files.size(); i++) {
            Path target = directory.resolve(inputs.below(files.get(i)));
            Files.createDirectories(target.getParent());
            Files.copy(files.get(i), target, StandardCopyOption.REPLACE_EXISTING);
            progress.at("copy", i + 1, files.size(), "files");
        }
    }
}
