package dev.zhulong.data;

import dev.zhulong.formats.FileTree;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Results of the parts of a job in a directory that all its processes see: one directory for each part of a stage, which appears with all
 * its files or not at all. Two processes that make the same part, as when one was lost and the other started in its place, do not meet: each writes to a
 * directory of its own, and the first to be done gives it its name.
 */
record PartFiles(Path directory) {
    private static final int BUFFER = 1 << 16;

    /** Writes the files of a part into a directory. */
    @FunctionalInterface
    interface Content {
        void writeTo(Path directory) throws IOException;
    }

    Path of(String stage, int part) {
        return directory.resolve("%s-%05d".formatted(stage, part));
    }

    void write(String stage, int part, Content content) {
        Path place = of(stage, part);
        if (Files.isDirectory(place)) {
            return;
        }
        Path own = directory.resolve("%s.%d-%x".formatted(place.getFileName(), ProcessHandle.current().pid(), System.nanoTime()));
        try {
            Files.createDirectories(own);
            content.writeTo(own);
            try {
                Files.move(own, place, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException e) {
                throw e;
            } catch (IOException e) {
                if (!Files.isDirectory(place)) {
                    throw e;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(place + " could not be written: " + e.getMessage(), e);
        } finally {
            if (Files.exists(own)) {
                FileTree.delete(own);
            }
        }
    }

    static DataOutputStream out(Path file) throws IOException {
        return new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), BUFFER));
    }

    static DataInputStream in(Path file) throws IOException {
        return new DataInputStream(new BufferedInputStream(Files.newInputStream(file), BUFFER));
    }
}
