package dev.zhulong.evaluate.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.task.TaskResult;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A directory of results: {@code results.json} (an entry a model and task, the newest of each), {@code report.html} and the outcomes of all
 * rows in {@code samples}. Every evaluation that names the directory adds its models to those that are there, so that they stand side by side.
 */
public final class EvaluationReport {
    public static final String RESULTS = "results.json";
    public static final String PAGE = "report.html";
    private static final String SAMPLES = "samples";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path directory;
    private final List<ObjectNode> entries;

    private EvaluationReport(Path directory, List<ObjectNode> entries) {
        this.directory = directory;
        this.entries = entries;
    }

    /**
     * The report in a directory, empty where there is none yet.
     *
     * @throws IllegalArgumentException where the directory holds something else
     */
    public static EvaluationReport open(Path directory) {
        Path file = directory.resolve(RESULTS);
        List<ObjectNode> entries = new ArrayList<>();
        try {
            if (Files.isRegularFile(file)) {
                for (JsonNode entry : JSON.readTree(file.toFile())) {
                    if (!(entry instanceof ObjectNode object) || !object.has("task") || !object.has("model")) {
                        throw new IllegalArgumentException(file + " holds no results of zhulong evaluate; choose another --report");
                    }
                    entries.add(object);
                }
            }
            return new EvaluationReport(directory, entries);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + " holds no results of zhulong evaluate (malformed JSON); choose another --report", e);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** Where the outcomes of rows are kept. */
    public static Path samples(Path directory) {
        return directory.resolve(SAMPLES);
    }

    /** Takes a result in, in the place of an older one of this model and task, and writes the files. */
    public void add(TaskResult result) {
        ObjectNode entry = result.json();
        int at = -1;
        for (int i = 0; i < entries.size(); i++) {
            boolean same = entries.get(i).get("task").equals(entry.get("task")) && entries.get(i).get("model").equals(entry.get("model"));
            at = same ? i : at;
        }
        if (at < 0) {
            entries.add(entry);
        } else {
            entries.set(at, entry);
        }
        try {
            Files.createDirectories(directory);
            JsonFile.write(directory.resolve(RESULTS), entries);
        } catch (IOException e) {
            throw new UncheckedIOException(directory + ": cannot be written: " + e.getMessage(), e);
        }
        AtomicFile.writeString(directory.resolve(PAGE), new ReportPage(entries, samples(directory)).html());
    }

    /** Comparisons of every model with the first, task by task; a line each. */
    public List<String> comparisons() {
        return Comparison.all(entries, samples(directory)).stream().map(Comparison::text).toList();
    }
}
