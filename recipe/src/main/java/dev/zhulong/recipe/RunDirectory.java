package dev.zhulong.recipe;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.LockFile;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.yaml.RecipeException;
import dev.zhulong.formats.yaml.RecipeReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.YAMLException;

/** A run's directory, held by one process at a time: its recipe is written first and never changes, but for the device of a start. */
public final class RunDirectory implements AutoCloseable {
    /** The recipe that runs, defaults and all. */
    public static final String RECIPE = "recipe.yaml";
    /** What is prepared from text lies in here. */
    static final String DATA = "data";
    private static final String LOCK = ".lock";

    private final Path path;
    private final LockFile lock;
    private final boolean begun;

    private RunDirectory(Path path, LockFile lock, boolean begun) {
        this.path = path;
        this.lock = lock;
        this.begun = begun;
    }

    /**
     * Starts a run, or opens the one that is there with the same recipe.
     *
     * @throws IllegalArgumentException if the directory holds something else, another recipe's run (naming the first field that differs),
     *     or a run that another process works on
     */
    public static RunDirectory open(Path path, Record recipe) {
        String yaml = RecipeReader.toYaml(recipe);
        try {
            if (Files.exists(path) && !Files.isDirectory(path)) {
                throw new IllegalArgumentException(path + " is a file: name a directory that is empty or does not exist yet");
            }
            Files.createDirectories(path);
            Path file = path.resolve(RECIPE);
            boolean begun = Files.exists(file);
            if (!begun) {
                requireEmpty(path);
            }
            RunDirectory run = new RunDirectory(path, lock(path), begun);
            try {
                if (begun) {
                    requireSame(path, whole(path, recipe), tree(yaml));
                } else {
                    AtomicFile.writeString(file, yaml);
                }
                AtomicFile.removeLeftovers(path);
                return run;
            } catch (RuntimeException e) {
                run.close();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(path + " can't be used for a run: " + e.getMessage(), e);
        }
    }

    /** The recipe of the run in {@code path}. */
    public static <T extends Record> T recipe(Path path, Class<T> type) {
        Path file = path.resolve(RECIPE);
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(path + " holds no run: it has no " + RECIPE
                    + (Files.isDirectory(path) ? "" : " (there is no such directory)"));
        }
        return RecipeReader.read(file, type, List.of());
    }

    /** Where it lies. */
    public Path path() {
        return path;
    }

    /** Whether the run came to its end; its provenance is written last. */
    public boolean finished() {
        return finished(path);
    }

    /** Whether a run in {@code path} came to its end. */
    static boolean finished(Path path) {
        return Files.isRegularFile(path.resolve(RECIPE)) && Files.isRegularFile(path.resolve(Provenance.FILE));
    }

