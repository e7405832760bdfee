package dev.zhulong.data.tune;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Files of rows for tests. */
final class RowFiles {
    private RowFiles() { }

    /** Reads lines as a file of that name. */
    static Examples read(Path directory, String name, String... lines) {
        return ExampleReader.read(DataSource.of(file(directory, name, lines)));
    }

    static Path file(Path directory, String name, String... lines) {
        try {
            return Files.writeString(directory.resolve(name), String.join("\n", lines) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The examples alone. */
    static List<Example> examples(Examples read) {
        return read.examples().stream().map(ExampleRow::example).toList();
    }

    /** Refusals as reason to count. */
    static Map<String, Long> refused(Examples read) {
        var counts = new TreeMap<String, Long>();
        read.report().refused().forEach((reason, tally) -> counts.put(reason, tally.count()));
        return counts;
    }
}
