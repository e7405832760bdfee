package dev.zhulong.distribute;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * Through memory that all ranks of a host have mapped: each reads the values of the others where they lie, adds those of its part in the order of the ranks, and copies the
 * sums of the other parts. Ranks wait for one another by counters in that memory; who is gone they learn from their {@link Mesh}.
 */
final class MemoryCollectives implements Collectives {
    private static final int PIECE = 64 << 10;
    private static final long SHORTEST_PAUSE = 20_000;
    private static final long LONGEST_PAUSE = 2_000_000;
    private static final int LINE = 64;
    /** Of a rank: its counter on a line of its own, the call it is in, and its numbers. */
    private static final int CALL_AT = LINE;
    private static final int NAME = 200;
    private static final int NUMBERS_AT = CALL_AT + 256;
    private static final int SLOT = 12 << 10;
    private static final List<Path> PLACES = List.of(Path.of("/dev/shm"), Path.of(System.getProperty("java.io.tmpdir")));
    private static final VarHandle COUNTER = ValueLayout.JAVA_LONG.varHandle();

    private enum Kind { REDUCE_SCATTER, ALL_GATHER, ALL_TO_ALL, GATHER }

    /** A piece of memory that every rank has a copy of, all in one file. */
    private record Shared(MemorySegment all, long each, int size) {
        MemorySegment of(int rank) {
            return all.asSlice(rank * each, each);
        }
    }

    private final Mesh mesh;
    private final int rank;
    private final int size;
    private final Arena arena = Arena.ofShared();
    private final Collectives door;
    private final Shared slots;
    private final List<Shared> allocated = new ArrayList<>();
    private final MemorySegment sum;
    private long sent;
    private long phase;
    private int files;

    MemoryCollectives(Mesh mesh) {
        this.mesh = mesh;
        rank = mesh.group().rank();
        size = mesh.group().size();
        door = new SocketCollectives(mesh);
        sum = arena.allocate(PIECE, LINE);
        slots = share(SLOT);
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public String name(int of) {
        return mesh.name(of);
    }

    @Override
    public MemorySegment allocate(long bytes) {
        Shared made = share(Math.max(bytes, 1));
        allocated.add(made);
        return made.of(rank).asSlice(0, bytes);
    }

    /**
     * In a file that has no name any more as soon as all have mapped it, so that nothing is left of ranks that are killed. Where it lies rank 0 decides, who fills it first: a
     * place that is too small, as containers have it for /dev/shm, fails then and not at some later write.
     */
    private Shared share(long bytes) {
        long each = (bytes + 4095) / 4096 * 4096;
        String name = "zhulong-" + mesh.session() + "-" + files++;
        int place = rank == 0 ? make(name, each * size) : 0;
        Path file = PLACES.get((int) door.gather(new Call(0, "memory"), bytes, place)[0][1]).resolve(name);
        try (var channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment all = channel.map(FileChannel.MapMode.READ_WRITE, 0, each * size, arena);
            door.gather(new Call(0, "mapped"));
            return new Shared(all, each, size);
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException(file + " cannot be mapped: " + e.getMessage(), e));
        } finally {
            if (rank == 0) {
                file.toFile().delete();
            }
        }
    }

