package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.document.Strings;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.Piece;
import dev.zhulong.data.read.Pieces;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.data.shard.EncodedDocuments;
import dev.zhulong.formats.FileTree;
import dev.zhulong.text.Tokenizer;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The corpus that {@link Cleaner} makes, byte for byte, by several processes that share a directory. Nobody holds all documents:
 *
 * <ol>
 * <li>{@code clean}: each part reads some pieces of the inputs, applies the rules, and writes what is left with its signatures.
 * <li>{@code join}: each looks for near-duplicates in a share of the buckets of all. A bucket depends on nothing but the documents in it.
 * <li>This process joins the pairs that were found, decides which documents stay and on which side, and where batches end: what a frame of a store holds
 *     depends on all documents before it.
 * <li>{@code divide}: each makes the frames of the batches that begin in its part.
 * <li>This process writes the frames one behind the other.
 * <li>{@code encode}: each turns its documents into tokens, if shards are wanted.
 * </ol>
 *
 * Parts of a stage may be done in any order, at the same time, and more than once.
 */
public final class CleaningInParts implements AutoCloseable {
    private static final long LEAST_PIECE = 1 << 16;
    private static final String PIECES = "pieces";
    private static final String ENCODE = "encode";

    /** Has tasks done elsewhere. */
    @FunctionalInterface
    public interface Stages {
        /**
         * Calls {@link #part} of a stage for each number from 0 to {@code tasks - 1}, in whatever processes, and returns when all are done.
         *
         * @throws IllegalStateException if one cannot be done, with the reason
         */
        void run(String stage, int tasks);
    }

    private final CleanConfig config;
    private final CleaningPass pass;
    private final PartFiles files;
    private final Stages stages;
    private final int parts;

    private CleaningInParts(CleanConfig config, Path work, int wanted, Stages stages) throws IOException {
        this.config = config;
        // refuses what is wrong before anybody is asked to do something
        this.pass = new CleaningPass(config);
        this.files = new PartFiles(Files.createDirectories(work));
        this.stages = stages;
        List<List<Piece>> pieces = parts(config, wanted);
        this.parts = pieces.size();
        try (DataOutputStream out = PartFiles.out(work.resolve(PIECES))) {
            out.writeInt(parts);
            for (List<Piece> part : pieces) {
                out.writeInt(part.size());
                for (Piece piece : part) {
                    piece.write(out);
                }
            }
        }
    }

    /**
     * Begins a cleaning.
     *
     * @param work   directory that all processes see; what is in it goes, and it is gone in the end
     * @param wanted number of parts; fewer are made where the inputs have fewer pieces
     * @throws IllegalArgumentException when an input is missing
     */
    public static CleaningInParts begin(CleanConfig config, Path work, int wanted, Stages stages) {
        try {
            if (Files.exists(work)) {
                FileTree.delete(work);
            }
            return new CleaningInParts(config, work, wanted, stages);
        } catch (RuntimeException e) {
            if (Files.exists(work)) {
                FileTree.delete(work);
            }
            throw e;
        } catch (IOException e) {
            throw new UncheckedIOException("cleaning in parts in " + work + " failed: " + e.getMessage(), e);
        }
    }

    /** Number of parts of each stage. */
    public int parts() {
        return parts;
    }

    /** Does one part of a stage, in whatever process; {@code config} is that of the cleaning. */
    public static void part(CleanConfig config, Tokenizer tokenizer, Path work, String stage, int number) {
        var files = new PartFiles(work);
        switch (stage) {
            case CleaningPart.CLEAN -> new CleaningPart(config, files, number).clean();
            case CleaningPart.JOIN -> new CleaningPart(config, files, number).join();
            case CleaningPart.DIVIDE -> new CleaningPart(config, files, number).divide();
            case ENCODE -> files.write(ENCODE, number, directory -> {
                for (String side : List.of(Corpus.TRAIN, Corpus.VALIDATION)) {
                    encode(files.of(CleaningPart.DIVIDE, number).resolve(side), tokenizer, directory.resolve(side));
                }
            });
            default -> throw new IllegalArgumentException("no stage is called " + stage);
        }
    }

