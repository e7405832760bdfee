package dev.zhulong.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.node.IntNode;
import com.github.luben.zstd.ZstdInputStream;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.JsonFields;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Documents on disk, streamed again as often as needed. A directory with {@code documents.jsonl.zst} (one object {@code {"id", "text"}} a
 * line, UTF-8, any number of zstd frames) and {@code store.json} ({@code format}, {@code documents}, {@code bytes}, {@code contentHash}).
 *
 * @param directory   where it lies
 * @param count       documents
 * @param bytes       of all texts in UTF-8
 * @param contentHash SHA-256 over ids and texts in their order, in hexadecimal
 */
public record DocumentStore(Path directory, long count, long bytes, String contentHash) {
    static final String DOCUMENTS = "documents.jsonl.zst";
    static final String INDEX = "store.json";
    static final int FORMAT = 1;
    private static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build()).build();

    /** Opens a store that was written whole; a partly written or foreign directory is an error that says so. */
    public static DocumentStore open(Path directory) {
        Path index = directory.resolve(INDEX);
        if (!Files.isRegularFile(index) || !Files.isRegularFile(directory.resolve(DOCUMENTS))) {
            throw new IllegalArgumentException(directory + " is not a document store: it needs " + INDEX + " and " + DOCUMENTS
                    + "; was cleaning interrupted? Run it again");
        }
        JsonFields json = JsonFields.read(index);
        if (!json.node("format").equals(IntNode.valueOf(FORMAT))) {
            throw new IllegalArgumentException(index + ": expected format " + FORMAT + ", found " + json.node("format") + "; clean again");
        }
        return new DocumentStore(directory, json.whole("documents"), json.whole("bytes"), json.string("contentHash"));
    }

    /** All documents in their order, one in memory at a time. Close the stream when it is not read to its end. */
    public Stream<Document> documents() {
        try {
            var parser = JSON.createParser(
                    new BufferedInputStream(new ZstdInputStream(Files.newInputStream(directory.resolve(DOCUMENTS))), 1 << 16));
            var iterator = new Rows(parser);
            return StreamSupport.stream(Spliterators.spliterator(iterator, count, Spliterator.ORDERED | Spliterator.NONNULL), false)
                    .onClose(iterator::close);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** One JSON line. */
    static Document parse(byte[] line, int offset, int length) throws IOException {
        try (JsonParser parser = JSON.createParser(line, offset, length)) {
            return next(parser);
        }
    }

    private static Document next(JsonParser parser) throws IOException {
        String id = null;
        String text = null;
        if (parser.nextToken() == JsonToken.START_OBJECT) {
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                String value = parser.nextTextValue();
                id = name.equals("id") ? value : id;
                text = name.equals("text") ? value : text;
            }
        }
        if (id == null || text == null) {
            throw new IOException("expected an object with id and text, found something else or the end");
        }
        return new Document(id, text);
    }

    private final class Rows implements Iterator<Document> {
        private final JsonParser parser;
        private long given;

        Rows(JsonParser parser) {
            this.parser = parser;
        }

        @Override
        public boolean hasNext() {
            if (given == count) {
                close();
            }
            return given < count;
        }

        @Override
        public Document next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            try {
                Document document = DocumentStore.next(parser);
                given++;
                return document;
            } catch (IOException e) {
                close();
                throw new UncheckedIOException(directory.resolve(DOCUMENTS) + " is damaged at document " + given + " of " + count + "; clean again", e);
            }
        }

        void close() {
            try {
                parser.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
