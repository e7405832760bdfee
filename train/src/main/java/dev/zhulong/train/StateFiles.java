package dev.zhulong.train;

import com.sun.nio.file.ExtendedOpenOption;
import dev.zhulong.formats.Sizes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32C;

/**
 * The files of a state that lies on the disk. Weights and each of the moments have two slots: a step reads one and writes the other, and a record of a few bytes
 * says which is valid; so whatever moment the process is killed in, all of a step is there or nothing of it. Gradients have one place. All bytes are taken from the
 * disk when the files are made, so that it cannot run full later.
 *
 * <p>Files are read and written explicitly, past the page cache where the file system allows it: what is mapped would count as the process's memory.
 */
final class StateFiles implements AutoCloseable {
    /** What lies in two slots: the weights, and after them as many kinds of moments as the optimizer has. */
    static final int WEIGHTS = 0;
    private static final int CHUNK = 8 << 20;
    private static final int SECTOR = 4096;
    private static final long MAGIC = 0x5a48554c4f4e4731L;

    /** The record. */
    record Commit(long steps, long updates, int slot) {}

    private final Path directory;
    private final long layout;
    private final long bytes;
    private final FileChannel[][] slots;
    private final FileChannel gradients;
    private final FileChannel record;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment sector = arena.allocate(SECTOR, SECTOR);
    private final Runnable beforeEachWrite;
    private final LongAdder moved = new LongAdder();
    private int active;
    private long since;
    private long nanoseconds;
    private long sequence;
    private Commit commit;

