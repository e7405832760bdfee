package dev.zhulong.data.tune;

import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A file of fine-tuning data and how it is to be read.
 *
 * @param name      of the task, for scores of its own; the file's name without its endings if not given
 * @param path      of the rows: JSON Lines, JSON, CSV, TSV, Parquet or text
 * @param weight    share of the rows of a mixture, relative to the other sources'; see {@link Mixture}
 * @param layout    of the rows; detected from the first ones if not given
 * @param mapping   field to column where they differ, e.g. {@code prompt: question}; CSV columns given only by number have no header row
 * @param asChat    whether prompt and completion become a conversation of one turn, which goes through the chat template; false if not given
 * @param separator between a plain prompt and its completion; if not given nothing where the columns are called prompt and completion (they
 *                  are then taken to be written so as to be joined), a line break otherwise
 * @param heldOut   rows for evaluation instead of a share of {@code path}; of the same layout
 * @param metric    by which what is written to held-out prompts is scored, by its name in {@code zhulong score}; no answers are written if not given
 */
public record DataSource(String name, Path path, Optional<Double> weight, Optional<Layout> layout, Map<String, String> mapping,
        Optional<Boolean> asChat, Optional<String> separator, Optional<Path> heldOut, Optional<String> metric) {
    public DataSource {
        if (path == null) {
            throw new IllegalArgumentException("path: name the file that holds the rows");
        }
        if (name == null || name.isBlank()) {
            name = nameOf(path);
        }
        weight.ifPresent(w -> {
            if (!(w > 0) || w.isInfinite()) {
                throw new IllegalArgumentException("weight must be above 0, found " + w);
            }
        });
        mapping = Collections.unmodifiableMap(new TreeMap<>(mapping));
    }

    /** Without a metric. */
    public DataSource(String name, Path path, Optional<Double> weight, Optional<Layout> layout, Map<String, String> mapping, Optional<Boolean> asChat,
            Optional<String> separator, Optional<Path> heldOut) {
        this(name, path, weight, layout, mapping, asChat, separator, heldOut, Optional.empty());
    }

    /** A file read as it presents itself. */
    public static DataSource of(Path path) {
        return new DataSource(null, path, Optional.empty(), Optional.empty(), Map.of(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    /** The same with the layout fixed. */
    public DataSource withLayout(Layout other) {
        return new DataSource(name, path, weight, Optional.of(other), mapping, asChat, separator, heldOut, metric);
    }

    /** The same with fields in other columns. */
    public DataSource withMapping(Map<String, String> other) {
        return new DataSource(name, path, weight, layout, other, asChat, separator, heldOut, metric);
    }

    /** The same, prompts and completions through the chat template or not. */
    public DataSource withAsChat(boolean other) {
        return new DataSource(name, path, weight, layout, mapping, Optional.of(other), separator, heldOut, metric);
    }

    /** The same with another separator. */
    public DataSource withSeparator(String other) {
        return new DataSource(name, path, weight, layout, mapping, asChat, Optional.of(other), heldOut, metric);
    }

    /** The same with other rows for evaluation. */
    public DataSource withHeldOut(Path other) {
        return new DataSource(name, path, weight, layout, mapping, asChat, separator, Optional.of(other), metric);
    }

    /** The same in these proportions to others. */
    public DataSource withWeight(double other) {
        return new DataSource(name, path, Optional.of(other), layout, mapping, asChat, separator, heldOut, metric);
    }

    /** The same with paths that are not absolute taken from {@code directory} on. */
    public DataSource in(Path directory) {
        return new DataSource(name, directory.resolve(path), weight, layout, mapping, asChat, separator, heldOut.map(directory::resolve), metric);
    }

    /** The held-out file as a source of its own, under the same name. */
    public Optional<DataSource> heldOutSource() {
        return heldOut.map(file -> new DataSource(name, file, weight, layout, mapping, asChat, separator, Optional.empty(), metric));
    }

    private static String nameOf(Path path) {
        String file = path.getFileName() == null ? path.toString() : path.getFileName().toString();
        return file.replaceAll("(?i)(\\.(gz|zst|bz2))?$", "").replaceAll("\\.[A-Za-z]+$", "");
    }
}
