package dev.zhulong.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Checkpoints of a run: {@code checkpoints/step-00000120/}, each a whole directory that appears by one rename once every byte of it is on
 * the disk, with a checksum of each file. What is written is what was there when it was begun; training goes on meanwhile. The newest few that check out are kept; one that does not is passed over for the one before, and
 * deleted with the next that is written.
 */
public final class Checkpoints {
    private static final String PREFIX = "step-";
    private static final String HALF = ".unfinished";
    private static final String CHECKSUMS = "checksums.json";
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private final Path directory;
    private final int keep;
    /** Those found whole, with their files' sizes and times: what has not been touched since is not read again. */
    private final Map<Path, String> whole = new ConcurrentHashMap<>();
    private final Executor writer;
    private CompletableFuture<Void> underWay = CompletableFuture.completedFuture(null);

    /**
     * Reads the weights of a checkpoint, one after another, as F32.
     *
     * @throws TrainingStopped if it holds another model than {@code spec}
     */
    static void weights(Path checkpoint, NetworkSpec spec, BiConsumer<Parameter, Tensor> into) {
        try {
            NetworkFiles.read(checkpoint, spec, into);
        } catch (FormatException e) {
            throw new TrainingStopped(e.getMessage() + ": choose another run directory");
        }
    }

    /**
     * @param directory the run's {@code checkpoints}
     * @param keep      how many of the newest stay; at least 1
     */
    public Checkpoints(Path directory, int keep) {
        this(directory, keep, task -> Thread.ofPlatform().daemon().name("checkpoint").start(task));
    }

    /** @param writer runs what makes a checkpoint of what was taken */
    Checkpoints(Path directory, int keep, Executor writer) {
        if (keep < 1) {
            throw new IllegalArgumentException("keep at least one checkpoint, asked for " + keep);
        }
        this.directory = directory;
        this.keep = keep;
        this.writer = writer;
    }

    /**
     * Takes a checkpoint after {@code step} steps and returns; it is forced to disk, and found by its name, while the caller goes on. One before is waited for.
     *
     * @param content fills the directory it is given with what is there now
     */
    public void begin(long step, Consumer<Path> content) {
        await();
        Path half = fill(step, content);
        underWay = CompletableFuture.runAsync(() -> finish(step, half), writer);
    }

    /** @throws UncheckedIOException if what was begun has ended without a checkpoint */
    public void check() {
        if (underWay.isDone()) {
            await();
        }
    }

