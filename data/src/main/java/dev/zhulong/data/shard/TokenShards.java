package dev.zhulong.data.shard;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Token shards, memory-mapped: a list of documents, and the same as one long stream of tokens. The format is in the package's
 * documentation. Safe for several threads until closed.
 */
public final class TokenShards implements AutoCloseable {
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path directory;
    private final ShardIndex index;
    private final Arena arena = Arena.ofShared();
    private final List<Mapped> files = new ArrayList<>();

    /** One mapped file; {@code firstDocument} and {@code firstToken} count over all files before it. */
    private record Mapped(MemorySegment tokens, MemorySegment starts, MemorySegment bytes, int tokenBytes, long firstDocument,
            long firstToken, long documents, long count) {
        int token(long at) {
            return tokenBytes == 2 ? Short.toUnsignedInt(tokens.getAtIndex(U16, at)) : tokens.getAtIndex(I32, at);
        }

        long start(long document) {
            return starts.getAtIndex(I64, document);
        }
    }

    private TokenShards(Path directory, ShardIndex index) {
        this.directory = directory;
        this.index = index;
    }

    /**
     * Maps the shards in {@code directory}.
     *
     * @throws IllegalArgumentException when they are missing, unfinished, truncated or not shards, naming file, expected and found
     */
    public static TokenShards open(Path directory) {
        var shards = new TokenShards(directory, ShardIndex.read(directory));
        try {
            long documents = 0;
            long tokens = 0;
            for (ShardIndex.File file : shards.index.files()) {
                shards.files.add(shards.map(file, documents, tokens));
                documents += file.documents();
                tokens += file.tokens();
            }
            check(directory.resolve(ShardIndex.NAME), "documents", documents, shards.index.documents());
            check(directory.resolve(ShardIndex.NAME), "tokens", tokens, shards.index.tokens());
            return shards;
        } catch (IOException e) {
            shards.close();
            throw new UncheckedIOException(e);
        } catch (RuntimeException e) {
            shards.close();
            throw e;
        }
    }

    /** Whether whole shards with this key lie in {@code directory}. */
    public static boolean isCurrent(Path directory, String key) {
        return Files.isRegularFile(directory.resolve(ShardIndex.NAME)) && key.equals(ShardIndex.read(directory).key());
    }

