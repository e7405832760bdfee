package dev.zhulong.data;

import dev.zhulong.data.clean.AddedStep;
import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.dedup.Decontaminate;
import dev.zhulong.data.dedup.MinHash;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.progress.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Files to a clean corpus, in two streamed passes.
 *
 * <ol>
 * <li>Documents are read, go through the steps on all cores and are written, in reading order, to a store that is thrown away in the end;
 *     of each a signature is kept.
 * <li>Signatures are clustered, one document of each cluster stays and is put on one side of the split; the store is read again and its
 *     documents go to {@code train/} or {@code validation/}.
 * </ol>
 *
 * The result depends on inputs, configuration and seed, not on the number of threads.
 */
public final class Cleaner {
    private static final int BATCH_CHARACTERS = 1 << 20;
    private static final int BATCH_DOCUMENTS = 4096;
    private static final int TEMPORARY_LEVEL = 1;
    private static final int FINAL_LEVEL = 3;

    private final CleanConfig config;
    private final Progress progress;
    private final Audit audit = new Audit();
    private final ReadReport report = new ReadReport();
    private final List<CleaningStep> steps = new ArrayList<>();
    private final Clusters clusters;
    private int[] textBytes = new int[1 << 12];

    private Cleaner(CleanConfig config, Progress progress) {
        this.config = config;
        this.progress = progress;
        this.clusters = new Clusters(config.duplicates(), config.minHash());
        steps.addAll(config.steps());
    }

