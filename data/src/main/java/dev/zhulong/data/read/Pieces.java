package dev.zhulong.data.read;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;

/**
 * Inputs cut into pieces of about one size. Zip archives are cut between entries, JSON Lines between lines, which are counted for it; a
 * file of another format is one piece.
 */
public final class Pieces {
    private static final int BUFFER = 1 << 20;

    private final ReadOptions options;
    private final long most;
    private final List<Piece> pieces = new ArrayList<>();

    private Pieces(ReadOptions options, long most) {
        this.options = options;
        this.most = most;
    }

    /**
     * The pieces of {@code inputs} in reading order.
     *
     * @param most bytes from which on a file is cut
     * @throws IllegalArgumentException where an input does not exist
     */
    public static List<Piece> of(List<Path> inputs, ReadOptions options, long most) {
        var cut = new Pieces(options, most);
        DocumentReader.walk(inputs, options, cut::add);
        return cut.pieces;
    }

    private void add(Piece piece) {
        int before = pieces.size();
        try {
            if (piece instanceof Piece.Whole file && file.bytes() > most && cut(file)) {
                return;
            }
        } catch (IOException | RuntimeException e) {
            // whoever reads it reports it
            pieces.subList(before, pieces.size()).clear();
        }
        pieces.add(piece);
    }

    private boolean cut(Piece.Whole file) throws IOException {
        String name = file.path().getFileName().toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".zip") || name.endsWith(".jar")) {
            return entries(file);
        }
        return (name.endsWith(".jsonl") || name.endsWith(".ndjson")) && options.takes(name, file.named()) && lines(file);
    }

    private boolean entries(Piece.Whole file) throws IOException {
        try (ZipFile zip = ZipFile.builder().setPath(file.path()).get()) {
            List<ZipArchiveEntry> entries = Archives.entries(zip);
            long bytes = 0;
            int from = 0;
            for (int i = 0; i < entries.size(); i++) {
                bytes += Math.max(1, entries.get(i).getCompressedSize());
                if (bytes >= most || i == entries.size() - 1) {
                    pieces.add(new Piece.Entries(file.path(), file.id(), from, i + 1, bytes));
                    from = i + 1;
                    bytes = 0;
                }
            }
            return !entries.isEmpty();
        }
    }

    /** False where lines are not those of the bytes, or the first piece has none. */
    private boolean lines(Piece.Whole file) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file.path()), BUFFER)) {
            in.mark(Encoding.HEAD);
            if (Encoding.isRecoded(in.readNBytes(Encoding.HEAD))) {
                return false;
            }
            in.reset();
            var buffer = new byte[BUFFER];
            long line = 1;
            long firstLine = 1;
            long from = 0;
            long at = 0;
            boolean text = false;
            for (int n = in.read(buffer); n > 0; n = in.read(buffer)) {
                for (int i = 0; i < n; i++) {
                    text |= (buffer[i] & 0xff) > ' ';
                    if (buffer[i] != '\n') {
                        continue;
                    }
                    line++;
                    if (at + i + 1 - from >= most) {
                        if (!text) {
                            return false;
                        }
                        pieces.add(new Piece.Lines(file.path(), file.id(), from, at + i + 1, firstLine));
                        from = at + i + 1;
                        firstLine = line;
                    }
                }
                at += n;
            }
            if (at > from) {
                pieces.add(new Piece.Lines(file.path(), file.id(), from, at, firstLine));
            }
            return true;
        }
    }
}
