package dev.zhulong.data.read;

import com.github.luben.zstd.ZstdInputStream;
import dev.zhulong.data.document.Document;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;

/**
 * Reads files, directories and archives into documents, in a fixed order: inputs as given, directories and zip entries by name, rows and
 * tar entries as they lie.
 *
 * <pre>{@code
 * var report = new ReadReport();
 * new DocumentReader(ReadOptions.DEFAULT, report).read(List.of(Path.of("src.zip")), document -> ...);
 * }</pre>
 *
 * <p>By name: {@code .zip .jar}, {@code .tar .tgz}, {@code .gz .zst .bz2} around any of them but zip and Parquet, {@code .jsonl .ndjson},
 * {@code .json} where it holds rows, {@code .csv .tsv}, {@code .parquet}; everything else is text unless it holds NUL. What can't be read is
 * skipped and counted in the {@link ReadReport}; only an input that does not exist is an error. Holds one document at a time. One thread
 * uses one reader.
 */
public final class DocumentReader {
    private static final Set<String> VERSION_CONTROL = Set.of(".git", ".hg", ".svn");
    private static final int MAX_NESTING = 4;
    private static final String UNREADABLE = "unreadable";

    private final ReadOptions options;
    private final ReadReport report;
    private final TextDecoder decoder;
    private Consumer<Document> consumer;
    private volatile long bytesRead;

    public DocumentReader(ReadOptions options, ReadReport report) {
        this.options = options;
        this.report = report;
        this.decoder = new TextDecoder(report::skip, report::repair);
    }

    /** Carries a consumer's exception past the readers, which take every other exception for a damaged file. */
    private static final class ConsumerFailed extends Error {
        ConsumerFailed(RuntimeException cause) {
            super(cause);
        }
    }

    /** Gives every document of {@code inputs} to {@code consumer}; its exceptions end the reading and are thrown on. */
    public void read(List<Path> inputs, Consumer<Document> consumer) {
        this.consumer = consumer;
        try {
            walk(inputs, options, this::read);
        } catch (ConsumerFailed failed) {
            throw (RuntimeException) failed.getCause();
        }
    }

    /** The same of one piece. */
    public void read(Piece piece, Consumer<Document> consumer) {
        this.consumer = consumer;
        try {
            read(piece);
        } catch (ConsumerFailed failed) {
            throw (RuntimeException) failed.getCause();
        }
    }

    private void read(Piece piece) {
        long before = bytesRead;
        try {
            switch (piece) {
                case Piece.Skipped(String reason, String where) -> report.skip(reason, where);
                case Piece.Whole(Path path, String id, boolean named, _) -> file(path, id, named);
                case Piece.Entries(Path path, String id, int from, int to, _) -> Archives.zip(path, id, from, to, this);
                case Piece.Lines lines -> lines(lines);
            }
        } catch (IOException | RuntimeException e) {
            unreadable(piece.id(), e);
        }
        bytesRead = before + piece.bytes();
    }

    /** Bytes of the inputs, as they lie on disk, read so far; may be asked from another thread. */
    public long bytesRead() {
        return bytesRead;
    }

