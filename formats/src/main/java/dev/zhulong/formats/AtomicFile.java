package dev.zhulong.formats;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes a file whole or not at all: whoever opens the path sees the old content or the new, also after a crash.
 *
 * <p>The content goes to a temporary file in the same directory, is forced to disk, and takes the path's name in one rename; then the
 * directory is forced to disk. A write that fails leaves the old file and no temporary one. A process that is killed may leave a
 * temporary one, which {@link #removeLeftovers} clears away.
 */
public final class AtomicFile {

    private static final String SUFFIX = ".zhulong-tmp";
    private static final Set<StandardOpenOption> MADE = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.READ);
    private static final int MOST_LINKS = 40;
    private static final AtomicLong COUNTER = new AtomicLong();

    /** Writes content to a channel that stands at its beginning. */
    @FunctionalInterface
    public interface ChannelContent {
        void writeTo(FileChannel channel) throws IOException;
    }

    /** Writes content to a buffered stream; need not close it. */
    @FunctionalInterface
    public interface StreamContent {
        void writeTo(OutputStream stream) throws IOException;
    }

    /** Bound where files are not forced to disk one by one. */
    private static final ScopedValue<Boolean> TOGETHER = ScopedValue.newInstance();

    private AtomicFile() {}

    /**
     * Runs {@code writes}, whose files are whole for whoever opens them and may be gone after a crash: for files of a directory that nobody looks into before all of them were
     * {@linkplain #force forced} to disk.
     */
    public static void together(Runnable writes) {
        ScopedValue.where(TOGETHER, true).run(writes);
    }

    /**
     * Replaces {@code target} by what {@code content} writes. A symbolic link stays, and the file it leads to is replaced or made.
     *
     * @param rights the file is made with, such as {@link OwnerOnly#file}; none for the usual ones
     * @throws UncheckedIOException when a write fails, or {@code target} is there and no regular file: a directory, a pipe, a device; what
     *                              {@code content} throws unchecked passes through
     */
    public static void write(Path target, ChannelContent content, FileAttribute<?>... rights) {
        Path temporary = null;
        boolean done = false;
        try {
            Path absolute = behindLinks(target);
            if (!isReplaceable(target)) {
                throw new UncheckedIOException("cannot write " + target + ": it is not a regular file; name another",
                        new FileSystemException(target.toString()));
            }
            while (temporary == null) {
                temporary = writeTemporary(absolute, content, rights);
            }
            Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            done = true;
            if (!TOGETHER.isBound()) {
                force(absolute.getParent());
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target + ": " + describe(e), e);
        } finally {
            if (!done && temporary != null) {
                deleteQuietly(temporary);
            }
        }
    }

    /** Whether {@link #write} may put a file here: nothing is there yet, or a regular file, be it behind symbolic links. */
    public static boolean isReplaceable(Path target) {
        try {
            Path file = behindLinks(target);
            return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || Files.notExists(file, LinkOption.NOFOLLOW_LINKS);
        } catch (IOException e) {
            return false;
        }
    }

    /** The path that symbolic links lead to. Those of /proc stand for open files: whoever holds one would not see what takes its name. */
    private static Path behindLinks(Path target) throws IOException {
        Path path = target.toAbsolutePath();
        for (int links = 0; links < MOST_LINKS && Files.isSymbolicLink(path) && !path.getParent().toRealPath().startsWith("/proc"); links++) {
            path = path.resolveSibling(Files.readSymbolicLink(path));
        }
        return path;
    }

    /** {@link #write} for content that wants a stream. */
    public static void writeStream(Path target, StreamContent content, FileAttribute<?>... rights) {
        write(target, channel -> {
            var stream = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
            content.writeTo(stream);
            stream.flush();
        }, rights);
    }

    /** {@link #write} for bytes at hand. */
    public static void writeBytes(Path target, byte[] bytes, FileAttribute<?>... rights) {
        writeStream(target, stream -> stream.write(bytes), rights);
    }

    /** {@link #write} for text, in UTF-8. */
    public static void writeString(Path target, String text, FileAttribute<?>... rights) {
        writeBytes(target, text.getBytes(StandardCharsets.UTF_8), rights);
    }

    /**
     * Deletes temporary files that killed writers left directly in {@code directory}; only for a directory nobody writes to now.
     *
     * @return how many
     */
    public static int removeLeftovers(Path directory) {
        int removed = 0;
        try (var entries = Files.newDirectoryStream(directory, AtomicFile::isLeftover)) {
            for (Path leftover : entries) {
                Files.delete(leftover);
                removed++;
            }
            return removed;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot clear temporary files in " + directory + ": " + describe(e), e);
        }
    }

    /** Whether this is the temporary file of a writer that runs or was killed. */
    public static boolean isLeftover(Path path) {
        String name = String.valueOf(path.getFileName());
        return name.startsWith(".") && name.endsWith(SUFFIX);
    }

    /** Gives null where the name is taken: a writer with this process id may have been killed before. */
    private static Path writeTemporary(Path target, ChannelContent content, FileAttribute<?>... rights) throws IOException {
        long pid = ProcessHandle.current().pid();
        Path temporary = target.resolveSibling("." + target.getFileName() + "." + pid + "-" + COUNTER.getAndIncrement() + SUFFIX);
        FileChannel channel;
        try {
            channel = FileChannel.open(temporary, MADE, rights);
        } catch (FileAlreadyExistsException e) {
            return null;
        }
        boolean written = false;
        try (channel) {
            content.writeTo(channel);
            if (!TOGETHER.isBound()) {
                channel.force(true);
            }
            written = true;
        } finally {
            if (!written) {
                deleteQuietly(temporary);
            }
        }
        return temporary;
    }

    /** Forces a file, or the names in a directory, to disk. */
    public static void force(Path path) throws IOException {
        boolean windows = System.getProperty("os.name").startsWith("Windows");
        // Windows opens no directory as a file; its rename is durable by the journal.
        if (!windows || !Files.isDirectory(path)) {
            try (var channel = FileChannel.open(path, windows ? StandardOpenOption.WRITE : StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    private static void deleteQuietly(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // The failure that brought us here matters more; removeLeftovers finds the file.
        }
    }

    static String describe(IOException e) {
        return e.getClass().getSimpleName() + (e.getMessage() == null ? "" : " " + e.getMessage());
    }
}