    /**
     * Writes the corpus to {@code directory}; what a former run left there is replaced.
     *
     * @throws IllegalArgumentException when an input is missing or not a single document is left, with the reasons
     */
    public static Corpus run(CleanConfig config, Path directory, Progress progress) {
        try {
            Files.createDirectories(directory);
            return new Cleaner(config, progress).run(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("cleaning into " + directory + " failed: " + e.getMessage(), e);
        }
    }

    private record Batch(List<Document> documents) { }

    private record Cleaned(DocumentStoreWriter.Frame frame, List<MinHash.Signature> signatures, int[] textBytes, Audit audit) { }

    private Corpus run(Path directory) throws IOException {
        if (!config.evaluationSets().isEmpty()) {
            steps.add(decontaminate());
        }
        Path temporary = directory.resolve("cleaning.partial");
        try (var store = new DocumentStoreWriter(temporary)) {
            clean(store);
            if (clusters.size() == 0) {
                throw new IllegalArgumentException("nothing is left of " + config.inputs() + ": " + report + "; " + drops());
            }
            progress.at("deduplicate", 0, clusters.size(), "documents");
            clusters.join();
            progress.at("deduplicate", clusters.size(), clusters.size(), "documents");
            var split = new Split(clusters, config.validationFraction(), config.seed());
            Corpus corpus = divide(store, split, directory);
            audit.write(directory, report, totals(corpus));
            return corpus;
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private Decontaminate decontaminate() {
        var texts = Stream.<String>builder();
        for (Path set : config.evaluationSets()) {
            var evaluation = new ReadReport();
            new DocumentReader(config.read(), evaluation).read(List.of(set), document -> texts.add(document.text()));
            // what is not read is not kept out
            if (evaluation.documents() == 0) {
                throw new IllegalArgumentException("evaluation set " + set + " holds no text: " + evaluation);
            }
        }
        return new Decontaminate(texts.build(), config.evaluationWords());
    }

    private void clean(DocumentStoreWriter store) {
        long total = DocumentReader.size(config.inputs());
        var reader = new DocumentReader(config.read(), report);
        try (var pipeline = new InOrder<Batch, Cleaned>(config.threads(), this::clean, cleaned -> {
            take(cleaned, store);
            progress.at("clean", Math.min(total, reader.bytesRead()), total, "bytes");
        })) {
            var documents = new ArrayList<Document>();
            long[] characters = {0};
            reader.read(config.inputs(), document -> {
                documents.add(document);
                characters[0] += document.text().length();
                if (characters[0] >= BATCH_CHARACTERS || documents.size() == BATCH_DOCUMENTS) {
                    pipeline.give(new Batch(List.copyOf(documents)));
                    documents.clear();
                    characters[0] = 0;
                }
            });
            pipeline.give(new Batch(List.copyOf(documents)));
            pipeline.finish();
        }
        progress.at("clean", total, total, "bytes");
    }

    private Cleaned clean(Batch batch) {
        var counts = new Audit();
        steps.forEach(step -> counts.step(step.name()));
        var lines = new StringBuilder();
        var signatures = new ArrayList<MinHash.Signature>();
        var sizes = new int[batch.documents().size()];
        long bytes = 0;
        for (Document read : batch.documents()) {
            Document document = read;
            int size = utf8Length(document.text());
            for (CleaningStep step : steps) {
                Audit.Step count = counts.step(step.name());
                String before = document.text();
                switch (apply(step, document)) {
                    case CleaningStep.Decision.Keep(Document after, String note) when note == null && after.text().equals(before) ->
                        count.kept(size);
                    case CleaningStep.Decision.Keep(Document after, String note) -> {
                        int changed = utf8Length(after.text());
                        count.changed(document, size, after, changed, note == null ? "changed, without a stated reason" : note);
                        document = after;
                        size = changed;
                    }
                    case CleaningStep.Decision.Drop(String reason) -> {
                        count.dropped(document, size, reason);
                        document = null;
                    }
                }
                if (document == null) {
                    break;
                }
            }
            if (document != null) {
                boolean near = config.duplicates() == Clusters.Kind.NEAR;
                sizes[signatures.size()] = size;
                signatures.add(near ? config.minHash().sign(document.text()) : config.minHash().signExact(document.text()));
                DocumentStoreWriter.line(document, lines);
                bytes += size;
            }
        }
        return new Cleaned(DocumentStoreWriter.frame(lines, signatures.size(), bytes, TEMPORARY_LEVEL), signatures, sizes, counts);
    }

    private static CleaningStep.Decision apply(CleaningStep step, Document document) {
        try {
            return step.apply(document);
        } catch (StackOverflowError deep) {
            // A regular expression that gives up on one odd text must not end the job; it is counted like any other reason.
            return new CleaningStep.Decision.Drop("rule ran out of stack");
        } catch (RuntimeException | LinkageError e) {
            throw new IllegalStateException("cleaning step " + step.name() + " failed on " + document.id() + ": " + e, e);
        }
    }

    private void take(Cleaned cleaned, DocumentStoreWriter store) {
        audit.merge(cleaned.audit());
        for (int i = 0; i < cleaned.signatures().size(); i++) {
            if (clusters.size() == textBytes.length) {
                textBytes = Arrays.copyOf(textBytes, textBytes.length + (textBytes.length >> 1));
            }
            textBytes[clusters.size()] = cleaned.textBytes()[i];
            clusters.add(cleaned.signatures().get(i));
        }
        try {
            store.append(cleaned.frame());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private record Sides(DocumentStoreWriter.Frame train, DocumentStoreWriter.Frame validation, Map<Integer, Document> samples, int documents) { }

    private Corpus divide(DocumentStoreWriter store, Split split, Path directory) throws IOException {
        var samples = new DuplicateSamples(clusters, split);
        try (var train = new DocumentStoreWriter(directory.resolve(Corpus.TRAIN));
                var validation = new DocumentStoreWriter(directory.resolve(Corpus.VALIDATION))) {
            long[] done = {0};
            try (var pipeline = new InOrder<Integer, Sides>(config.threads(), frame -> sides(store, frame, split, samples), sides -> {
                try {
                    train.append(sides.train());
                    validation.append(sides.validation());
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                samples.found(sides.samples());
                done[0] += sides.documents();
                progress.at("split", done[0], clusters.size(), "documents");
            })) {
                for (int frame = 0; frame < store.frames(); frame++) {
                    pipeline.give(frame);
                }
                pipeline.finish();
            }
            count(split, samples);
            return new Corpus(directory, train.finish(), validation.finish());
        }
    }

    /** Documents of one frame of the temporary store, as their JSON lines, put on their sides. */
    private Sides sides(DocumentStoreWriter store, int frame, Split split, DuplicateSamples samples) {
        try {
            byte[] lines = store.lines(frame);
            var out = new ByteArrayOutputStream[] {new ByteArrayOutputStream(), new ByteArrayOutputStream()};
            var count = new int[2];
            var bytes = new long[2];
            var found = new LinkedHashMap<Integer, Document>();
            int document = (int) store.firstDocument(frame);
            for (int start = 0; start < lines.length; document++) {
                int end = start;
                while (lines[end] != '\n') {
                    end++;
                }
                end++;
                Split.Fate fate = split.fate(document);
                if (fate == Split.Fate.TRAIN || fate == Split.Fate.VALIDATION) {
                    int side = fate.ordinal();
                    out[side].write(lines, start, end - start);
                    count[side]++;
                    bytes[side] += textBytes[document];
                }
                if (samples.wants(document)) {
                    found.put(document, DocumentStore.parse(lines, start, end - start));
                }
                start = end;
            }
            return new Sides(DocumentStoreWriter.frame(out[0].toByteArray(), count[0], bytes[0], FINAL_LEVEL),
                    DocumentStoreWriter.frame(out[1].toByteArray(), count[1], bytes[1], FINAL_LEVEL), found, store.documentsIn(frame));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void count(Split split, DuplicateSamples samples) {
        if (config.duplicates() == Clusters.Kind.NONE) {
            return;
        }
        for (Split.Fate fate : config.duplicates() == Clusters.Kind.NEAR
                ? List.of(Split.Fate.EXACT_DUPLICATE, Split.Fate.NEAR_DUPLICATE) : List.of(Split.Fate.EXACT_DUPLICATE)) {
            boolean exact = fate == Split.Fate.EXACT_DUPLICATE;
            Audit.Step step = audit.step(exact ? "exact-duplicates" : "near-duplicates");
            long dropped = 0;
            long droppedBytes = 0;
            long kept = 0;
            long keptBytes = 0;
            for (int document = 0; document < clusters.size(); document++) {
                if (split.fate(document) == fate) {
                    dropped++;
                    droppedBytes += textBytes[document];
                } else if (exact || split.fate(document) != Split.Fate.EXACT_DUPLICATE) {
                    kept++;
                    keptBytes += textBytes[document];
                }
            }
            step.kept(kept, keptBytes);
            if (dropped > 0) {
                step.dropped(dropped, droppedBytes, exact ? "same text as another document" : "nearly the same text as another document",
                        samples.of(fate));
            }
        }
    }

    private Map<String, Object> totals(Corpus corpus) {
        var totals = new LinkedHashMap<String, Object>();
        totals.put("documents_read", report.documents());
        totals.put("documents_after_steps", (long) clusters.size());
        totals.put("train_documents", corpus.train().count());
        totals.put("train_bytes", corpus.train().bytes());
        totals.put("validation_documents", corpus.validation().count());
        totals.put("validation_bytes", corpus.validation().bytes());
        totals.put("validation_fraction", config.validationFraction());
        totals.put("split_seed", config.seed());
        if (config.duplicates() == Clusters.Kind.NEAR) {
            MinHash minHash = config.minHash();
            totals.put("near_duplicates", minHash.bands() + " bands of " + minHash.rows() + " rows over shingles of " + minHash.shingle()
                    + " words, similarity at least " + minHash.threshold());
        }
        for (CleaningStep step : steps) {
            if (step instanceof Decontaminate decontaminate) {
                totals.put("evaluation_texts", decontaminate.texts());
                totals.put("evaluation_texts_too_short_to_look_for", decontaminate.tooShort());
                totals.put("evaluation_words", (long) config.evaluationWords());
            }
            if (step instanceof AddedStep added) {
                totals.put("added_step_" + added.name(), added.from().provider().getClass().getName() + " in "
                        + added.from().place().getFileName() + ", SHA-256 " + ContentHash.of(added.from().place()));
            }
        }
        return totals;
    }

    private String drops() {
        var all = new ArrayList<String>();
        audit.steps().forEach((name, step) -> step.drops().forEach(
                (reason, tally) -> all.add(name + " dropped " + tally.documents() + ": " + reason)));
        return all.isEmpty() ? "no step dropped anything" : String.join(", ", all);
    }

    /** Bytes of a text in UTF-8. */
    static int utf8Length(String text) {
        int length = text.length();
        int bytes = length;
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c >= 0x80) {
                bytes++;
                // A surrogate pair takes four bytes: two chars, two more; a lone one is written as U+FFFD or '?'.
                if (c >= 0x800 && !Character.isSurrogate(c)) {
                    bytes++;
                }
            }
        }
        return bytes;
    }
}
