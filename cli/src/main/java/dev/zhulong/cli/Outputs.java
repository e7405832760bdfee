package dev.zhulong.cli;

import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/** Where results may be written: nothing that holds something is replaced unless the user says so. */
final class Outputs {
    private Outputs() {}

    /** Checks that {@code file} is absent, empty or may be replaced, and makes the directory it goes into. */
    static void file(Path file, boolean force) {
        try {
            if (Files.isDirectory(file)) {
                throw new IllegalArgumentException(file + " is a directory; name a file with --out");
            }
            requireRegular(file, "--out");
            if (!force && Files.exists(file) && Files.size(file) > 0) {
                throw new IllegalArgumentException(file + " exists already; choose another --out, or replace it with --force");
            }
            Path parent = file.toAbsolutePath().getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Refuses a pipe, a device or a link to one: a file would take its place, and whoever reads from it would wait for ever. */
    static void requireRegular(Path file, String option) {
        if (!AtomicFile.isReplaceable(file)) {
            throw new IllegalArgumentException(file + " is not a regular file, so nothing is written in its place; name a file with " + option);
        }
    }

    /** Checks that {@code directory} is absent, empty or may be written into. */
    static void directory(Path directory, boolean force) {
        try {
            if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(directory)) {
                throw new IllegalArgumentException(directory + " is " + (Files.exists(directory) ? "a file" : "a broken link")
                        + "; name a directory with --out");
            }
            if (force || !Files.exists(directory)) {
                return;
            }
            try (var entries = Files.list(directory)) {
                if (entries.findAny().isPresent()) {
                    throw new IllegalArgumentException(directory + " is not empty; choose another --out, or write into it with --force");
                }
            }
        } catch (NotDirectoryException e) {
            throw new IllegalArgumentException(directory + " is a file; name a directory with --out", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
