package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
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
}
