package dev.zhulong.evaluate.task;

import dev.zhulong.formats.yaml.RecipeReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Tasks by the names people give: those that come with Zhulong, and the user's own YAML files. */
public final class Tasks {
    private static final List<String> BUILT_IN = List.of("mmlu", "cmmlu", "gsm8k", "squad", "cmrc2018", "crows-pairs", "wikitext", "java");

    /** Those whose rows come along, and the file. */
    private static final Map<String, String> WITH_ROWS = Map.of("java", "java.jsonl");

    private Tasks() {}

    /**
     * A task and where its files are looked for.
     *
     * @param home the directory of its YAML file; empty for one that comes with Zhulong but whose rows the user has
     */
    public record Found(TaskSpec spec, Optional<Path> home) {}

    /**
     * The tasks that {@code names} stand for, in their order: a built-in's name, a YAML file, or a directory of YAML files.
     *
     * @throws IllegalArgumentException if there is no such task, or two have one name
     */
    public static List<Found> find(List<String> names) {
        Map<String, Found> found = new LinkedHashMap<>();
        for (String name : names) {
            for (Found task : one(name)) {
                if (found.putIfAbsent(task.spec().name(), task) != null) {
                    throw new IllegalArgumentException("two tasks are called '" + task.spec().name() + "'");
                }
            }
        }
        return List.copyOf(found.values());
    }

    private static List<Found> one(String name) {
        if (BUILT_IN.contains(name)) {
            return List.of(new Found(RecipeReader.read(text(name), name + ".yaml", TaskSpec.class, List.of()), rows(name)));
        }
        Path path = Path.of(name);
        if (Files.isDirectory(path)) {
            List<Found> all = new ArrayList<>();
            try (Stream<Path> files = Files.list(path)) {
                files.filter(file -> file.toString().matches(".*\\.ya?ml")).sorted().forEach(file -> all.add(read(file)));
            } catch (IOException e) {
                throw new UncheckedIOException(path + ": cannot be read: " + e.getMessage(), e);
            }
            if (all.isEmpty()) {
                throw new IllegalArgumentException(path + " holds no task: expected .yaml files");
            }
            return all;
        }
        if (Files.isRegularFile(path)) {
            return List.of(read(path));
        }
        throw new IllegalArgumentException("no task '" + name + "': there are " + String.join(", ", BUILT_IN)
                + ", or name a YAML file of your own (docs/evaluation.md)");
    }

    /** A directory with the rows that come along, for as long as this process lives. */
    private static Optional<Path> rows(String name) {
        if (!WITH_ROWS.containsKey(name)) {
            return Optional.empty();
        }
        try (InputStream in = Tasks.class.getResourceAsStream(WITH_ROWS.get(name))) {
            Path directory = Files.createTempDirectory("zhulong-task");
            Path file = directory.resolve(WITH_ROWS.get(name));
            Files.copy(in, file);
            // in the opposite order
            directory.toFile().deleteOnExit();
            file.toFile().deleteOnExit();
            return Optional.of(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Found read(Path file) {
        return new Found(RecipeReader.read(file, TaskSpec.class, List.of()), Optional.of(file.toAbsolutePath().getParent()));
    }

    private static String text(String name) {
        try (InputStream in = Tasks.class.getResourceAsStream(name + ".yaml")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
