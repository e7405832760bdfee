package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FilesAreWrittenWholeOrNotAtAllTest {

    @TempDir
    Path directory;

    private List<String> names() throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void replaces() throws IOException {
        Path file = directory.resolve("a.txt");
        AtomicFile.writeString(file, "old");
        AtomicFile.writeString(file, "烛龙");
        assertThat(Files.readString(file)).isEqualTo("烛龙");
        AtomicFile.writeStream(file, stream -> stream.write(new byte[100_000]));
        assertThat(Files.size(file)).isEqualTo(100_000);
        assertThat(names()).containsExactly("a.txt");
    }

    @Test
    void failureKeepsTheOldAndLeavesNoTemporary() throws IOException {
        Path file = directory.resolve("a.txt");
        AtomicFile.writeString(file, "old");
        assertThatThrownBy(() -> AtomicFile.write(file, channel -> {
            channel.write(ByteBuffer.wrap(new byte[10]));
            throw new IOException("disk full");
        })).isInstanceOf(UncheckedIOException.class).hasMessage("cannot write " + file + ": IOException disk full");
        assertThatThrownBy(() -> AtomicFile.writeStream(file, stream -> {
            stream.write(1);
            throw new IllegalStateException("stopped");
        })).isInstanceOf(IllegalStateException.class);
        assertThat(Files.readString(file)).isEqualTo("old");
        assertThat(names()).containsExactly("a.txt");
    }

    @Test
    void renameThatFailsLeavesNoTemporary() throws IOException {
        Path occupied = Files.createDirectories(directory.resolve("a.txt/inside")).getParent();
        assertThatThrownBy(() -> AtomicFile.writeString(occupied, "x")).isInstanceOf(UncheckedIOException.class);
        assertThatThrownBy(() -> AtomicFile.writeString(directory.resolve("missing/a.txt"), "x")).isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("NoSuchFileException");
        assertThat(names()).containsExactly("a.txt");
    }

    @Test
    void readersSeeOneWholeContentOrTheOther() throws Exception {
        Path file = directory.resolve("a.txt");
        String one = "1".repeat(50_000);
        String two = "2".repeat(70_000);
        AtomicFile.writeString(file, one);
        var done = new AtomicBoolean();
        Thread writer = Thread.startVirtualThread(() -> {
            for (int i = 0; i < 40; i++) {
                AtomicFile.writeString(file, i % 2 == 0 ? two : one);
            }
            done.set(true);
        });
        while (!done.get()) {
            assertThat(Files.readString(file)).isIn(one, two);
        }
        writer.join();
    }

    @Test
    void leftoversOfKilledWritersAreCleared() throws IOException {
        Path leftover = directory.resolve(".a.txt.17-0.zhulong-tmp");
        Files.writeString(leftover, "half");
        Files.writeString(directory.resolve(".hidden"), "mine");
        assertThat(AtomicFile.isLeftover(leftover)).isTrue();
        assertThat(AtomicFile.removeLeftovers(directory)).isEqualTo(1);
        assertThat(names()).containsExactly(".hidden");
    }
}