    private static void encode(Path frames, Tokenizer tokenizer, Path to) throws IOException {
        try (DataInputStream in = PartFiles.in(frames); DataOutputStream out = PartFiles.out(to)) {
            DocumentStoreWriter.Frame frame;
            while ((frame = DocumentStoreWriter.Frame.read(in)) != null) {
                var texts = new ArrayList<String>();
                byte[] lines = frame.lines();
                for (int start = 0; start < lines.length;) {
                    int end = start;
                    while (lines[end] != '\n') {
                        end++;
                    }
                    texts.add(DocumentStore.parse(lines, start, end + 1 - start).text());
                    start = end + 1;
                }
                EncodedDocuments.of(texts, tokenizer).write(out);
            }
        }
    }

    /**
     * Writes the corpus to {@code directory}; what a former run left there is replaced.
     *
     * @throws IllegalArgumentException when not a single document is left, with the reasons
     */
    public Corpus run(Path directory) {
        try {
            Files.createDirectories(directory);
            stages.run(CleaningPart.CLEAN, parts);
            var audit = new Audit();
            var report = new ReadReport();
            KeptDocuments kept = gather(audit, report);
            if (kept.size() == 0) {
                throw CorpusAudit.nothingLeft(config, report, audit);
            }
            join(kept.clusters());
            var split = new Split(kept.clusters(), config.validationFraction(), config.seed());
            var samples = new DuplicateSamples(kept.clusters(), split);
            Decisions.write(files, split, kept.size(), batches(), samples.wanted());
            stages.run(CleaningPart.DIVIDE, parts);
            Corpus corpus = assemble(directory, samples);
            CorpusAudit.duplicates(config.duplicates(), kept, split, samples, audit);
            audit.write(directory, report, CorpusAudit.totals(config, pass.steps(), kept, report, corpus));
            return corpus;
        } catch (IOException e) {
            throw new UncheckedIOException("cleaning into " + directory + " failed: " + e.getMessage(), e);
        }
    }

    /** Has the documents turned into tokens; {@link #encoded} says where they are. */
    public void encode() {
        stages.run(ENCODE, parts);
    }

    /** Encoded documents of one side of the corpus, in their order. */
    public List<Path> encoded(DocumentStore side) {
        return IntStream.range(0, parts).mapToObj(part -> files.of(ENCODE, part).resolve(side.directory().getFileName())).toList();
    }

    /** Pieces of about one size, shared out in their order. */
    private static List<List<Piece>> parts(CleanConfig config, int wanted) {
        long total = DocumentReader.size(config.inputs());
        List<Piece> pieces = Pieces.of(config.inputs(), config.read(), Math.max(LEAST_PIECE, total / wanted));
        var parts = new ArrayList<List<Piece>>();
        long all = Math.max(1, pieces.stream().mapToLong(Piece::bytes).sum());
        long before = 0;
        long last = -1;
        for (Piece piece : pieces) {
            long part = Math.min(wanted - 1, (long) ((double) before / all * wanted));
            if (part != last) {
                parts.add(new ArrayList<>());
                last = part;
            }
            parts.getLast().add(piece);
            before += piece.bytes();
        }
        return parts.isEmpty() ? List.of(List.of(new Piece.Skipped("no file", "the inputs"))) : parts;
    }