    /**
     * Returns once what was begun is a checkpoint.
     *
     * @throws UncheckedIOException if it cannot become one
     */
    public void await() {
        CompletableFuture<Void> begun = underWay;
        underWay = CompletableFuture.completedFuture(null);
        try {
            begun.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** Waits for what was begun, but no longer than this, and whatever came of it. */
    void await(Duration most) {
        try {
            underWay.get(most.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            // it is half, and the next to start removes it
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Writes a checkpoint after {@code step} steps; {@code content} fills the directory it is given. */
    public Path write(long step, Consumer<Path> content) {
        begin(step, content);
        await();
        return directory.resolve(name(step));
    }

    private static String name(long step) {
        return PREFIX + "%08d".formatted(step);
    }

    private Path fill(long step, Consumer<Path> content) {
        try {
            Files.createDirectories(directory);
            Path half = directory.resolve(name(step) + HALF);
            FileTree.delete(half);
            Files.createDirectory(half);
            AtomicFile.together(() -> content.accept(half));
            return half;
        } catch (IOException e) {
            throw cannot(step, e);
        }
    }

    private UncheckedIOException cannot(long step, IOException e) {
        return new UncheckedIOException("cannot write checkpoint " + step + " in " + directory, e);
    }

    private void finish(long step, Path half) {
        try {
            Path target = directory.resolve(name(step));
            Map<String, String> sums = new LinkedHashMap<>();
            for (Path file : files(half)) {
                AtomicFile.force(file);
                sums.put(file.getFileName().toString(), ContentHash.ofFile(file).sha256());
            }
            AtomicFile.writeString(half.resolve(CHECKSUMS), JSON.writeValueAsString(sums) + "\n");
            // a run that resumed before this step writes it again
            FileTree.delete(target);
            Files.move(half, target, StandardCopyOption.ATOMIC_MOVE);
            AtomicFile.force(directory);
            whole.put(target, stamp(target));
            rotate(target);
        } catch (IOException e) {
            throw cannot(step, e);
        }
    }

    /**
     * The newest checkpoint whose files are all as they were written; what is broken is reported and passed over, and what a kill left half written
     * or half deleted is removed.
     */
    public Optional<Path> newest(Consumer<String> report) {
        removeHalves();
        List<Path> all = list();
        for (int i = all.size() - 1; i >= 0; i--) {
            String fault = fault(all.get(i));
            if (fault == null) {
                remember(all.get(i));
                return Optional.of(all.get(i));
            }
            report.accept("checkpoint " + all.get(i).getFileName() + " is passed over: " + fault);
        }
        return Optional.empty();
    }

    /** Steps done when {@code checkpoint} was written. */
    public static long step(Path checkpoint) {
        return Long.parseLong(checkpoint.getFileName().toString().substring(PREFIX.length()));
    }

    private static String fault(Path checkpoint) {
        try {
            Map<?, ?> sums = JSON.readValue(checkpoint.resolve(CHECKSUMS).toFile(), Map.class);
            if (sums == null || sums.isEmpty()) {
                return "it is empty";
            }
            for (var entry : sums.entrySet()) {
                Path file = checkpoint.resolve((String) entry.getKey());
                if (!Files.isRegularFile(file)) {
                    return file.getFileName() + " is missing";
                }
                if (!ContentHash.ofFile(file).sha256().equals(entry.getValue())) {
                    return file.getFileName() + " does not have its checksum";
                }
            }
            return null;
        } catch (UncheckedIOException e) {
            return e.getMessage();
        } catch (JsonProcessingException e) {
            return CHECKSUMS + " is not readable";
        } catch (IOException e) {
            return CHECKSUMS + " is missing";
        }
    }

    private List<Path> list() {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.filter(p -> p.getFileName().toString().matches(PREFIX + "[0-9]{8,}"))
                    .sorted(Comparator.comparingLong(Checkpoints::step))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Keeps {@code written} and the newest of the others that are whole. */
    private void rotate(Path written) throws IOException {
        int kept = 1;
        for (Path checkpoint : list().reversed()) {
            if (checkpoint.equals(written)) {
                continue;
            }
            if (kept < keep && isWhole(checkpoint)) {
                kept++;
                continue;
            }
            // renamed first: a directory half deleted must not look like a checkpoint
            Path gone = directory.resolve(checkpoint.getFileName() + HALF);
            FileTree.delete(gone);
            Files.move(checkpoint, gone, StandardCopyOption.ATOMIC_MOVE);
            FileTree.delete(gone);
        }
    }

    private boolean isWhole(Path checkpoint) throws IOException {
        String stamp = stamp(checkpoint);
        if (!stamp.equals(whole.get(checkpoint))) {
            if (fault(checkpoint) != null) {
                return false;
            }
            whole.put(checkpoint, stamp);
        }
        return true;
    }

    /** Spares {@link #rotate} another reading of what was found whole just now. */
    private void remember(Path checkpoint) {
        try {
            whole.put(checkpoint, stamp(checkpoint));
        } catch (IOException e) {
            // then it is read again
        }
    }

    /** Names, sizes and times of the files. */
    private static String stamp(Path checkpoint) throws IOException {
        var stamp = new StringBuilder();
        for (Path file : Files.isDirectory(checkpoint) ? files(checkpoint) : List.<Path>of()) {
            stamp.append(file.getFileName()).append(' ').append(Files.size(file)).append(' ').append(Files.getLastModifiedTime(file)).append('\n');
        }
        return stamp.toString();
    }

    private void removeHalves() {
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> entries = Files.list(directory)) {
            for (Path half : entries.filter(p -> p.getFileName().toString().matches(PREFIX + "[0-9]{8,}" + Pattern.quote(HALF))).toList()) {
                FileTree.delete(half);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return new ArrayList<>(entries.filter(Files::isRegularFile).sorted().toList());
        }
    }
}
