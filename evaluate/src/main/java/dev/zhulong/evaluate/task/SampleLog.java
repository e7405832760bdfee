package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.ContentHash;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/**
 * What became of each row of a task under one model, a JSON object a line, written as the rows are done: an interrupted evaluation goes on
 * where it was, and a finished one is not done again.
 *
 * <p>The file's name holds a hash of everything an outcome depends on (model, adapter, template, task, rows, version), and its first line that
 * key in full: another model or another task never meets these outcomes.
 */
final class SampleLog implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final RandomAccessFile out;
    private final Map<String, ObjectNode> kept = new LinkedHashMap<>();

    private SampleLog(Path file, RandomAccessFile out) {
        this.file = file;
        this.out = out;
    }

    /** Hash of a key, as it stands in file names and reports. */
    static String hash(SortedMap<String, String> key) {
        return ContentHash.ofBytes(JSON.valueToTree(key).toString().getBytes(StandardCharsets.UTF_8)).sha256().substring(0, 12);
    }

    /** The log of {@code task} under {@code key}, with the outcomes it holds already. */
    static SampleLog open(Path directory, String task, SortedMap<String, String> key) {
        Path file = directory.resolve(task + "-" + hash(key) + ".jsonl");
        try {
            Files.createDirectories(directory);
            var log = new SampleLog(file, new RandomAccessFile(file.toFile(), "rw"));
            log.recover(JSON.createObjectNode().set("key", JSON.valueToTree(key)));
            return log;
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
        }
    }

    /** Reads whole lines; what follows them was being written when the power went, and is cut off. */
    private void recover(JsonNode head) throws IOException {
        long good = 0;
        int number = 0;
        byte[] all = Files.readAllBytes(file);
        for (int from = 0; from < all.length; ) {
            int end = from;
            while (end < all.length && all[end] != '\n') {
                end++;
            }
            Optional<ObjectNode> line = end == all.length ? Optional.empty() : object(new String(all, from, end - from, StandardCharsets.UTF_8));
            if (line.isEmpty() || number == 0 && !line.get().equals(head)) {
                break;
            }
            if (number++ > 0) {
                kept.put(line.get().path("id").asText(), line.get());
            }
            from = end + 1;
            good = from;
        }
        out.setLength(good);
        out.seek(good);
        if (good == 0) {
            out.write((head + "\n").getBytes(StandardCharsets.UTF_8));
        }
    }

    private static Optional<ObjectNode> object(String line) {
        try {
            return JSON.readTree(line) instanceof ObjectNode object ? Optional.of(object) : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    Path file() {
        return file;
    }

    /** The outcome of a row, if it was done. */
    Optional<ObjectNode> outcome(String id) {
        return Optional.ofNullable(kept.get(id));
    }

    void add(ObjectNode outcome) {
        try {
            out.write((outcome + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
        }
    }

    /** Outcomes of a log, in its order; empty where the file is missing. */
    static Map<String, ObjectNode> read(Path file) {
        Map<String, ObjectNode> all = new LinkedHashMap<>();
        if (!Files.isRegularFile(file)) {
            return all;
        }
        try {
            Files.readAllLines(file).stream().skip(1).forEach(line -> object(line).ifPresent(o -> all.put(o.path("id").asText(), o)));
            return all;
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        try {
            out.close();
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
        }
    }
}
