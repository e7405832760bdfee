package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

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
 * The result depends on inputs, configuration and seed, not on the number of threads. {@link CleaningInParts} makes the same corpus with several processes.
 */
public final class Cleaner {
    private final CleanConfig config;
    private final Progress progress;
    private final Audit audit = new Audit();
    private final ReadReport report = new ReadReport();
    private final CleaningPass pass;
    private final KeptDocuments kept;

    private Cleaner(CleanConfig config, Progress progress) {
        this.config = config;
        this.progress = progress;
        this.pass = new CleaningPass(config);
        this.kept = new KeptDocuments(new Clusters(config.duplicates(), config.minHash()));
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

    private Corpus run(Path directory) throws IOException {
        Path temporary = directory.resolve("cleaning.partial");
        try (var store = new DocumentStoreWriter(temporary)) {
            clean(store);
            if (kept.size() == 0) {
                throw CorpusAudit.nothingLeft(config, report, audit);
            }
            progress.at("deduplicate", 0, kept.size(), "documents");
            kept.clusters().join();
            progress.at("deduplicate", kept.size(), kept.size(), "documents");
            var split = new Split(kept.clusters(), config.validationFraction(), config.seed());
            Corpus corpus = divide(store, split, directory);
            audit.write(directory, report, CorpusAudit.totals(config, pass.steps(), kept, report, corpus));
            return corpus;
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private void clean(DocumentStoreWriter store) {
        long total = DocumentReader.size(config.inputs());
        var reader = new DocumentReader(config.read(), report);
        pass.run(documents -> reader.read(config.inputs(), documents), cleaned -> {
            take(cleaned, store);
            progress.at("clean", Math.min(total, reader.bytesRead()), total, "bytes");
        });
        progress.at("clean", total, total, "bytes");
    }

    private void take(CleaningPass.Cleaned cleaned, DocumentStoreWriter store) {
        audit.merge(cleaned.audit());
        for (int i = 0; i < cleaned.signatures().size(); i++) {
            kept.add(cleaned.signatures().get(i), cleaned.textBytes()[i]);
        }
        try {
            store.append(cleaned.frame());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Corpus divide(DocumentStoreWriter store, Split split, Path directory) throws IOException {
        var samples = new DuplicateSamples(kept.clusters(), split);
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
                progress.at("split", done[0], kept.size(), "documents");
            })) {
                for (int frame = 0; frame < store.frames(); frame++) {
                    pipeline.give(frame);
                }
                pipeline.finish();
            }
            CorpusAudit.duplicates(config.duplicates(), kept, split, samples, audit);
            return new Corpus(directory, train.finish(), validation.finish());
        }
    }

    private Sides sides(DocumentStoreWriter store, int frame, Split split, DuplicateSamples samples) {
        try {
            return Sides.of(store.lines(frame), (int) store.firstDocument(frame), split::fate, kept::textBytes, samples::wants);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
