package dev.zhulong.formats;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file that one process at a time holds, so that two do not work on the same thing. A killed process lets go by itself. */
public final class LockFile implements AutoCloseable {
    private final Path file;
    private final FileChannel channel;

    private LockFile(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Holds it; makes it where it is not there.
     *
     * @param refusal what is said where another holds it
     * @throws IllegalArgumentException where another holds it
     */
    public static LockFile hold(Path file, String refusal) {
        try {
            FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (!isHeld(channel)) {
                channel.close();
                throw new IllegalArgumentException(refusal);
            }
            return new LockFile(file, channel);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot hold " + file + ": " + AtomicFile.describe(e), e);
        }
    }

    private static boolean isHeld(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            // by this process
            return false;
        }
    }

    /** Lets go and leaves no file behind. */
    public void remove() {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            close();
        }
    }

    /** Lets others hold it. */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
