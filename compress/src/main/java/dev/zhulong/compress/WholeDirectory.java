package dev.zhulong.compress;

import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.Provenance;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;

/** A model directory that is made beside its place and moved there whole: nobody sees half of one, and what was there stays if making it fails. */
public final class WholeDirectory {
    /** Writes the files. */
    @FunctionalInterface
    public interface Content {
        void writeTo(Path directory) throws IOException;
    }

    private WholeDirectory() {}

    /**
     * Refuses to take the place of anything but a directory that was made here, as it is deleted, or an empty one.
     *
     * @param stage that made it, by its provenance
     * @param made  what that makes, for the message
     */
    public static void requireReplaceable(Path out, String stage, String made) {
        if (Files.exists(out, LinkOption.NOFOLLOW_LINKS) && !isEmpty(out)
                && !(Files.isRegularFile(out.resolve(Provenance.FILE)) && Provenance.read(out).stage().equals(stage))) {
            throw new IllegalArgumentException(out + " is not " + made + ", so it is not replaced: name another --out, or remove it yourself");
        }
    }

    private static boolean isEmpty(Path directory) {
        if (!Files.isDirectory(directory)) {
            return false;
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.findAny().isEmpty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes all of it; what {@link #requireReplaceable} lets be replaced is replaced, and a symbolic link to it stays a link. */
    public static void write(Path out, Content content) {
        try {
            Path absolute = Files.exists(out) ? out.toRealPath() : out.toAbsolutePath().normalize();
            Path temporary = absolute.resolveSibling("." + absolute.getFileName() + "." + ProcessHandle.current().pid() + ".zhulong-tmp");
            try {
                FileTree.delete(temporary);
                Files.createDirectories(temporary);
                content.writeTo(temporary);
                Path former = absolute.resolveSibling(temporary.getFileName() + ".old");
                if (Files.exists(absolute)) {
                    Files.move(absolute, former, StandardCopyOption.ATOMIC_MOVE);
                }
                try {
                    Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE);
                } catch (IOException e) {
                    if (Files.exists(former)) {
                        Files.move(former, absolute, StandardCopyOption.ATOMIC_MOVE);
                    }
                    throw e;
                }
                FileTree.delete(former);
            } finally {
                deleteQuietly(temporary);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + out + ": " + e, e);
        }
    }

    private static void deleteQuietly(Path directory) {
        try {
            FileTree.delete(directory);
        } catch (UncheckedIOException e) {
            // what brought us here matters more
        }
    }
}
