package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

    /** Whoever waits at a pipe would wait for ever, and a device would be gone. */
    @Test
    void whatIsNoRegularFileStaysWhatItIs() throws Exception {
        Path pipe = directory.resolve("pipe");
        assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0, "no mkfifo here");
        Path socket = directory.resolve("socket");
        Path link = Files.createSymbolicLink(directory.resolve("link"), pipe);
        Path folder = Files.createDirectory(directory.resolve("folder"));
        Path loop = Files.createSymbolicLink(directory.resolve("loop"), directory.resolve("loop"));
        try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            for (Path other : List.of(pipe, socket, link, folder, loop)) {
                assertThat(AtomicFile.isReplaceable(other)).as(other.toString()).isFalse();
                assertThatThrownBy(() -> AtomicFile.writeString(other, "x")).isInstanceOf(UncheckedIOException.class)
                        .hasMessage("cannot write " + other + ": it is not a regular file; name another");
            }
        }
        assertThat(Files.readAttributes(pipe, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).isOther()).isTrue();
        assertThat(Files.readSymbolicLink(link)).isEqualTo(pipe);
        assertThat(names()).containsExactly("folder", "link", "loop", "pipe", "socket");
        // asked alone, for a broken answer would cost the machine its device
        for (String device : List.of("/dev/null", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")) {
            assertThat(AtomicFile.isReplaceable(Path.of(device))).as(device).isFalse();
        }
    }

    @Test
    void aLinkStaysALinkAndTheFileBehindItIsWritten() throws IOException {
        Path file = Files.writeString(Files.createDirectory(directory.resolve("elsewhere")).resolve("a.txt"), "old");
        Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("elsewhere/a.txt"));
        Path chain = Files.createSymbolicLink(directory.resolve("chain"), link);
        Path dangling = Files.createSymbolicLink(directory.resolve("dangling"), Path.of("elsewhere/b.txt"));
        AtomicFile.writeString(chain, "new");
        AtomicFile.writeString(dangling, "made");
        assertThat(file).hasContent("new");
        assertThat(directory.resolve("elsewhere/b.txt")).hasContent("made");
        assertThat(link).isSymbolicLink();
        assertThat(chain).isSymbolicLink();
        assertThat(dangling).isSymbolicLink();
        assertThat(names()).containsExactly("chain", "dangling", "elsewhere", "link");
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

    @Test
    void aFileForItsOwnerAloneIsSoFromItsFirstByte() throws IOException {
        Path file = directory.resolve("secret");
        assumeTrue(file.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX rights here");
        // made by a version that did not take care
        Files.writeString(file, "old");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        AtomicFile.write(file, channel -> {
            for (String name : names()) {
                Set<PosixFilePermission> rights = Files.getPosixFilePermissions(directory.resolve(name));
                assertThat(PosixFilePermissions.toString(rights)).as(name).isEqualTo(name.equals("secret") ? "rw-r--r--" : "rw-------");
            }
            assertThat(names()).hasSize(2);
        }, OwnerOnly.file(file));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
        Path inside = directory.resolve("a/b");
        Files.createDirectories(inside, OwnerOnly.directory(inside));
        for (Path made : List.of(inside, inside.getParent())) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made))).isEqualTo("rwx------");
        }
    }

    @Test
    void whereAFileSystemKnowsNoRightsItIsWrittenAllTheSame() throws IOException {
        try (FileSystem archive = FileSystems.newFileSystem(directory.resolve("a.zip"), Map.of("create", "true"))) {
            Path file = archive.getPath("/secret");
            assertThat(OwnerOnly.file(file)).isEmpty();
            Files.createDirectories(archive.getPath("/a"), OwnerOnly.directory(file));
            try (var channel = Files.newByteChannel(file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), OwnerOnly.file(file))) {
                channel.write(ByteBuffer.wrap(new byte[3]));
            }
            assertThat(Files.size(file)).isEqualTo(3);
        }
    }
}
