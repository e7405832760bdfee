package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 26: a checkpoint that is found has every byte it was written with. */
class CheckpointsAreWholeOrNotThereTest {
    private static final byte[] BYTES = new byte[1000];

    @TempDir
    Path directory;

    private Checkpoints checkpoints;
    private final List<String> said = new ArrayList<>();

    @BeforeEach
    void twoOfThem() {
        checkpoints = new Checkpoints(directory, 2);
        write(100);
        write(200);
    }

    @Test
    void theNewestIsFoundByNumberNotByName() {
        write(99_999_999);
        write(100_000_000);
        assertThat(newest()).isEqualTo(100_000_000);
        assertThat(said).isEmpty();
    }

    @Test
    void onlyTheNewestFewStay() {
        write(300);
        assertThat(directory).isDirectoryNotContaining("glob:**100").isDirectoryContaining("glob:**200").isDirectoryContaining("glob:**300");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 500, 999})
    void aTruncatedFileIsPassedOverAndToldOf(int length) throws IOException {
        Files.write(directory.resolve("step-00000200/weights"), java.util.Arrays.copyOf(BYTES, length));
        assertThat(newest()).isEqualTo(100);
        assertThat(said).singleElement().asString().contains("step-00000200", "weights");
    }

    @Test
    void aChangedByteIsSeen() throws IOException {
        byte[] changed = BYTES.clone();
        changed[700]++;
        Files.write(directory.resolve("step-00000200/weights"), changed);
        assertThat(newest()).isEqualTo(100);
    }

    @ParameterizedTest
    @ValueSource(strings = {"weights", "checksums.json"})
    void aMissingFileIsSeen(String name) throws IOException {
        Files.delete(directory.resolve("step-00000200").resolve(name));
        assertThat(newest()).isEqualTo(100);
    }

    @Test
    void whatACrashLeftIsNoCheckpointAndDoesNotStandInTheWay() throws IOException {
        Path half = Files.createDirectory(directory.resolve("step-00000300.unfinished"));
        Files.write(half.resolve("weights"), new byte[10]);
        assertThat(newest()).isEqualTo(200);
        write(300);
        assertThat(newest()).isEqualTo(300);
        assertThat(Files.exists(half)).isFalse();
    }

    /** A kill may fall into the deletion of an old one, whose step never comes again. */
    @Test
    void oneThatWasBeingDeletedIsGoneWithTheNextStart() throws IOException {
        Path half = Files.createDirectory(directory.resolve("step-00000014.unfinished"));
        Files.write(half.resolve("weights"), new byte[10]);
        assertThat(newest()).isEqualTo(200);
        assertThat(half).doesNotExist();
    }

    @Test
    void contentThatCannotBeWrittenLeavesTheOthers() {
        assertThatThrownBy(() -> checkpoints.write(300, half -> {
            throw new UncheckedIOException(new IOException("no space left"));
        })).isInstanceOf(UncheckedIOException.class);
        assertThat(newest()).isEqualTo(200);
    }

    /** A run that resumed from 100 comes to 200 again. */
    @Test
    void oneThatIsThereIsReplaced() throws IOException {
        checkpoints.write(200, half -> put(half.resolve("weights"), new byte[] {1, 2, 3}));
        assertThat(directory.resolve("step-00000200/weights")).hasBinaryContent(new byte[] {1, 2, 3});
        assertThat(newest()).isEqualTo(200);
    }

    /** Of 100, 200, ... the damaged ones are named; another process goes on from the newest whole one and writes the next two. */
    @ParameterizedTest
    @CsvSource({
            "1, 3, '3'", "1, 3, '2 3'", "1, 3, '1 2 3'", "2, 3, '3'", "2, 3, '2 3'", "2, 3, '1 2 3'", "2, 4, '3'", "3, 4, '3'", "3, 4, '2 4'",
            "3, 5, '4 5'", "4, 5, '2 3'", "4, 5, '1 2 3 4 5'"})
    void damagedOnesAreNotCountedAndTheOneJustWrittenStays(int keep, int count, String damaged, @TempDir Path run) throws IOException {
        var before = new Checkpoints(run, count);
        TreeSet<Long> whole = new TreeSet<>();
        for (long step = 100; step <= count * 100L; step += 100) {
            before.write(step, half -> put(half.resolve("weights"), BYTES));
            whole.add(step);
        }
        for (String number : damaged.split(" ")) {
            long step = Long.parseLong(number) * 100;
            Files.write(run.resolve("step-%08d/weights".formatted(step)), new byte[] {1});
            whole.remove(step);
        }
        var after = new Checkpoints(run, keep);
        long from = after.newest(said::add).map(Checkpoints::step).orElse(0L);
        assertThat(from).isEqualTo(whole.isEmpty() ? 0 : whole.last());
        for (long step = from + 50; step <= from + 100; step += 50) {
            Path written = after.write(step, half -> put(half.resolve("weights"), BYTES));
            assertThat(written.resolve("weights")).hasBinaryContent(BYTES);
            whole.add(step);
            while (whole.size() > keep) {
                whole.pollFirst();
            }
            assertThat(steps(run)).isEqualTo(whole);
            assertThat(new Checkpoints(run, keep).newest(said::add).map(Checkpoints::step)).contains(step);
        }
    }

    /** Damage that befalls one after it was written, in the same process. */
    @Test
    void whatIsDamagedWhileTheRunGoesOnIsNotCountedEither() throws IOException {
        Files.write(directory.resolve("step-00000200/weights"), new byte[999]);
        write(300);
        assertThat(steps(directory)).containsExactly(100L, 300L);
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "", "[]", "{}", "{\"weights\": 1}"})
    void checksumsThatAreNoneMakeItDamaged(String checksums) throws IOException {
        Files.writeString(directory.resolve("step-00000200/checksums.json"), checksums);
        Files.createDirectory(directory.resolve("step-00000200/something"));
        assertThat(newest()).isEqualTo(100);
        write(300);
        assertThat(steps(directory)).containsExactly(100L, 300L);
    }

    private static TreeSet<Long> steps(Path directory) throws IOException {
        try (var entries = Files.list(directory)) {
            return entries.map(Checkpoints::step).collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private long newest() {
        return Checkpoints.step(checkpoints.newest(said::add).orElseThrow());
    }

    private void write(long step) {
        checkpoints.write(step, half -> put(half.resolve("weights"), BYTES));
    }

    private static void put(Path file, byte[] bytes) {
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Trap 16 of many ranks: what is written is what was there at its step, and nobody finds it before all of it is on the disk. */
    @Test
    void whatIsWrittenWhileTrainingGoesOnIsOfItsStep() throws IOException {
        List<Runnable> later = new ArrayList<>();
        checkpoints = new Checkpoints(directory, 2, later::add);
        byte[] weights = {1, 2, 3};
        checkpoints.begin(300, to -> AtomicFile.writeBytes(to.resolve("weights"), weights));
        weights[0] = 9;
        checkpoints.check();
        assertThat(directory).isDirectoryNotContaining("glob:**step-00000300").isDirectoryContaining("glob:**100");
        later.removeFirst().run();
        checkpoints.await();
        assertThat(newest()).isEqualTo(300);
        assertThat(directory.resolve("step-00000300/weights")).hasBinaryContent(new byte[] {1, 2, 3});
        assertThat(directory).isDirectoryNotContaining("glob:**100");
    }

    @Test
    void aWriterThatFailsStopsTraining() {
        List<Runnable> later = new ArrayList<>();
        checkpoints = new Checkpoints(directory, 2, later::add);
        checkpoints.begin(300, to -> AtomicFile.writeBytes(to.resolve("weights"), BYTES));
        dev.zhulong.formats.FileTree.delete(directory.resolve("step-00000300.unfinished"));
        later.removeFirst().run();
        assertThatThrownBy(checkpoints::check).isInstanceOf(UncheckedIOException.class).hasMessageContaining("checkpoint 300");
        assertThat(newest()).isEqualTo(200);
    }
}
