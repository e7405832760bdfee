package dev.zhulong.train.log;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.zhulong.formats.AtomicFile;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A run's {@code metrics.jsonl}: one JSON object a line, appended and handed to the operating system a line at a time.
 *
 * <pre>{@code
 * try (var log = MetricsLog.open(run.resolve("metrics.jsonl"))) {
 *     var line = new LinkedHashMap<String, Object>();
 *     line.put("step", 10);
 *     line.put("loss", 3.21);
 *     log.append(line);
 * }
 * }</pre>
 *
 * <p>Every line has a whole number {@code step}; fields keep the order they were given in. NaN and infinities, which JSON has no
 * numbers for, are written as the strings {@code "NaN"}, {@code "Infinity"} and {@code "-Infinity"}; {@link #number} reads them back.
 * All lines about step k must be appended before the checkpoint of step k is made, since {@link #resume} keeps them and the resumed
 * run starts behind them. Not for several threads.
 */
public final class MetricsLog implements AutoCloseable {

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();
    private static final TypeReference<Map<String, Object>> LINE = new TypeReference<>() {};

    private final Path file;
    private final FileChannel channel;

    private MetricsLog(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Starts the log of a new run.
     *
     * @throws UncheckedIOException if the file exists already or can't be made
     */
    public static MetricsLog open(Path file) {
        try {
            return new MetricsLog(file, FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        } catch (IOException e) {
            throw new UncheckedIOException("can't start " + file + " (a run directory holds one run; resume it or choose another)", e);
        }
    }

    /**
     * Goes on behind the lines of steps {@code <= lastStep}. Lines of later steps, and a last line that a killed process left without
     * its line end, are taken out; the file is replaced in one rename, so that a second kill leaves the old or the new one. A file
     * that doesn't exist is started.
     *
     * @param lastStep step of the checkpoint the run resumes from
     * @throws IllegalArgumentException if a whole line is not a JSON object with a step; names file and line
     */
    public static MetricsLog resume(Path file, long lastStep) {
        try {
            AtomicFile.removeLeftovers(file.toAbsolutePath().getParent());
            // what an earlier version left there
            Files.deleteIfExists(file.resolveSibling(file.getFileName() + ".tmp"));
            if (Files.exists(file)) {
                keepThrough(file, lastStep);
            }
            return new MetricsLog(file, FileChannel.open(file,
                    StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND));
        } catch (IOException e) {
            throw new UncheckedIOException("can't resume " + file, e);
        }
    }

    /** Appends one line. */
    public void append(Map<String, ?> line) {
        step(line, file + ": a line of metrics");
        try {
            ByteBuffer bytes = ByteBuffer.wrap((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("can't write to " + file, e);
        }
    }

    /** Waits until all lines are on the disk itself; call it with each checkpoint to survive a loss of power too. */
    public void force() {
        try {
            channel.force(false);
        } catch (IOException e) {
            throw new UncheckedIOException("can't write to " + file, e);
        }
    }

    @Override
    public void close() {
        try (channel) {
            channel.force(false);
        } catch (IOException e) {
            throw new UncheckedIOException("can't write to " + file, e);
        }
    }

    /**
     * All whole lines, in the file's order; a last line without its line end (the run may be writing it) is left out.
     *
     * @throws IllegalArgumentException if a whole line is not a JSON object with a step; names file and line
     */
    public static List<Map<String, Object>> read(Path file) {
        List<Map<String, Object>> lines = new ArrayList<>();
        try {
            eachLine(file, (line, bytes) -> lines.add(line));
        } catch (IOException e) {
            throw new UncheckedIOException("can't read " + file, e);
        }
        return lines;
    }

    /** A field as a number; NaN where the line doesn't have it or it is not a number. */
    public static double number(Map<String, ?> line, String field) {
        return switch (line.get(field)) {
            case Number number -> number.doubleValue();
            case String s when s.equals("Infinity") -> Double.POSITIVE_INFINITY;
            case String s when s.equals("-Infinity") -> Double.NEGATIVE_INFINITY;
            case null, default -> Double.NaN;
        };
    }

    private interface LineVisitor {
        /** @param bytes the line as it stands in the file, without its line end */
        void line(Map<String, Object> line, byte[] bytes) throws IOException;
    }

    private static void keepThrough(Path file, long lastStep) {
        AtomicFile.writeStream(file, stream -> eachLine(file, (line, bytes) -> {
            if (step(line, file.toString()) <= lastStep) {
                stream.write(bytes);
                stream.write('\n');
            }
        }));
    }

    private static void eachLine(Path file, LineVisitor visitor) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            long number = 1;
            for (int b = in.read(); b >= 0; b = in.read()) {
                if (b != '\n') {
                    line.write(b);
                    continue;
                }
                visitor.line(parse(line.toByteArray(), file + ":" + number), line.toByteArray());
                line.reset();
                number++;
            }
        }
    }

    private static Map<String, Object> parse(byte[] bytes, String place) throws IOException {
        Map<String, Object> line;
        try {
            line = JSON.readValue(bytes, LINE);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(place + ": expected one JSON object, found something else ("
                    + e.getOriginalMessage().lines().findFirst().orElse("") + "); remove this line to continue", e);
        }
        if (line == null) {
            throw new IllegalArgumentException(place + ": expected one JSON object, found null; remove this line to continue");
        }
        step(line, place);
        return line;
    }

    private static long step(Map<String, ?> line, String place) {
        return switch (line.get("step")) {
            case Integer step -> step;
            case Long step -> step;
            case null, default -> throw new IllegalArgumentException(
                    place + " needs a whole number \"step\", found " + line.get("step"));
        };
    }
}