    /**
     * Takes the recipe back after a first start that its input made impossible, so that the corrected recipe may have the directory; what
     * was prepared stays, since each stage knows what it was made from. A run that was begun before keeps its recipe.
     */
    void withdraw() {
        if (!begun) {
            try {
                Files.deleteIfExists(path.resolve(RECIPE));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** A recipe as plain maps, lists, numbers and texts. */
    static Map<String, Object> tree(Record recipe) {
        return tree(RecipeReader.toYaml(recipe));
    }

    private static Map<String, Object> tree(String yaml) {
        return new Yaml(new SafeConstructor(new LoaderOptions())).load(yaml);
    }

    /** The recipe in a directory, whoever's it is. */
    static Map<String, Object> written(Path path) {
        Path file = path.resolve(RECIPE);
        try {
            Map<String, Object> found = tree(Files.readString(file));
            if (found != null) {
                return found;
            }
        } catch (YAMLException | ClassCastException e) {
            throw noRecipe(file, e);
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be read: " + e.getMessage(), e);
        }
        throw noRecipe(file, null);
    }

    /**
     * The recipe in a directory, its sections as this version writes them: numbers in the same form, and with the defaults of fields that are newer
     * than the run.
     */
    private static Map<String, Object> whole(Path path, Record recipe) {
        Map<String, Object> written = written(path);
        written.putIfAbsent(Kinds.FIELD, Kinds.of(written));
        try {
            Map<String, Object> read = tree(RecipeReader.read(path.resolve(RECIPE), recipe.getClass(), List.of()));
            written.replaceAll((field, value) -> value instanceof Map ? read.get(field) : value);
        } catch (RecipeException e) {
            // of another kind: the first difference says so
        }
        return written;
    }

    /** What the job of the run in a directory is called. */
    public static String kind(Path path) {
        return Kinds.of(written(path));
    }

    /** Keeps the recipe of a run whose directory is held; it never changes. */
    public void keep(Record recipe) {
        if (!Files.exists(path.resolve(RECIPE))) {
            AtomicFile.writeString(path.resolve(RECIPE), RecipeReader.toYaml(recipe));
        }
    }

    /**
     * Writes what the models in a held directory are trained by, or compares: a directory belongs to one recipe.
     *
     * @throws IllegalArgumentException where the file is there and says something else
     */
    public void claim(String file, String content) {
        Path place = path.resolve(file);
        try {
            if (!Files.exists(place)) {
                AtomicFile.writeString(place, content);
            } else if (!Files.readString(place).equals(content)) {
                throw new IllegalArgumentException(path + " holds models of another recipe (" + file + "): continue that one, or choose another directory");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static IllegalArgumentException noRecipe(Path file, Exception why) {
        return new IllegalArgumentException(file + " is not the recipe of a run: name another directory", why);
    }

    /** Nothing, or what a start left whose recipe was withdrawn: the lock, and prepared data. */
    private static void requireEmpty(Path path) throws IOException {
        boolean ours = Files.exists(path.resolve(LOCK));
        try (var entries = Files.list(path)) {
            Optional<Path> other = entries.filter(p -> !AtomicFile.isLeftover(p) && !p.getFileName().toString().equals(LOCK)
                    && !(ours && p.getFileName().toString().equals(DATA))).sorted().findFirst();
            if (other.isPresent()) {
                throw new IllegalArgumentException(path + " contains something that is not a run (" + other.get().getFileName()
                        + "): name a directory that is empty or does not exist yet");
            }
        }
    }

    private static void requireSame(Path path, Map<String, Object> there, Map<String, Object> here) {
        there.remove(RunDevice.FIELD);
        here.remove(RunDevice.FIELD);
        firstDifference("", there, here).ifPresent(difference -> {
            throw new IllegalArgumentException(path + " holds a run of another recipe: " + difference
                    + "; name another directory, or continue that run: zhulong resume " + path);
        });
    }

    private static Optional<String> firstDifference(String field, Object there, Object here) {
        if (there instanceof Map<?, ?> a && here instanceof Map<?, ?> b) {
            Set<Object> keys = new LinkedHashSet<>(b.keySet());
            keys.addAll(a.keySet());
            for (Object key : keys) {
                String name = field.isEmpty() ? key.toString() : field + "." + key;
                Optional<String> found = firstDifference(name, a.get(key), b.get(key));
                if (found.isPresent()) {
                    return found;
                }
            }
            return Optional.empty();
        }
        return Objects.equals(there, here) ? Optional.empty() : Optional.of(field + " is " + there + " there and " + here + " here");
    }

    /** Holds a run directory that has no {@code recipe.yaml}; see {@link #open}. */
    public static RunDirectory hold(Path path, String marker) {
        try {
            if (Files.exists(path) && !Files.isDirectory(path)) {
                throw new IllegalArgumentException(path + " is a file: name a directory that is empty or does not exist yet");
            }
            Files.createDirectories(path);
            boolean begun = Files.exists(path.resolve(marker));
            if (!begun) {
                requireEmpty(path);
            }
            return new RunDirectory(path, lock(path), begun);
        } catch (IOException e) {
            throw new UncheckedIOException(path + " can't be used for a run: " + e.getMessage(), e);
        }
    }

    private static LockFile lock(Path path) {
        return LockFile.hold(path.resolve(LOCK), path + " is in use: another process works on this run");
    }

    /** Lets other processes have it; a killed process lets go by itself. */
    @Override
    public void close() {
        lock.close();
    }
}
