package dev.zhulong.cli;

import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.commons.compress.compressors.gzip.GzipCompressorOutputStream;
import org.apache.commons.compress.compressors.gzip.GzipParameters;

/** Packs a folder as a {@code .tar.gz}, with what may be run and where links lead. */
final class Tar {
    private static final int RUNS = 0755;
    private static final int READS = 0644;

    private Tar() {}

    /** @param name of the folder in the archive */
    static void pack(Path directory, String name, Path archive) throws IOException {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(directory)) {
            paths = walk.sorted().toList();
        }
        var best = new GzipParameters();
        best.setCompressionLevel(Deflater.BEST_COMPRESSION);
        AtomicFile.writeStream(archive, stream -> {
            var gzip = new GzipCompressorOutputStream(stream, best);
            var tar = new TarArchiveOutputStream(gzip, "UTF-8");
            tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
            tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
            tar.setAddPaxHeadersForNonAsciiNames(true);
            for (Path path : paths) {
                put(tar, path, (name + "/" + directory.relativize(path)).replaceFirst("/$", ""));
            }
            tar.finish();
            gzip.finish();
        });
    }

    private static void put(TarArchiveOutputStream tar, Path path, String name) throws IOException {
        if (Files.isSymbolicLink(path)) {
            var link = new TarArchiveEntry(name, TarConstants.LF_SYMLINK);
            link.setLinkName(Files.readSymbolicLink(path).toString());
            tar.putArchiveEntry(link);
        } else if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            var entry = new TarArchiveEntry(name + "/");
            entry.setMode(RUNS);
            tar.putArchiveEntry(entry);
        } else {
            var entry = new TarArchiveEntry(name);
            entry.setSize(Files.size(path));
            entry.setMode(Files.isExecutable(path) ? RUNS : READS);
            tar.putArchiveEntry(entry);
            Files.copy(path, tar);
        }
        tar.closeArchiveEntry();
    }
}
