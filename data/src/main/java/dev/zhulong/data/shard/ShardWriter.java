package dev.zhulong.data.shard;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.text.Tokenizer;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Tokenises documents into a shard directory, batch by batch on all cores, holding a few megabytes.
 *
 * <pre>{@code
 * var config = ShardConfig.of(tokenizerHash, corpus.train().contentHash());
 * try (var documents = corpus.train().documents()) {
 *     ShardWriter.write(documents, corpus.train().bytes(), tokenizer, config, directory, progress);
 * }
 * }</pre>
 */
public final class ShardWriter {
    private static final int BATCH_CHARACTERS = 2 << 20;

    private final Tokenizer tokenizer;
    private final ShardConfig config;
    private final Path directory;
    private final int bos;
    private final int eos;
    private final int tokenBytes;
    private final List<ShardIndex.File> files = new ArrayList<>();
    private ShardFile file;
    private long documents;
    private long tokens;
    private long bytes;

    private ShardWriter(Tokenizer tokenizer, ShardConfig config, Path directory) {
        this.tokenizer = tokenizer;
        this.config = config;
        this.directory = directory;
        if (config.endOfSequence() && tokenizer.eos().isEmpty()) {
            throw new IllegalArgumentException("the tokenizer has no EOS to end documents with: name one in tokenizer_config.json, "
                    + "or write the shards without");
        }
        if (tokenizer.addsBos() && tokenizer.bos().isEmpty()) {
            throw new IllegalArgumentException("the tokenizer asks for BOS but names none: set bos_token in tokenizer_config.json");
        }
        this.bos = tokenizer.addsBos() ? tokenizer.bos().getAsInt() : -1;
        this.eos = config.endOfSequence() ? tokenizer.eos().getAsInt() : -1;
        this.tokenBytes = tokenizer.vocabSize() <= 1 << 16 ? 2 : 4;
    }

    /**
     * Writes shards of {@code documents} and opens them. Shards that lie in {@code directory} already and have the same
     * {@linkplain ShardConfig#key key} are opened as they are; others are replaced.
     *
     * @param totalBytes of the texts, for progress; 0 when unknown
     */
    public static TokenShards write(Stream<Document> documents, long totalBytes, Tokenizer tokenizer, ShardConfig config, Path directory,
            Progress progress) {
        if (TokenShards.isCurrent(directory, config.key(tokenizer))) {
            return TokenShards.open(directory);
        }
        return write(tokenizer, config, directory, writer -> writer.encode(documents.iterator(), totalBytes, progress));
    }

    /**
     * Writes shards of documents that were encoded elsewhere, files of {@link EncodedDocuments} one behind the other, and opens them: the same shards as
     * {@link #write} makes of the documents.
     */
    public static TokenShards assemble(List<Path> encoded, long totalBytes, Tokenizer tokenizer, ShardConfig config, Path directory, Progress progress) {
        return write(tokenizer, config, directory, writer -> {
            for (Path part : encoded) {
                try (var in = new DataInputStream(new BufferedInputStream(Files.newInputStream(part), 1 << 16))) {
                    EncodedDocuments some;
                    while ((some = EncodedDocuments.read(in)) != null) {
                        writer.append(some);
                        progress.at("shards", writer.bytes, totalBytes, "bytes");
                    }
                }
            }
        });
    }

    /** Gives a writer its documents. */
    private interface Content {
        void writeTo(ShardWriter writer) throws IOException;
    }

    private static TokenShards write(Tokenizer tokenizer, ShardConfig config, Path directory, Content content) {
        var writer = new ShardWriter(tokenizer, config, directory);
        try {
            Files.createDirectories(directory);
            writer.clear();
            content.writeTo(writer);
            writer.closeFile();
            writer.writeIndex();
        } catch (IOException e) {
            throw new UncheckedIOException("writing token shards to " + directory + " failed: " + e.getMessage(), e);
        } finally {
            if (writer.file != null) {
                writer.file.close();
            }
        }
        return TokenShards.open(directory);
    }

    private void encode(Iterator<Document> documents, long totalBytes, Progress progress) throws IOException {
        try (var encoder = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("tokenise").factory())) {
            Future<EncodedDocuments> ahead = null;
            while (documents.hasNext()) {
                List<String> batch = batch(documents);
                Future<EncodedDocuments> next = encoder.submit(() -> EncodedDocuments.of(batch, tokenizer));
                if (ahead != null) {
                    append(ahead);
                    progress.at("tokenise", bytes, totalBytes, "bytes");
                }
                ahead = next;
            }
            if (ahead != null) {
                append(ahead);
                progress.at("tokenise", bytes, totalBytes, "bytes");
            }
        }
    }

    private static List<String> batch(Iterator<Document> documents) {
        var texts = new ArrayList<String>();
        for (long characters = 0; documents.hasNext() && characters < BATCH_CHARACTERS;) {
            String text = documents.next().text();
            texts.add(text);
            characters += text.length();
        }
        return texts;
    }

    private void append(Future<EncodedDocuments> encoded) throws IOException {
        try {
            append(encoded.get());
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException runtime ? runtime : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    private void append(EncodedDocuments batch) throws IOException {
        for (int i = 0; i < batch.ids().size(); i++) {
            append(batch.ids().get(i), batch.bytes()[i]);
        }
    }

    private void append(int[] ids, int textBytes) throws IOException {
        int length = ids.length + (bos >= 0 ? 1 : 0) + (eos >= 0 ? 1 : 0);
        if (length == 0) {
            return;
        }
        if (file != null && file.tokens() + length > config.tokensPerShard()) {
            closeFile();
        }
        if (file == null) {
            file = new ShardFile(directory.resolve("tokens-%05d.bin".formatted(files.size())), tokenBytes);
        }
        file.begin(textBytes);
        if (bos >= 0) {
            file.token(bos);
        }
        for (int id : ids) {
            if (id < 0 || id >= tokenizer.vocabSize()) {
                throw new IllegalArgumentException("the tokenizer gave id " + id + " outside its vocabulary of " + tokenizer.vocabSize());
            }
            file.token(id);
        }
        if (eos >= 0) {
            file.token(eos);
        }
        documents++;
        tokens += length;
        bytes += textBytes;
    }

    private void closeFile() throws IOException {
        if (file != null) {
            files.add(file.finish());
            file = null;
        }
    }

    /** Old shards go, the index first, so that no moment shows a mixture as whole. */
    private void clear() throws IOException {
        Files.deleteIfExists(directory.resolve(ShardIndex.NAME));
        try (var old = Files.newDirectoryStream(directory, "tokens-*.bin*")) {
            for (Path path : old) {
                Files.delete(path);
            }
        }
    }

    private void writeIndex() throws IOException {
        var index = new ShardIndex(ShardIndex.FORMAT, config.key(tokenizer), config.tokenizerHash(), config.contentHash(),
                tokenizer.vocabSize(), bos, eos, documents, tokens, bytes, List.copyOf(files));
        AtomicFile.writeBytes(directory.resolve(ShardIndex.NAME), new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(index));
    }
}
