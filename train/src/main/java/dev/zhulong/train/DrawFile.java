package dev.zhulong.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * What was drawn of a teacher, row after row as rows came: {@code ZLDRAWS1}, 32 bytes that say whose draws these are, then records of length (4 bytes), the row's key (16), content and CRC-32 (4),
 * all little-endian. Whatever was written when a run is killed is found again; a record that is not whole, and what follows it, is cut off.
 */
final class DrawFile implements AutoCloseable {
    private static final byte[] MAGIC = "ZLDRAWS1".getBytes(StandardCharsets.US_ASCII);
    static final int OWNER = 32;
    static final int KEY = 16;

    private final Path path;
    private final FileChannel channel;
    private final Map<ByteBuffer, Place> places = new HashMap<>();
    private long end;

    private record Place(long at, int length) {}

    private DrawFile(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /**
     * Opens a file, or begins one.
     *
     * @param owner {@value #OWNER} bytes, a digest of all that the draws depend on besides the rows
     * @throws IllegalArgumentException where the file is of another owner or no such file, or another run writes it
     */
    static DrawFile open(Path path, byte[] owner) {
        FileChannel channel = null;
        try {
            Files.createDirectories(path.toAbsolutePath().getParent());
            channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            if (!locked(channel)) {
                throw new IllegalArgumentException(path + " is being written by another run: wait for it, or keep draws in another directory");
            }
            var file = new DrawFile(path, channel);
            file.read(owner);
            return file;
        } catch (IOException e) {
            close(channel);
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        } catch (RuntimeException e) {
            close(channel);
            throw e;
        }
    }

    private static boolean locked(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }

    private static void close(FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void read(byte[] owner) throws IOException {
        int header = MAGIC.length + OWNER;
        byte[] expected = ByteBuffer.allocate(header).put(MAGIC).put(owner).array();
        byte[] found = bytes(0, (int) Math.min(header, channel.size()));
        if (!Arrays.equals(found, 0, found.length, expected, 0, found.length)) {
            throw new IllegalArgumentException(path + " holds no draws of this teacher at this temperature: remove it, or keep draws in another directory");
        }
        if (found.length < header) {
            write(0, ByteBuffer.wrap(expected));
        }
        end = header;
        while (end + 4 + KEY + 4 <= channel.size()) {
            int length = ByteBuffer.wrap(bytes(end, 4)).order(ByteOrder.LITTLE_ENDIAN).getInt();
            if (length < 0 || end + 4 + KEY + length + 4 > channel.size()) {
                break;
            }
            byte[] record = bytes(end, 4 + KEY + length + 4);
            int crc = ByteBuffer.wrap(record, record.length - 4, 4).order(ByteOrder.LITTLE_ENDIAN).getInt();
            if (crc != crc(record)) {
                break;
            }
            places.put(ByteBuffer.wrap(Arrays.copyOfRange(record, 4, 4 + KEY)), new Place(end + 4 + KEY, length));
            end += record.length;
        }
        channel.truncate(end);
    }

    private static int crc(byte[] record) {
        var crc = new CRC32();
        crc.update(record, 0, record.length - 4);
        return (int) crc.getValue();
    }

    private byte[] bytes(long at, int length) throws IOException {
        ByteBuffer to = ByteBuffer.allocate(length);
        while (to.hasRemaining()) {
            if (channel.read(to, at + to.position()) < 0) {
                throw new IOException("ends at byte " + channel.size());
            }
        }
        return to.array();
    }

    private void write(long at, ByteBuffer from) throws IOException {
        long start = at - from.position();
        while (from.hasRemaining()) {
            channel.write(from, start + from.position());
        }
    }

    /** Content of a row; null where it is not there. */
    byte[] get(byte[] key) {
        Place place = places.get(ByteBuffer.wrap(key));
        try {
            return place == null ? null : bytes(place.at, place.length);
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        }
    }

    /** Adds a row. */
    void put(byte[] key, byte[] content) {
        byte[] record = new byte[4 + KEY + content.length + 4];
        ByteBuffer to = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
        to.putInt(content.length).put(key).put(content).putInt(crc(record));
        try {
            write(end, ByteBuffer.wrap(record));
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage() + "; make room on the disk, or leave out --draws", e);
        }
        places.put(ByteBuffer.wrap(key.clone()), new Place(end + 4 + KEY, content.length));
        end += record.length;
    }

    int rows() {
        return places.size();
    }

    @Override
    public void close() {
        close(channel);
    }
}