    /** Bytes of the inputs as they lie on disk, version control directories left out. */
    public static long size(List<Path> inputs) {
        long[] sum = {0};
        try {
            for (Path input : inputs) {
                Files.walkFileTree(input, new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                        boolean skip = !directory.equals(input) && VERSION_CONTROL.contains(directory.getFileName().toString());
                        return skip ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                        sum[0] += attributes.size();
                        return FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult visitFileFailed(Path file, IOException failure) {
                        return FileVisitResult.CONTINUE;
                    }
                });
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return sum[0];
    }

    /** Gives the files of {@code inputs}, and what is not read of them, in reading order. */
    static void walk(List<Path> inputs, ReadOptions options, Consumer<Piece> pieces) {
        for (Path input : inputs) {
            if (!Files.exists(input)) {
                throw new IllegalArgumentException("input " + input + " does not exist");
            }
            String id = input.toAbsolutePath().normalize().getFileName() == null ? ""
                    : input.toAbsolutePath().normalize().getFileName().toString();
            if (Files.isDirectory(input)) {
                directory(input, id, "", GitIgnore.NONE, options, pieces);
            } else {
                pieces.accept(new Piece.Whole(input, id, true, input.toFile().length()));
            }
        }
    }

    private static void directory(Path directory, String id, String relative, GitIgnore outer, ReadOptions options, Consumer<Piece> pieces) {
        var children = new ArrayList<Path>();
        GitIgnore ignore = outer;
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            stream.forEach(children::add);
            if (options.gitignore()) {
                ignore = outer.in(directory, relative);
            }
        } catch (IOException | RuntimeException e) {
            pieces.accept(new Piece.Skipped(UNREADABLE, id + ": " + why(e)));
            return;
        }
        children.sort(Comparator.comparing(path -> path.getFileName().toString()));
        for (Path child : children) {
            String name = child.getFileName().toString();
            String childId = id + "/" + name;
            boolean isDirectory = Files.isDirectory(child);
            if (isDirectory && Files.isSymbolicLink(child)) {
                pieces.accept(new Piece.Skipped("symbolic link to a directory", childId));
            } else if (isDirectory && VERSION_CONTROL.contains(name)) {
                pieces.accept(new Piece.Skipped("version control directory", childId));
            } else if (ignore.ignores(relative + name, isDirectory)) {
                pieces.accept(new Piece.Skipped("ignored by .gitignore", childId));
            } else if (isDirectory) {
                directory(child, childId, relative + name + "/", ignore, options, pieces);
            } else if (!Files.isRegularFile(child)) {
                pieces.accept(new Piece.Skipped("not a regular file", childId));
            } else {
                pieces.accept(new Piece.Whole(child, childId, false, child.toFile().length()));
            }
        }
    }

