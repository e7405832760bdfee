package dev.zhulong.data.read;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;

/** Zip and tar: each entry is read as a file of its name would be, as {@code archive!/entry}. Nothing is unpacked to disk. */
final class Archives {
    private Archives() { }

    /** All entries in the order in which they are read. */
    static List<ZipArchiveEntry> entries(ZipFile zip) {
        var entries = Collections.list(zip.getEntries());
        entries.sort(Comparator.comparing(ZipArchiveEntry::getName).thenComparingLong(ZipArchiveEntry::getLocalHeaderOffset));
        return entries;
    }

    /** Reads the entries {@code from} to {@code to - 1}, as far as there are so many. */
    static void zip(Path path, String id, int from, int to, DocumentReader reader) throws IOException {
        try (ZipFile zip = ZipFile.builder().setPath(path).get()) {
            List<ZipArchiveEntry> entries = entries(zip);
            if (entries.isEmpty()) {
                reader.report().skip("empty archive", id);
            }
            for (ZipArchiveEntry entry : entries.subList(from, Math.min(to, entries.size()))) {
                if (entry.isDirectory()) {
                    continue;
                }
                String entryId = entryId(id, entry.getName(), reader);
                if (entry.isUnixSymlink()) {
                    reader.report().skip("link in an archive", entryId);
                } else if (!zip.canReadEntryData(entry)) {
                    reader.report().skip("encrypted, or packed with an unknown method", entryId);
                } else {
                    long packed = Math.max(1, entry.getCompressedSize());
                    try (InputStream in = new LimitedStream(zip.getInputStream(entry), () -> packed, reader.options().maxRatio())) {
                        reader.stream(entry.getName().toLowerCase(Locale.ROOT), entryId, in, () -> packed, false, 0);
                    } catch (IOException | RuntimeException e) {
                        reader.unreadable(entryId, e);
                    }
                    reader.advance(packed);
                }
            }
        }
    }

    static void tar(InputStream in, String id, LongSupplier compressed, int depth, DocumentReader reader) throws IOException {
        // Not closed here: whoever opened the stream closes it.
        @SuppressWarnings("resource")
        var tar = new TarArchiveInputStream(in, "UTF-8");
        var entry = tar.getNextEntry();
        if (entry == null) {
            reader.report().skip("empty archive", id);
        }
        for (; entry != null; entry = tar.getNextEntry()) {
            if (entry.isDirectory()) {
                continue;
            }
            String entryId = entryId(id, entry.getName(), reader);
            if (!entry.isFile() || entry.isSymbolicLink() || entry.isLink()) {
                reader.report().skip("link in an archive", entryId);
            } else {
                try {
                    reader.stream(entry.getName().toLowerCase(Locale.ROOT), entryId, new Unclosed(tar), compressed, false, depth + 1);
                } catch (LimitedStream.BombException bomb) {
                    throw bomb;
                } catch (IOException | RuntimeException e) {
                    reader.unreadable(entryId, e);
                }
            }
        }
    }

    private static String entryId(String archive, String name, DocumentReader reader) {
        String clean = name.replaceAll("\\p{Cntrl}", "?").replace('\\', '/');
        if (clean.startsWith("/") || ("/" + clean + "/").contains("/../") || !clean.equals(name)) {
            reader.report().repair("odd name in an archive", archive + "!/" + clean);
        }
        return archive + "!/" + clean;
    }

    /** Keeps a reader of one entry from closing the whole archive. */
    private static final class Unclosed extends java.io.FilterInputStream {
        Unclosed(InputStream in) {
            super(in);
        }

        @Override
        public void close() { }
    }
}
