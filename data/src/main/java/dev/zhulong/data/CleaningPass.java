package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.dedup.Decontaminate;
import dev.zhulong.data.dedup.MinHash;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.ReadReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The rules of a cleaning, applied to documents on all cores, batch by batch; results come in reading order. */
final class CleaningPass {
    private static final int TEMPORARY_LEVEL = 1;

    private final CleanConfig config;
    private final List<CleaningStep> steps;

    /** @throws IllegalArgumentException where an evaluation set holds no text */
    CleaningPass(CleanConfig config) {
        this.config = config;
        this.steps = new ArrayList<>(config.steps());
        if (!config.evaluationSets().isEmpty()) {
            steps.add(decontaminate());
        }
    }

    /** All that a document goes through, in order. */
    List<CleaningStep> steps() {
        return steps;
    }

    private record Batch(List<Document> documents) { }

    /**
     * What became of a batch.
     *
     * @param frame      documents that are left, as JSON lines
     * @param signatures of these
     * @param textBytes  of these, in UTF-8; as many as were read
     * @param read       characters of each document that was read, {@code ~} of one that was dropped
     * @param audit      what was counted
     */
    record Cleaned(DocumentStoreWriter.Frame frame, List<MinHash.Signature> signatures, int[] textBytes, int[] read, Audit audit) { }

    /** Cleans all that {@code reading} gives to whom it is given; {@code taker} runs in this thread. */
    void run(Consumer<Consumer<Document>> reading, Consumer<Cleaned> taker) {
        try (var pipeline = new InOrder<Batch, Cleaned>(config.threads(), this::clean, taker)) {
            var documents = new ArrayList<Document>();
            var limit = new BatchLimit();
            reading.accept(document -> {
                documents.add(document);
                if (limit.reached(document.text().length())) {
                    pipeline.give(new Batch(List.copyOf(documents)));
                    documents.clear();
                }
            });
            pipeline.give(new Batch(List.copyOf(documents)));
            pipeline.finish();
        }
    }

    private Cleaned clean(Batch batch) {
        var counts = new Audit();
        steps.forEach(step -> counts.step(step.name()));
        var lines = new StringBuilder();
        var signatures = new ArrayList<MinHash.Signature>();
        var sizes = new int[batch.documents().size()];
        var read = new int[batch.documents().size()];
        long bytes = 0;
        for (int i = 0; i < read.length; i++) {
            Document document = batch.documents().get(i);
            int characters = document.text().length();
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
            read[i] = document == null ? ~characters : characters;
            if (document != null) {
                boolean near = config.duplicates() == Clusters.Kind.NEAR;
                sizes[signatures.size()] = size;
                signatures.add(near ? config.minHash().sign(document.text()) : config.minHash().signExact(document.text()));
                DocumentStoreWriter.line(document, lines);
                bytes += size;
            }
        }
        return new Cleaned(DocumentStoreWriter.frame(lines, signatures.size(), bytes, TEMPORARY_LEVEL), signatures, sizes, read, counts);
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