    private void file(Path path, String id, boolean named) throws IOException {
        String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".zip") || name.endsWith(".jar")) {
            Archives.zip(path, id, 0, Integer.MAX_VALUE, this);
        } else if (name.endsWith(".parquet")) {
            if (selected(name, id, named)) {
                ParquetRows.read(path, id, options, this);
            }
        } else if (named || isContainer(name) || selected(name, id, false)) {
            try (var in = new CountedFile(Files.newInputStream(path))) {
                stream(name, id, in, in::count, named, 0);
            }
        }
    }

    private void lines(Piece.Lines lines) throws IOException {
        try (var channel = FileChannel.open(lines.path()); var in = new CountedFile(Channels.newInputStream(channel.position(lines.from())))) {
            JsonRows.lines(new Bounded(in, lines.bytes()), lines.id(), lines.firstLine(), options, this);
        }
    }

    /** The first bytes of a stream. */
    private static final class Bounded extends FilterInputStream {
        private long left;

        Bounded(InputStream in, long length) {
            super(in);
            this.left = length;
        }

        @Override
        public int read() throws IOException {
            if (left == 0) {
                return -1;
            }
            left--;
            return in.read();
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int n = left == 0 ? -1 : in.read(buffer, offset, (int) Math.min(length, left));
            left -= Math.max(n, 0);
            return n;
        }
    }

    /** Counts into {@link #bytesRead}. */
    private final class CountedFile extends BufferedInputStream {
        private long count;

        CountedFile(InputStream in) {
            super(in, 1 << 16);
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            counted(b < 0 ? 0 : 1);
            return b;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int n = super.read(buffer, offset, length);
            counted(Math.max(n, 0));
            return n;
        }

        private void counted(int n) {
            count += n;
            advance(n);
        }

        long count() {
            return count;
        }
    }

    /** Reads what is called {@code name} (lower case) from a stream; {@code compressed} says how much of the outermost file that took. */
    void stream(String name, String id, InputStream in, LongSupplier compressed, boolean named, int depth) throws IOException {
        if (depth > MAX_NESTING) {
            report.skip("compressed more than " + MAX_NESTING + " times over", id);
        } else if (name.endsWith(".tgz")) {
            stream(name.substring(0, name.length() - 4) + ".tar.gz", id, in, compressed, named, depth);
        } else if (name.endsWith(".gz")) {
            unpacked(name, id, new GZIPInputStream(in, 1 << 16), compressed, named, depth);
        } else if (name.endsWith(".zst")) {
            unpacked(name, id, new ZstdInputStream(in), compressed, named, depth);
        } else if (name.endsWith(".bz2")) {
            unpacked(name, id, new BZip2CompressorInputStream(in, true), compressed, named, depth);
        } else if (name.endsWith(".tar")) {
            Archives.tar(in, id, compressed, depth, this);
        } else if (name.endsWith(".zip") || name.endsWith(".jar")) {
            report.skip("archive inside an archive", id);
        } else if (name.endsWith(".parquet")) {
            report.skip("Parquet inside an archive", id);
        } else if (!selected(name, id, named)) {
            return;
        } else if (name.endsWith(".jsonl") || name.endsWith(".ndjson")) {
            JsonRows.lines(Encoding.utf8(in), id, 1, options, this);
        } else if (name.endsWith(".json")) {
            json(in, id, named);
        } else if (name.endsWith(".csv") || name.endsWith(".tsv")) {
            CsvRows.read(in, name.endsWith(".tsv") ? '\t' : ',', id, options, this);
        } else {
            PlainText.read(in, id, options, this);
        }
    }

    /** Rows where there are some, otherwise text. A file met in a directory may be data of a program; there its rows must have the field. */
    private void json(InputStream in, String id, boolean named) throws IOException {
        byte[] head = in.readNBytes(RowReader.MAX_ROW);
        byte[] utf8 = Encoding.utf8(new ByteArrayInputStream(head)).readAllBytes();
        JsonShape shape = JsonShape.of(utf8);
        var whole = new SequenceInputStream(new ByteArrayInputStream(head), in);
        if (shape == JsonShape.OTHER || !named && !JsonRows.hasField(utf8, shape, options)) {
            PlainText.read(whole, id, options, this);
        } else if (shape == JsonShape.LINES) {
            JsonRows.lines(Encoding.utf8(whole), id, 1, options, this);
        } else {
            JsonRows.elements(whole, id, options, this);
        }
    }

    private void unpacked(String name, String id, InputStream in, LongSupplier compressed, boolean named, int depth) throws IOException {
        String inner = name.substring(0, name.lastIndexOf('.'));
        stream(inner, id, new LimitedStream(in, compressed, options.maxRatio()), compressed, named, depth + 1);
    }

    private static boolean isContainer(String name) {
        return name.endsWith(".gz") || name.endsWith(".tgz") || name.endsWith(".zst") || name.endsWith(".bz2") || name.endsWith(".tar");
    }

    private boolean selected(String name, String id, boolean named) {
        if (options.takes(name, named)) {
            return true;
        }
        report.skip("extension not asked for", id);
        return false;
    }

    /** Hands one text on. */
    void give(String id, String text) {
        if (text.isEmpty()) {
            report.skip("empty", id);
            return;
        }
        report.read();
        try {
            consumer.accept(new Document(id, text));
        } catch (RuntimeException e) {
            throw new ConsumerFailed(e);
        }
    }

    void unreadable(String id, Exception e) {
        String reason = e instanceof LimitedStream.BombException ? "looks like a decompression bomb" : UNREADABLE;
        report.skip(reason, id + ": " + why(e));
    }

    private static String why(Exception e) {
        return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    }

    @SuppressWarnings("NonAtomicOperationOnVolatileField") // one thread writes, others look on
    void advance(long bytes) {
        bytesRead += bytes;
    }

    ReadReport report() {
        return report;
    }

    TextDecoder decoder() {
        return decoder;
    }

    ReadOptions options() {
        return options;
    }
}
