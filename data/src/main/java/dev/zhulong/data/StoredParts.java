package dev.zhulong.data;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;

/** The documents of all parts as their JSON lines, from one of them on, whichever part they lie in. */
final class StoredParts implements AutoCloseable {
    private final PartFiles files;
    private final int[] firsts;
    private int part;
    private DataInputStream frames;
    private byte[] lines = new byte[0];
    private int at;

    /**
     * Opens them.
     *
     * @param part  in which the first one lies
     * @param first number of it
     */
    StoredParts(PartFiles files, int part, int first) throws IOException {
        this.files = files;
        this.firsts = CleaningInParts.firstDocuments(files, CleaningInParts.pieces(files).size());
        this.part = part;
        this.frames = open();
        lines(first - firsts[part]);
    }

    /** The next lines. */
    byte[] lines(int count) throws IOException {
        var out = new ByteArrayOutputStream();
        for (int left = count; left > 0;) {
            if (at == lines.length) {
                advance();
            }
            int from = at;
            for (; left > 0 && at < lines.length; left--) {
                while (lines[at] != '\n') {
                    at++;
                }
                at++;
            }
            out.write(lines, from, at - from);
        }
        return out.toByteArray();
    }

    /** Bytes of the texts of {@code count} documents from number {@code first} on. */
    int[] textBytes(int first, int count) throws IOException {
        var all = new int[count];
        int in = 0;
        for (int done = 0; done < count;) {
            while (firsts[in + 1] <= first + done) {
                in++;
            }
            int n = Math.min(count - done, firsts[in + 1] - first - done);
            System.arraycopy(KeptFiles.textBytes(files.of(CleaningPart.CLEAN, in), first + done - firsts[in], n), 0, all, done, n);
            done += n;
        }
        return all;
    }

    private void advance() throws IOException {
        DocumentStoreWriter.Frame frame = DocumentStoreWriter.Frame.read(frames);
        if (frame == null) {
            frames.close();
            part++;
            frames = open();
            return;
        }
        lines = frame.lines();
        at = 0;
    }

    private DataInputStream open() throws IOException {
        return PartFiles.in(files.of(CleaningPart.CLEAN, part).resolve(CleaningPart.DOCUMENTS));
    }

    @Override
    public void close() throws IOException {
        frames.close();
    }
}