    /**
     * Opens what lies in {@code directory}, or makes it.
     *
     * @param moments         kinds of moments
     * @param beforeEachWrite may throw, in a test
     * @throws IllegalArgumentException if it does not fit on the disk, or belongs to another model
     */
    StateFiles(Path directory, StateLayout layout, int moments, Runnable beforeEachWrite) {
        this.directory = directory;
        this.layout = layout.hash() * 31 + moments;
        this.bytes = layout.elements() * Float.BYTES;
        this.beforeEachWrite = beforeEachWrite;
        slots = new FileChannel[moments + 1][2];
        List<FileChannel> opened = new ArrayList<>();
        try {
            Files.createDirectories(directory);
            requireRoom(layout, moments);
            record = FileChannel.open(directory.resolve("record"), StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
            opened.add(record);
            commit = newest();
            for (int kind = 0; kind <= moments; kind++) {
                for (int slot = 0; slot < 2; slot++) {
                    slots[kind][slot] = open((kind == WEIGHTS ? "weights." : "moment" + kind + ".") + slot, bytes, opened);
                }
            }
            gradients = open("gradients", Math.max(SECTOR, layout.streamed() * Float.BYTES), opened);
        } catch (IOException e) {
            close(opened);
            throw new UncheckedIOException("cannot make the files of the training's state in " + directory + ": " + e.getMessage(), e);
        } catch (RuntimeException | Error e) {
            close(opened);
            throw e;
        }
    }

    private void requireRoom(StateLayout layout, int moments) throws IOException {
        long there = 0;
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                there += Files.size(file);
            }
        }
        long missing = diskBytes(layout, moments) - there;
        long free = Files.getFileStore(directory).getUsableSpace();
        if (missing > free) {
            throw new IllegalArgumentException("the training's state takes " + Sizes.memory(diskBytes(layout, moments)) + " of disk in " + directory + " and " + Sizes.memory(free)
                    + " are free: free some, or train in a directory on another disk");
        }
    }

    /** Bytes of all files. */
    static long diskBytes(StateLayout layout, int moments) {
        return Float.BYTES * (2L * (moments + 1) * layout.elements() + layout.streamed());
    }

    private FileChannel open(String name, long size, List<FileChannel> opened) throws IOException {
        Path file = directory.resolve(name);
        if (!Files.exists(file) || Files.size(file) != size) {
            if (commit != null) {
                throw new IllegalArgumentException(file + " is not as it was written: delete " + directory + " to go on from the newest checkpoint");
            }
            fill(file, size);
        }
        FileChannel channel = direct(file);
        opened.add(channel);
        return channel;
    }

    /** Takes the bytes from the disk. */
    private void fill(Path file, long size) throws IOException {
        ByteBuffer zero = ByteBuffer.allocateDirect(CHUNK);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING)) {
            for (long at = 0; at < size; ) {
                zero.clear().limit((int) Math.min(CHUNK, size - at));
                beforeEachWrite();
                at += channel.write(zero);
            }
            channel.force(true);
        }
    }

    private static FileChannel direct(Path file) throws IOException {
        Set<OpenOption> options = new HashSet<>(Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE));
        try {
            if (SECTOR % Files.getFileStore(file).getBlockSize() == 0) {
                options.add(ExtendedOpenOption.DIRECT);
                return FileChannel.open(file, options);
            }
        } catch (IOException | UnsupportedOperationException e) {
            // tmpfs, for one, has no direct I/O
        }
        options.remove(ExtendedOpenOption.DIRECT);
        return FileChannel.open(file, options);
    }

    private static void close(List<FileChannel> channels) {
        for (FileChannel channel : channels) {
            try {
                channel.close();
            } catch (IOException e) {
                // nothing that was forced is lost
            }
        }
    }

    /**
     * Reads weights or moments.
     *
     * @param first element, a multiple of {@link StateLayout#GRAIN} as the number of elements is
     * @param into  begins at a page
     */
    void read(int kind, int slot, long first, MemorySegment into) {
        read(slots[kind][slot], first, into);
    }

    void write(int kind, int slot, long first, MemorySegment from) {
        write(slots[kind][slot], first, from);
    }

    void readGradients(long first, MemorySegment into) {
        read(gradients, first, into);
    }

    void writeGradients(long first, MemorySegment from) {
        write(gradients, first, from);
    }

    private void read(FileChannel channel, long first, MemorySegment into) {
        begin();
        try {
            for (long at = 0; at < into.byteSize(); ) {
                int n = channel.read(into.asSlice(at, Math.min(CHUNK, into.byteSize() - at)).asByteBuffer(), first * Float.BYTES + at);
                if (n <= 0) {
                    throw new IOException("it ends too early");
                }
                at += n;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the training's state in " + directory + ": " + e.getMessage(), e);
        } finally {
            end();
        }
        moved.add(into.byteSize());
    }

    private void write(FileChannel channel, long first, MemorySegment from) {
        begin();
        try {
            for (long at = 0; at < from.byteSize(); ) {
                beforeEachWrite();
                at += channel.write(from.asSlice(at, Math.min(CHUNK, from.byteSize() - at)).asByteBuffer(), first * Float.BYTES + at);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the training's state in " + directory + ": " + e.getMessage(), e);
        } finally {
            end();
        }
        moved.add(from.byteSize());
    }

    private synchronized void begin() {
        if (active++ == 0) {
            since = System.nanoTime();
        }
    }

    private synchronized void end() {
        if (--active == 0) {
            nanoseconds += System.nanoTime() - since;
        }
    }

    /** One after another, however many write. */
    private synchronized void beforeEachWrite() {
        beforeEachWrite.run();
    }

    /** Bytes read and written so far. */
    long moved() {
        return moved.sum();
    }

    /** Time in which something was read or written so far. */
    synchronized long nanoseconds() {
        return nanoseconds + (active > 0 ? System.nanoTime() - since : 0);
    }

    /** What was last committed. */
    Optional<Commit> committed() {
        return Optional.ofNullable(commit);
    }

    /** Makes a slot the valid one: its bytes reach the disk, then the record that names it, in the one of two sectors that the last record is not in. */
    void commit(Commit next) {
        try {
            for (FileChannel[] kind : slots) {
                kind[next.slot].force(false);
            }
            ByteBuffer content = sector.asByteBuffer();
            content.putLong(MAGIC).putLong(layout).putLong(sequence + 1).putLong(next.steps).putLong(next.updates).putLong(next.slot);
            content.putLong(checksum(content)).clear();
            beforeEachWrite();
            record.write(content, (sequence + 1) % 2 * SECTOR);
            record.force(true);
            sequence++;
            commit = next;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the training's state in " + directory + ": " + e.getMessage(), e);
        }
    }

    private static long checksum(ByteBuffer content) {
        var sum = new CRC32C();
        sum.update(content.duplicate().flip());
        return sum.getValue();
    }

    private Commit newest() throws IOException {
        if (record.size() < 2 * SECTOR) {
            record.write(ByteBuffer.allocate(2 * SECTOR), 0);
        }
        Commit newest = null;
        for (int i = 0; i < 2; i++) {
            ByteBuffer content = sector.asByteBuffer();
            record.read(content, (long) i * SECTOR);
            content.position(0);
            boolean ours = content.getLong() == MAGIC;
            long of = content.getLong();
            long number = content.getLong();
            var found = new Commit(content.getLong(), content.getLong(), (int) content.getLong());
            long expected = checksum(content);
            if (!ours || content.getLong() != expected) {
                continue;
            }
            if (of != layout) {
                throw new IllegalArgumentException(directory + " holds the state of another model: choose another run directory");
            }
            if (newest == null || number > sequence) {
                newest = found;
                sequence = number;
            }
        }
        return newest;
    }

    @Override
    public void close() {
        List<FileChannel> all = new ArrayList<>(List.of(record, gradients));
        for (FileChannel[] kind : slots) {
            all.addAll(List.of(kind));
        }
        close(all);
        arena.close();
    }
}
