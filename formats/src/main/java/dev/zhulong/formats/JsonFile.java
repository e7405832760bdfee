package dev.zhulong.formats;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Small files of JSON that are Zhulong's own: written whole or not at all, indented, with a newline at the end. What others may have written is {@link JsonFields}'s to read. */
public final class JsonFile {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private JsonFile() {}

    /**
     * What {@link #write} writes.
     *
     * @param value a record, a map or a tree
     */
    public static String text(Object value) {
        try {
            return JSON.writeValueAsString(value) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not writable as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /** Writes the file, or replaces it, as {@link AtomicFile} does. */
    public static void write(Path file, Object value) {
        AtomicFile.writeString(file, text(value));
    }

    /**
     * Reads what {@link #write} wrote of a record.
     *
     * @throws UncheckedIOException where it cannot be read, or holds something else
     */
    public static <T> T read(Path file, Class<T> type) {
        try {
            return JSON.readValue(Files.readAllBytes(file), type);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }
}
