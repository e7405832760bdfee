package dev.zhulong.formats;

import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Rights of what holds secrets or what people said: its owner alone reads and writes it, from the first byte. Where a file system knows no such rights, there
 * are none to give, and what lies there is as well guarded as its directory.
 *
 * <pre>{@code
 * AtomicFile.writeString(file, text, OwnerOnly.file(file));
 * }</pre>
 */
public final class OwnerOnly {
    private OwnerOnly() {}

    /** For the making of a file at or beside {@code path}. */
    public static FileAttribute<?>[] file(Path path) {
        return rights(path, "rw-------");
    }

    /** For the making of a directory, and of those it lies in that are missing. */
    public static FileAttribute<?>[] directory(Path path) {
        return rights(path, "rwx------");
    }

    private static FileAttribute<?>[] rights(Path path, String rights) {
        if (!path.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            return new FileAttribute<?>[0];
        }
        return new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(rights))};
    }
}