    /** Makes the file and gives the number of its place. */
    private static int make(String name, long bytes) {
        IOException last = null;
        for (int place = 0; place < PLACES.size(); place++) {
            Path file = PLACES.get(place).resolve(name);
            try (var made = FileChannel.open(file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
                var zeros = ByteBuffer.allocate(1 << 20);
                for (long at = 0; at < bytes; at += zeros.position()) {
                    zeros.clear().limit((int) Math.min(zeros.capacity(), bytes - at));
                    while (zeros.hasRemaining()) {
                        made.write(zeros);
                    }
                }
                return place;
            } catch (IOException e) {
                file.toFile().delete();
                last = e;
            }
        }
        throw new UncheckedIOException(new IOException("no room for " + bytes + " bytes that ranks share, in " + PLACES + ": " + last.getMessage(), last));
    }

    @Override
    public void reduceScatter(Call call, List<MemorySegment> values, List<MemorySegment> sums, boolean added) {
        List<MemorySegment[]> all = values.stream().map(this::everyones).toList();
        long bytes = bytes(values);
        meet(Kind.REDUCE_SCATTER, call, bytes, place(values));
        for (int run = 0; run < values.size(); run++) {
            add(Parts.of(values.get(run), size), all.get(run), sums.get(run), added);
            sent += values.get(run).byteSize() - sums.get(run).byteSize();
        }
        meet(Kind.REDUCE_SCATTER, call, bytes, place(values));
    }

    private void add(Parts parts, MemorySegment[] all, MemorySegment sums, boolean added) {
        long begin = parts.begin(rank) * Float.BYTES;
        for (long at = 0; at < parts.length(rank) * Float.BYTES; at += PIECE) {
            long bytes = Math.min(PIECE, sums.byteSize() - at);
            MemorySegment mine = sums.asSlice(at, bytes);
            MemorySegment total = sum.asSlice(0, bytes);
            Sums.add(total, added ? mine : all[0].asSlice(begin + at, bytes), all[added ? 0 : 1].asSlice(begin + at, bytes));
            for (int from = added ? 1 : 2; from < size; from++) {
                Sums.add(total, total, all[from].asSlice(begin + at, bytes));
            }
            mine.copyFrom(total);
        }
    }

    @Override
    public void allGather(Call call, List<MemorySegment> values) {
        List<MemorySegment[]> all = values.stream().map(this::everyones).toList();
        long bytes = bytes(values);
        meet(Kind.ALL_GATHER, call, bytes, place(values));
        for (int run = 0; run < values.size(); run++) {
            var parts = Parts.of(values.get(run), size);
            for (int from = 0; from < size; from++) {
                if (from != rank) {
                    parts.in(values.get(run), from).copyFrom(parts.in(all.get(run)[from], from));
                }
            }
            sent += (size - 1) * parts.length(rank) * Float.BYTES;
        }
        meet(Kind.ALL_GATHER, call, bytes, place(values));
    }

    /** Where values lie, which is the same on all ranks: another place would be read without a sign of it. */
    private long place(List<MemorySegment> values) {
        long place = 0;
        for (MemorySegment run : values) {
            for (int i = 0; i < allocated.size(); i++) {
                long at = run.address() - allocated.get(i).of(rank).address();
                place = at >= 0 && at + run.byteSize() <= allocated.get(i).each() ? 31 * place + ((long) i << 40) + at : place;
            }
        }
        return place;
    }

    @Override
    public void allGather(Call call, MemorySegment memory, long[] bytes) {
        MemorySegment[] all = everyones(memory);
        meet(Kind.ALL_GATHER, call, memory.byteSize(), place(List.of(memory)));
        for (int from = 0; from < size; from++) {
            if (from != rank) {
                SocketCollectives.message(memory, bytes, from).copyFrom(SocketCollectives.message(all[from], bytes, from));
            }
        }
        sent += (size - 1) * bytes[rank];
        meet(Kind.ALL_GATHER, call, memory.byteSize(), place(List.of(memory)));
    }

    @Override
    public void allToAll(Call call, MemorySegment messages, long[] bytes, MemorySegment received) {
        MemorySegment[] all = everyones(messages);
        meet(Kind.ALL_TO_ALL, call, messages.byteSize(), place(List.of(messages)));
        for (int from = 0; from < size; from++) {
            received.asSlice(from * bytes[rank], bytes[rank]).copyFrom(SocketCollectives.message(all[from], bytes, rank));
        }
        sent += messages.byteSize() - bytes[rank];
        meet(Kind.ALL_TO_ALL, call, messages.byteSize(), place(List.of(messages)));
    }

    private static long bytes(List<MemorySegment> values) {
        return values.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    @Override
    public double[][] gather(Call call, double... mine) {
        if (mine.length > MOST_GATHERED) {
            throw new IllegalArgumentException(mine.length + " numbers are more than " + MOST_GATHERED);
        }
        MemorySegment.copy(mine, 0, slots.of(rank), ValueLayout.JAVA_DOUBLE, NUMBERS_AT, mine.length);
        meet(Kind.GATHER, call, (long) mine.length * Double.BYTES, 0);
        double[][] all = new double[size][];
        for (int from = 0; from < size; from++) {
            all[from] = slots.of(from).asSlice(NUMBERS_AT, (long) mine.length * Double.BYTES).toArray(ValueLayout.JAVA_DOUBLE);
        }
        meet(Kind.GATHER, call, (long) mine.length * Double.BYTES, 0);
        return all;
    }

    /** The same place of each rank's memory. */
    private MemorySegment[] everyones(MemorySegment values) {
        for (Shared shared : allocated) {
            long at = values.address() - shared.of(rank).address();
            if (at >= 0 && at + values.byteSize() <= shared.each()) {
                MemorySegment[] all = new MemorySegment[size];
                for (int i = 0; i < size; i++) {
                    all[i] = shared.of(i).asSlice(at, values.byteSize());
                }
                return all;
            }
        }
        throw new IllegalArgumentException("values must lie in memory that was allocated here");
    }

    /** Returns once all ranks are in the same call; what each wrote before is then seen by all. */
    private void meet(Kind kind, Call call, long bytes, long place) {
        mesh.check();
        mesh.at(call.step());
        long next = ++phase;
        // two calls follow each other before a rank has read what another is in: their notes lie apart
        MemorySegment note = note(rank, next);
        byte[] name = call.name().getBytes(StandardCharsets.UTF_8);
        int length = Math.min(name.length, NAME);
        note.setAtIndex(ValueLayout.JAVA_LONG, 0, kind.ordinal());
        note.setAtIndex(ValueLayout.JAVA_LONG, 1, call.step());
        note.setAtIndex(ValueLayout.JAVA_LONG, 2, bytes);
        note.setAtIndex(ValueLayout.JAVA_LONG, 3, length);
        note.setAtIndex(ValueLayout.JAVA_LONG, 4, place);
        MemorySegment.copy(name, 0, note, ValueLayout.JAVA_BYTE, 5 * Long.BYTES, length);
        COUNTER.setRelease(slots.of(rank), 0L, next);
        for (int peer = 0; peer < size; peer++) {
            if (peer != rank) {
                await(peer, next);
                MemorySegment theirs = note(peer, next);
                long noted = 5 * Long.BYTES + length;
                if (theirs.asSlice(0, noted).mismatch(note.asSlice(0, noted)) >= 0) {
                    throw mesh.differs(peer, said(theirs), said(note));
                }
            }
        }
    }

    private MemorySegment note(int of, long next) {
        return slots.of(of).asSlice(next % 2 == 0 ? CALL_AT : SLOT - 256, 256);
    }

    private static String said(MemorySegment note) {
        int kind = (int) note.getAtIndex(ValueLayout.JAVA_LONG, 0);
        int length = Math.clamp(note.getAtIndex(ValueLayout.JAVA_LONG, 3), 0, NAME);
        String name = new String(note.asSlice(5 * Long.BYTES, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        return Kind.values()[Math.clamp(kind, 0, Kind.values().length - 1)].toString().toLowerCase(Locale.ROOT).replace('_', '-') + " of "
                + new Call(note.getAtIndex(ValueLayout.JAVA_LONG, 1), name) + " (" + note.getAtIndex(ValueLayout.JAVA_LONG, 2) + " bytes, place "
                + Long.toHexString(note.getAtIndex(ValueLayout.JAVA_LONG, 4)) + ")";
    }

    /** Looks without a pause at first, as the others are mostly near; then leaves the core to them, and looks the more seldom the longer it has waited. */
    private void await(int peer, long next) {
        MemorySegment slot = slots.of(peer);
        long begun = 0;
        for (int tries = 0; (long) COUNTER.getAcquire(slot, 0L) < next; tries++) {
            if (tries < 2000) {
                Thread.onSpinWait();
                continue;
            }
            begun = begun == 0 ? System.nanoTime() : begun;
            mesh.awaited(peer);
            if ((long) COUNTER.getAcquire(slot, 0L) >= next) {
                return;
            }
            if (Thread.currentThread().isInterrupted()) {
                throw new IllegalStateException("interrupted while waiting for rank " + peer);
            }
            LockSupport.parkNanos(Math.clamp((System.nanoTime() - begun) / 8, SHORTEST_PAUSE, LONGEST_PAUSE));
        }
    }

    @Override
    public long sentBytes() {
        return sent + door.sentBytes();
    }

    @Override
    public void close() {
        door.close();
        arena.close();
    }
}
