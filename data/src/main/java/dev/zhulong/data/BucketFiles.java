package dev.zhulong.data;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.LongStream;

/** Keys of the bands of one part's documents, by the process that looks into their buckets. */
final class BucketFiles {
    private static final String NAME = "buckets";
    private static final int ENTRY = Long.BYTES + Integer.BYTES;

    private BucketFiles() { }

    /** Which of {@code parts} processes looks into the bucket of a key. */
    static int owner(long key, int parts) {
        return (int) Long.remainderUnsigned(key, parts);
    }

    /** Gathers keys, and writes them. */
    static final class Writer {
        private final int parts;
        private long[] keys = new long[1 << 10];
        private int[] documents = new int[1 << 10];
        private int size;

        Writer(int parts) {
            this.parts = parts;
        }

        void add(int document, long[] bands) {
            if (size + bands.length > keys.length) {
                keys = Arrays.copyOf(keys, Math.max(size + bands.length, 2 * keys.length));
                documents = Arrays.copyOf(documents, keys.length);
            }
            System.arraycopy(bands, 0, keys, size, bands.length);
            Arrays.fill(documents, size, size + bands.length, document);
            size += bands.length;
        }

        void write(Path directory) throws IOException {
            var ends = new int[parts + 1];
            for (int i = 0; i < size; i++) {
                ends[owner(keys[i], parts) + 1]++;
            }
            Arrays.parallelPrefix(ends, Integer::sum);
            int[] next = ends.clone();
            var order = new int[size];
            for (int i = 0; i < size; i++) {
                order[next[owner(keys[i], parts)]++] = i;
            }
            try (DataOutputStream out = PartFiles.out(directory.resolve(NAME))) {
                for (int end : ends) {
                    out.writeInt(end);
                }
                for (int i : order) {
                    out.writeLong(keys[i]);
                    out.writeInt(documents[i]);
                }
            }
        }
    }

    /** The keys alone. */
    static long[] keys(Path directory, int owner, int parts) throws IOException {
        var all = LongStream.builder();
        forEach(directory, owner, parts, (key, _) -> all.add(key));
        return all.build().toArray();
    }

    /** Told of each key of a document. */
    @FunctionalInterface
    interface Each {
        void key(long key, int document);
    }

    /** The keys in buckets that process {@code owner} of {@code parts} looks into, documents in rising order. */
    static void forEach(Path directory, int owner, int parts, Each each) throws IOException {
        try (FileChannel file = FileChannel.open(directory.resolve(NAME))) {
            file.position((long) owner * Integer.BYTES);
            var ends = new DataInputStream(Channels.newInputStream(file));
            int from = ends.readInt();
            int to = ends.readInt();
            file.position((long) (parts + 1) * Integer.BYTES + (long) from * ENTRY);
            var in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(file), 1 << 16));
            for (int i = from; i < to; i++) {
                each.key(in.readLong(), in.readInt());
            }
        }
    }
}
