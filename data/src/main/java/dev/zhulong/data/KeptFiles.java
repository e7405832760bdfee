package dev.zhulong.data;

import dev.zhulong.data.dedup.MinHash;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What is remembered of the documents of one part, on disk: {@code kept} has a short record of each, {@code signatures} the rest of those whose
 * near-duplicates are looked for, which is read of few.
 */
final class KeptFiles {
    private static final String KEPT = "kept";
    private static final String SIGNATURES = "signatures";
    private static final int RECORD = 2 * Long.BYTES + 2 * Integer.BYTES;

    private KeptFiles() { }

    static final class Writer implements AutoCloseable {
        private final DataOutputStream kept;
        private final DataOutputStream signatures;
        private final MinHash minHash;

        /** @param near whether near-duplicates are looked for */
        Writer(Path directory, boolean near, MinHash minHash) throws IOException {
            this.minHash = minHash;
            kept = PartFiles.out(directory.resolve(KEPT));
            signatures = near ? PartFiles.out(directory.resolve(SIGNATURES)) : null;
        }

        void add(MinHash.Signature signature, int textBytes) throws IOException {
            kept.writeLong(signature.exactHigh());
            kept.writeLong(signature.exactLow());
            kept.writeInt(signature.length());
            kept.writeInt(textBytes);
            if (signatures == null) {
                return;
            }
            boolean words = signature.bands().length > 0;
            for (int band = 0; band < minHash.bands(); band++) {
                signatures.writeLong(words ? signature.bands()[band] : 0);
            }
            signatures.write(words ? signature.minima() : new byte[minHash.bands() * minHash.rows()]);
        }

        @Override
        public void close() throws IOException {
            kept.close();
            if (signatures != null) {
                signatures.close();
            }
        }
    }

    /** Documents of a part. */
    static int count(Path directory) throws IOException {
        return Math.toIntExact(Files.size(directory.resolve(KEPT)) / RECORD);
    }

    /** Told of each document of a part. */
    @FunctionalInterface
    interface Each {
        void document(MinHash.Signature signature, int textBytes);
    }

    /** All documents of a part in their order, without what near-duplicates are found by. */
    static void forEach(Path directory, Each each) throws IOException {
        try (DataInputStream in = PartFiles.in(directory.resolve(KEPT))) {
            while (true) {
                long high;
                try {
                    high = in.readLong();
                } catch (EOFException end) {
                    return;
                }
                long low = in.readLong();
                int length = in.readInt();
                each.document(new MinHash.Signature(high, low, new long[0], new byte[0], length), in.readInt());
            }
        }
    }

    /** Bytes of the texts of {@code length} documents from {@code first} on. */
    static int[] textBytes(Path directory, int first, int length) throws IOException {
        try (FileChannel kept = FileChannel.open(directory.resolve(KEPT))) {
            ByteBuffer records = read(kept, (long) first * RECORD, length * RECORD);
            var bytes = new int[length];
            for (int i = 0; i < length; i++) {
                bytes[i] = records.getInt(i * RECORD + RECORD - Integer.BYTES);
            }
            return bytes;
        }
    }

    /** Gives the whole signatures of some documents of a part, which have words, in the order asked for. */
    static void signatures(Path directory, MinHash minHash, int[] documents, Each each) throws IOException {
        int size = minHash.bands() * (Long.BYTES + minHash.rows());
        try (FileChannel kept = FileChannel.open(directory.resolve(KEPT)); FileChannel signatures = FileChannel.open(directory.resolve(SIGNATURES))) {
            for (int document : documents) {
                ByteBuffer record = read(kept, (long) document * RECORD, RECORD);
                ByteBuffer signature = read(signatures, (long) document * size, size);
                var bands = new long[minHash.bands()];
                for (int band = 0; band < bands.length; band++) {
                    bands[band] = signature.getLong();
                }
                var minima = new byte[minHash.bands() * minHash.rows()];
                signature.get(minima);
                each.document(new MinHash.Signature(record.getLong(), record.getLong(), bands, minima, record.getInt()), record.getInt());
            }
        }
    }

    private static ByteBuffer read(FileChannel channel, long at, int length) throws IOException {
        var buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, at + buffer.position()) < 0) {
                throw new EOFException("a file of a part was cut short while in use");
            }
        }
        return buffer.flip();
    }
}
