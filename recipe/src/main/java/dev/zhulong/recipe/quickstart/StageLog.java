package dev.zhulong.recipe.quickstart;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.Visible;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;

/** Which stages of a run are finished, how long they took, and the messages that say so. Kept in {@code stages.json}. */
final class StageLog {
    static final String FILE = "stages.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * A finished stage.
     *
     * @param seconds of the start that finished it
     * @param start   which start of the run that was, from 1
     */
    record Stage(String name, double seconds, int start) {}

    /** The file. */
    record Content(int starts, List<Stage> stages) {}

    private final Path file;
    private final Progress progress;
    private final int start;
    private final List<Stage> stages;

    StageLog(Path directory, Progress progress) {
        this.file = directory.resolve(FILE);
        this.progress = progress;
        Content before = read();
        start = before.starts() + 1;
        stages = new ArrayList<>(before.stages());
        write();
    }

    /** How often the run was started, this time included. */
    int starts() {
        return start;
    }

    List<Stage> stages() {
        return List.copyOf(stages);
    }

    boolean finished(String name) {
        return find(name).isPresent();
    }

    private Optional<Stage> find(String name) {
        return stages.stream().filter(s -> s.name().equals(name)).findFirst();
    }

    /** Does {@code work}, or {@code reopen} where an earlier start has finished it. */
    <T> T run(String name, Supplier<T> work, Supplier<T> reopen) {
        Optional<Stage> before = find(name);
        if (before.isPresent()) {
            message("%-10s kept from start %d of this run", name, before.get().start());
            return reopen.get();
        }
        message("%-10s ...", name);
        long began = System.nanoTime();
        T result = work.get();
        double seconds = (System.nanoTime() - began) / 1e9;
        stages.add(new Stage(name, Math.round(seconds * 1000) / 1000.0, start));
        write();
        message("%-10s %s", name, ProgressLine.duration(seconds));
        return result;
    }

    /** A line that stays. */
    void message(String format, Object... values) {
        progress.message(Visible.text(values.length == 0 ? format : String.format(Locale.ROOT, format, values)));
    }

    private Content read() {
        if (!Files.exists(file)) {
            return new Content(0, List.of());
        }
        try {
            return JSON.readValue(Files.readAllBytes(file), Content.class);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + " is not the stage log of a quickstart: delete it to do all stages again", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }

    private void write() {
        JsonFile.write(file, new Content(start, stages));
    }
}