    static List<List<Piece>> pieces(PartFiles files) {
        try (DataInputStream in = PartFiles.in(files.directory().resolve(PIECES))) {
            var parts = new ArrayList<List<Piece>>();
            for (int part = in.readInt(); part > 0; part--) {
                var pieces = new ArrayList<Piece>();
                for (int piece = in.readInt(); piece > 0; piece--) {
                    pieces.add(Piece.read(in));
                }
                parts.add(pieces);
            }
            return parts;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Number of the first document of each part, and of all together. */
    static int[] firstDocuments(PartFiles files, int parts) throws IOException {
        var firsts = new int[parts + 1];
        for (int part = 0; part < parts; part++) {
            firsts[part + 1] = Math.addExact(firsts[part], KeptFiles.count(files.of(CleaningPart.CLEAN, part)));
        }
        return firsts;
    }

    private KeptDocuments gather(Audit audit, ReadReport report) throws IOException {
        // near-duplicates are found elsewhere
        var kept = new KeptDocuments(new Clusters(config.duplicates() == Clusters.Kind.NONE ? Clusters.Kind.NONE : Clusters.Kind.EXACT, config.minHash()));
        for (int part = 0; part < parts; part++) {
            Path directory = files.of(CleaningPart.CLEAN, part);
            try (DataInputStream in = PartFiles.in(directory.resolve(CleaningPart.AUDIT))) {
                audit.merge(Audit.read(in));
                report.merge(ReadReport.read(in));
            }
            KeptFiles.forEach(directory, kept::add);
        }
        return kept;
    }

    private void join(Clusters clusters) throws IOException {
        clusters.join();
        if (config.duplicates() != Clusters.Kind.NEAR) {
            return;
        }
        stages.run(CleaningPart.JOIN, parts);
        for (int part = 0; part < parts; part++) {
            try (DataInputStream in = PartFiles.in(files.of(CleaningPart.JOIN, part).resolve(CleaningPart.EDGES))) {
                for (long pairs = Files.size(files.of(CleaningPart.JOIN, part).resolve(CleaningPart.EDGES)) / (2 * Integer.BYTES); pairs > 0; pairs--) {
                    clusters.join(in.readInt(), in.readInt());
                }
            }
        }
    }

    /** Of each part, the number of its first batch's first document, and how many each of its batches has. */
    private List<List<Integer>> batches() throws IOException {
        int[] firsts = firstDocuments(files, parts);
        var all = new ArrayList<List<Integer>>();
        for (int part = 0; part < parts; part++) {
            all.add(new ArrayList<>(List.of(firsts[part])));
        }
        var limit = new BatchLimit();
        int first = 0;
        int documents = 0;
        for (int part = 0; part < parts; part++) {
            Path read = files.of(CleaningPart.CLEAN, part).resolve(CleaningPart.READ);
            try (DataInputStream in = PartFiles.in(read)) {
                for (long left = Files.size(read) / Integer.BYTES; left > 0; left--) {
                    int characters = in.readInt();
                    documents += characters >= 0 ? 1 : 0;
                    if (limit.reached(characters >= 0 ? characters : ~characters)) {
                        batch(first, documents, firsts, all);
                        first = documents;
                    }
                }
            }
        }
        batch(first, documents, firsts, all);
        return all;
    }

    private static void batch(int first, int end, int[] firsts, List<List<Integer>> all) {
        if (end == first) {
            return;
        }
        int part = Arrays.binarySearch(firsts, first);
        part = part < 0 ? -part - 2 : part;
        // of parts without documents, which begin at the same number, the one that has it
        while (firsts[part + 1] <= first) {
            part++;
        }
        if (all.get(part).size() == 1) {
            all.get(part).set(0, first);
        }
        all.get(part).add(end - first);
    }

    private Corpus assemble(Path directory, DuplicateSamples samples) throws IOException {
        try (var train = new DocumentStoreWriter(directory.resolve(Corpus.TRAIN)); var validation = new DocumentStoreWriter(directory.resolve(Corpus.VALIDATION))) {
            for (int part = 0; part < parts; part++) {
                Path from = files.of(CleaningPart.DIVIDE, part);
                append(from.resolve(Corpus.TRAIN), train);
                append(from.resolve(Corpus.VALIDATION), validation);
                var found = new HashMap<Integer, Document>();
                try (DataInputStream in = PartFiles.in(from.resolve(CleaningPart.SAMPLES))) {
                    while (true) {
                        int number;
                        try {
                            number = in.readInt();
                        } catch (EOFException end) {
                            break;
                        }
                        found.put(number, new Document(Strings.read(in), Strings.read(in)));
                    }
                }
                samples.found(found);
            }
            return new Corpus(directory, train.finish(), validation.finish());
        }
    }

    private static void append(Path frames, DocumentStoreWriter store) throws IOException {
        try (DataInputStream in = PartFiles.in(frames)) {
            DocumentStoreWriter.Frame frame;
            while ((frame = DocumentStoreWriter.Frame.read(in)) != null) {
                store.append(frame);
            }
        }
    }

    /** Removes what the parts wrote. */
    @Override
    public void close() {
        FileTree.delete(files.directory());
    }
}
