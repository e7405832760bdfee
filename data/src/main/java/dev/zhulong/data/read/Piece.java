package dev.zhulong.data.read;

import dev.zhulong.data.document.Strings;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A stretch of the inputs that can be read apart from the others: read in their order, pieces give the documents, skips and repairs that
 * {@link DocumentReader#read(java.util.List, java.util.function.Consumer)} gives.
 */
public sealed interface Piece {
    /** Bytes of the inputs, as they lie on disk. */
    long bytes();

    /** What it is called in ids and reports. */
    String id();

    /**
     * A file.
     *
     * @param named whether it was named as an input itself
     */
    record Whole(Path path, String id, boolean named, long bytes) implements Piece { }

    /**
     * Some lines of JSON Lines.
     *
     * @param from      first byte
     * @param to        byte behind the last
     * @param firstLine number of the first line in the file, from 1
     */
    record Lines(Path path, String id, long from, long to, long firstLine) implements Piece {
        @Override
        public long bytes() {
            return to - from;
        }
    }

    /** The entries {@code from} to {@code to - 1} of a zip archive, by name. */
    record Entries(Path path, String id, int from, int to, long bytes) implements Piece { }

    /** Writes it, for {@link #read}. */
    default void write(DataOutputStream out) throws IOException {
        switch (this) {
            case Whole(Path path, String id, boolean named, long bytes) -> {
                out.writeByte(0);
                Strings.write(path.toString(), out);
                Strings.write(id, out);
                out.writeBoolean(named);
                out.writeLong(bytes);
            }
            case Lines(Path path, String id, long from, long to, long firstLine) -> {
                out.writeByte(1);
                Strings.write(path.toString(), out);
                Strings.write(id, out);
                out.writeLong(from);
                out.writeLong(to);
                out.writeLong(firstLine);
            }
            case Entries(Path path, String id, int from, int to, long bytes) -> {
                out.writeByte(2);
                Strings.write(path.toString(), out);
                Strings.write(id, out);
                out.writeInt(from);
                out.writeInt(to);
                out.writeLong(bytes);
            }
            case Skipped(String reason, String id) -> {
                out.writeByte(3);
                Strings.write(reason, out);
                Strings.write(id, out);
            }
        }
    }

    /** What {@link #write} wrote. */
    static Piece read(DataInputStream in) throws IOException {
        return switch (in.readByte()) {
            case 0 -> new Whole(Path.of(Strings.read(in)), Strings.read(in), in.readBoolean(), in.readLong());
            case 1 -> new Lines(Path.of(Strings.read(in)), Strings.read(in), in.readLong(), in.readLong(), in.readLong());
            case 2 -> new Entries(Path.of(Strings.read(in)), Strings.read(in), in.readInt(), in.readInt(), in.readLong());
            default -> new Skipped(Strings.read(in), Strings.read(in));
        };
    }

    /** What is not read, and why. */
    record Skipped(String reason, String id) implements Piece {
        @Override
        public long bytes() {
            return 0;
        }
    }
}
