package dev.zhulong.infer.open;

import dev.zhulong.formats.ContentHash;
import dev.zhulong.text.TokenizerConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What tells a model with its adapter, as it is run here, from every other: everything that its numbers depend on but the threads.
 *
 * @param files   that decide what it says, by name
 * @param engine  that runs it, and in what precision
 * @param context most tokens of a sequence
 * @param cache   how keys and values are kept; empty where there is one way
 */
record ModelIdentity(SortedMap<String, Path> files, String engine, int context, String cache) {
    /** Weights and their index, configurations, and the files of the tokenizer and its template. */
    private static final Pattern READ = Pattern.compile(".*\\.safetensors(\\.index\\.json)?|.*config\\.json|.*\\.jinja|"
            + TokenizerConfig.FILES.stream().map(Pattern::quote).collect(Collectors.joining("|")));

    /** The files of a directory that decide what the model says, by their names after {@code prefix}. */
    static SortedMap<String, Path> filesIn(Path directory, String prefix) {
        try (Stream<Path> entries = Files.list(directory)) {
            var found = new TreeMap<String, Path>();
            entries.filter(file -> READ.matcher(file.getFileName().toString()).matches()).forEach(file -> found.put(prefix + file.getFileName(), file));
            return found;
        } catch (IOException e) {
            throw new UncheckedIOException(directory + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** From all bytes of the files. */
    SortedMap<String, String> whole() {
        var parts = new TreeMap<String, String>();
        files.forEach((name, file) -> parts.put(name, ContentHash.ofFile(file).sha256()));
        parts.put("engine", engine);
        parts.put("context", Integer.toString(context));
        if (!cache.isEmpty()) {
            parts.put("kv", cache);
        }
        return parts;
    }

    /** In a moment, on one line, from samples of the files: for what can be computed anew. */
    String quick() {
        var parts = new StringBuilder(engine);
        files.forEach((name, file) -> parts.append(' ').append(name).append(' ').append(ContentHash.ofSamples(file)));
        return parts.toString();
    }
}