    private Mapped map(ShardIndex.File file, long firstDocument, long firstToken) throws IOException {
        if (file.name() == null || file.name().contains("/") || file.name().contains("\\")) {
            throw new IllegalArgumentException(directory.resolve(ShardIndex.NAME) + ": '" + file.name() + "' is not a file name");
        }
        Path path = directory.resolve(file.name());
        if (!Files.isRegularFile(path)) {
            throw new IllegalArgumentException(path + " is missing; tokenize again");
        }
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            check(path, "size in bytes", file.size(), channel.size());
            if (channel.size() < ShardFile.HEADER) {
                throw new IllegalArgumentException(path + ": no room for a header; tokenize again");
            }
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            if (all.get(I64, 0) != ShardFile.MAGIC) {
                throw new IllegalArgumentException(path + " is not a token shard: it does not begin with ZLTOKENS");
            }
            check(path, "version", ShardFile.VERSION, all.get(I32, 8));
            int tokenBytes = all.get(I32, 12);
            long tokens = all.get(I64, 16);
            long documents = all.get(I64, 24);
            check(path, "tokens", file.tokens(), tokens);
            check(path, "documents", file.documents(), documents);
            check(path, "bytes a token", index.vocabSize() <= 1 << 16 ? 2 : 4, tokenBytes);
            // Against the size first: products of hostile numbers must not overflow.
            if (tokens < 0 || documents < 0 || tokens > all.byteSize() || documents > all.byteSize()) {
                throw new IllegalArgumentException(path + ": " + tokens + " tokens and " + documents + " documents do not fit in "
                        + all.byteSize() + " bytes");
            }
            long tokenEnd = ShardFile.HEADER + (tokens * tokenBytes + 7) / 8 * 8;
            long startsEnd = tokenEnd + (documents + 1) * 8;
            check(path, "size in bytes", startsEnd + documents * 4, all.byteSize());
            var mapped = new Mapped(all.asSlice(ShardFile.HEADER, tokens * tokenBytes), all.asSlice(tokenEnd, startsEnd - tokenEnd),
                    all.asSlice(startsEnd, documents * 4), tokenBytes, firstDocument, firstToken, documents, tokens);
            for (long i = 0; i <= documents; i++) {
                long least = i == 0 ? 0 : mapped.start(i - 1) + 1;
                long most = i == 0 ? 0 : tokens;
                if (mapped.start(i) < least || mapped.start(i) > most || i == documents && mapped.start(i) != tokens) {
                    throw new IllegalArgumentException(path + ": document " + i + " begins at token " + mapped.start(i)
                            + ", expected " + least + " to " + most + "; tokenize again");
                }
            }
            return mapped;
        }
    }

    private static void check(Path path, String what, long expected, long found) {
        if (expected != found) {
            throw new IllegalArgumentException(path + ": " + what + ": expected " + expected + ", found " + found + "; tokenize again");
        }
    }

    /** Reads everything and compares checksums; {@link #open} looks at structure only. */
    public void verify() {
        for (int i = 0; i < files.size(); i++) {
            ShardIndex.File file = index.files().get(i);
            Path path = directory.resolve(file.name());
            var crc = new CRC32C();
            try (var in = Files.newInputStream(path)) {
                in.skipNBytes(ShardFile.HEADER);
                var buffer = new byte[1 << 20];
                for (int n = in.read(buffer); n > 0; n = in.read(buffer)) {
                    crc.update(buffer, 0, n);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            check(path, "CRC-32C", file.crc32c(), crc.getValue());
        }
    }

    /** Where the shards lie. */
    public Path directory() {
        return directory;
    }

    /** Says from which tokenizer and documents the shards were made. */
    public String key() {
        return index.key();
    }

    /** Hash of the tokenizer they were made with. */
    public String tokenizerHash() {
        return index.tokenizer();
    }

    /** Largest possible id plus one. */
    public int vocabSize() {
        return index.vocabSize();
    }

    /** Number of documents. */
    public long documents() {
        return index.documents();
    }

    /** Number of tokens, BOS and EOS included. */
    public long tokens() {
        return index.tokens();
    }

    /** Bytes of all texts in UTF-8. */
    public long bytes() {
        return index.bytes();
    }

    /** Tokens of a document, at least 1. */
    public long documentLength(long document) {
        Mapped file = fileOf(document);
        long local = document - file.firstDocument;
        return file.start(local + 1) - file.start(local);
    }

    /** Where a document begins in the stream of all tokens. */
    public long documentStart(long document) {
        Mapped file = fileOf(document);
        return file.firstToken + file.start(document - file.firstDocument);
    }

    /** Bytes of a document's text in UTF-8. */
    public int documentBytes(long document) {
        Mapped file = fileOf(document);
        return file.bytes.getAtIndex(I32, document - file.firstDocument);
    }

    /** All ids of a document. */
    public int[] document(long document) {
        long length = documentLength(document);
        var ids = new int[Math.toIntExact(length)];
        copy(document, 0, ids, 0, ids.length);
        return ids;
    }

    /** Copies {@code length} ids of a document, from its {@code from}-th on. */
    public void copy(long document, long from, int[] target, int at, int length) {
        Mapped file = fileOf(document);
        long local = document - file.firstDocument;
        long start = file.start(local) + from;
        if (from < 0 || length < 0 || start + length > file.start(local + 1)) {
            throw new IndexOutOfBoundsException("ids " + from + " to " + (from + length) + " of document " + document + ", which has "
                    + documentLength(document));
        }
        for (int i = 0; i < length; i++) {
            target[at + i] = file.token(start + i);
        }
    }

    /** Copies {@code length} ids of the stream of all documents, from its {@code from}-th token on. */
    public void copyStream(long from, int[] target, int at, int length) {
        if (from < 0 || length < 0 || from + length > tokens()) {
            throw new IndexOutOfBoundsException("tokens " + from + " to " + (from + length) + " of " + tokens());
        }
        for (int done = 0; done < length;) {
            Mapped file = fileOfToken(from + done);
            long start = from + done - file.firstToken;
            int n = (int) Math.min(length - done, file.count - start);
            for (int i = 0; i < n; i++) {
                target[at + done + i] = file.token(start + i);
            }
            done += n;
        }
    }

    private Mapped fileOf(long document) {
        if (document < 0 || document >= documents()) {
            throw new IndexOutOfBoundsException("document " + document + " of " + documents());
        }
        int low = 0;
        for (int high = files.size() - 1; low < high;) {
            int middle = (low + high + 1) >>> 1;
            if (files.get(middle).firstDocument <= document) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return files.get(low);
    }

    private Mapped fileOfToken(long token) {
        int low = 0;
        for (int high = files.size() - 1; low < high;) {
            int middle = (low + high + 1) >>> 1;
            if (files.get(middle).firstToken <= token) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return files.get(low);
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
