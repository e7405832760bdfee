package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.document.Strings;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.Piece;
import dev.zhulong.data.read.ReadReport;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** What the process of one part does at each stage of {@link CleaningInParts}. Its results are functions of the inputs, the configuration and its number. */
final class CleaningPart {
    static final String CLEAN = "clean";
    static final String JOIN = "join";
    static final String DIVIDE = "divide";
    static final String DOCUMENTS = "documents";
    static final String READ = "read";
    static final String AUDIT = "audit";
    static final String EDGES = "edges";
    static final String SAMPLES = "samples";

    private final CleanConfig config;
    private final PartFiles files;
    private final int part;
    private final List<List<Piece>> pieces;

    CleaningPart(CleanConfig config, PartFiles files, int part) {
        this.config = config;
        this.files = files;
        this.part = part;
        this.pieces = CleaningInParts.pieces(files);
    }

    private boolean near() {
        return config.duplicates() == Clusters.Kind.NEAR;
    }

    /** Reads its pieces, and writes the documents that the rules leave and what is remembered of them. */
    void clean() {
        List<Piece> own = pieces.get(part);
        try {
            files.write(CLEAN, part, directory -> clean(own, directory));
        } catch (RuntimeException e) {
            throw new IllegalStateException("cleaning " + own.getFirst().id() + " to " + own.getLast().id() + ": " + (e.getMessage() == null ? e.toString() : e.getMessage()), e);
        }
    }

    private void clean(List<Piece> own, Path directory) throws IOException {
        var report = new ReadReport();
        var reader = new DocumentReader(config.read(), report);
        var audit = new Audit();
        var buckets = new BucketFiles.Writer(pieces.size());
        int[] kept = {0};
        try (DataOutputStream frames = PartFiles.out(directory.resolve(DOCUMENTS)); DataOutputStream read = PartFiles.out(directory.resolve(READ));
                var signatures = new KeptFiles.Writer(directory, near(), config.minHash())) {
            new CleaningPass(config).run(documents -> own.forEach(piece -> reader.read(piece, documents)), cleaned -> {
                audit.merge(cleaned.audit());
                try {
                    cleaned.frame().write(frames);
                    for (int characters : cleaned.read()) {
                        read.writeInt(characters);
                    }
                    for (int i = 0; i < cleaned.signatures().size(); i++) {
                        buckets.add(kept[0]++, cleaned.signatures().get(i).bands());
                        signatures.add(cleaned.signatures().get(i), cleaned.textBytes()[i]);
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
        buckets.write(directory);
        try (DataOutputStream out = PartFiles.out(directory.resolve(AUDIT))) {
            audit.write(out);
            report.write(out);
        }
    }

    /** Looks for near-duplicates in its share of the buckets, and writes which documents of all parts are joined. */
    void join() {
        files.write(JOIN, part, directory -> {
            int parts = pieces.size();
            int[] first = CleaningInParts.firstDocuments(files, parts);
            long[] shared = sharedKeys(parts);
            var clusters = new Clusters(Clusters.Kind.NEAR, config.minHash());
            int[] numbers = new int[1 << 10];
            for (int from = 0; from < parts; from++) {
                int[] documents = inSharedBuckets(from, parts, shared);
                if (clusters.size() + documents.length > numbers.length) {
                    numbers = Arrays.copyOf(numbers, Math.max(clusters.size() + documents.length, 2 * numbers.length));
                }
                for (int i = 0; i < documents.length; i++) {
                    numbers[clusters.size() + i] = first[from] + documents[i];
                }
                KeptFiles.signatures(files.of(CLEAN, from), config.minHash(), documents, (signature, _) -> clusters.add(signature));
            }
            clusters.join(key -> BucketFiles.owner(key, parts) == part);
            try (DataOutputStream out = PartFiles.out(directory.resolve(EDGES))) {
                for (int i = 0; i < clusters.size(); i++) {
                    if (clusters.cluster(i) != i) {
                        out.writeInt(numbers[clusters.cluster(i)]);
                        out.writeInt(numbers[i]);
                    }
                }
            }
        });
    }

    /** Keys that more than one document has, in rising order: the rest of the documents need not be looked at. */
    private long[] sharedKeys(int parts) throws IOException {
        var keys = new long[1 << 10];
        int size = 0;
        for (int from = 0; from < parts; from++) {
            long[] more = BucketFiles.keys(files.of(CLEAN, from), part, parts);
            if (size + more.length > keys.length) {
                keys = Arrays.copyOf(keys, Math.max(size + more.length, 2 * keys.length));
            }
            System.arraycopy(more, 0, keys, size, more.length);
            size += more.length;
        }
        Arrays.sort(keys, 0, size);
        int shared = 0;
        for (int i = 1; i < size; i++) {
            if (keys[i] == keys[i - 1] && (shared == 0 || keys[shared - 1] != keys[i])) {
                keys[shared++] = keys[i];
            }
        }
        return Arrays.copyOf(keys, shared);
    }

    private int[] inSharedBuckets(int from, int parts, long[] shared) throws IOException {
        var documents = new BitSet();
        BucketFiles.forEach(files.of(CLEAN, from), part, parts, (key, document) -> {
            if (Arrays.binarySearch(shared, key) >= 0) {
                documents.set(document);
            }
        });
        return documents.stream().toArray();
    }

    private record Batch(byte[] lines, int first, int[] textBytes) { }

    /** Puts the documents of its batches on their sides. */
    void divide() {
        files.write(DIVIDE, part, directory -> {
            var decided = Decisions.read(files, part);
            try (DataOutputStream train = PartFiles.out(directory.resolve(Corpus.TRAIN));
                    DataOutputStream validation = PartFiles.out(directory.resolve(Corpus.VALIDATION));
                    DataOutputStream samples = PartFiles.out(directory.resolve(SAMPLES));
                    var stored = new StoredParts(files, part, decided.first());
                    var pipeline = new InOrder<Batch, Sides>(config.threads(), batch -> sides(batch, decided), sides -> {
                        try {
                            sides.train().write(train);
                            sides.validation().write(validation);
                            for (var sample : sides.samples().entrySet()) {
                                samples.writeInt(sample.getKey());
                                Strings.write(sample.getValue().id(), samples);
                                Strings.write(sample.getValue().text(), samples);
                            }
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    })) {
                int first = decided.first();
                for (int size : decided.sizes()) {
                    pipeline.give(new Batch(stored.lines(size), first, stored.textBytes(first, size)));
                    first += size;
                }
                pipeline.finish();
            }
        });
    }

    private static Sides sides(Batch batch, Decisions decided) {
        return Sides.of(batch.lines(), batch.first(), decided::fate, document -> batch.textBytes()[document - batch.first()], decided::wants);
    }
}
