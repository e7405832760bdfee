package dev.zhulong.distribute;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;

/**
 * Over TCP. Each rank sends the others their parts and adds what comes for its own, in the order of the ranks, a piece at a time: a reduce-scatter sends (N−1)/N of the
 * values, as a ring does, and its sums do not depend on where in the ring a part lies. Before its values each message has a head that says which call they are of.
 */
final class SocketCollectives implements Collectives {
    private static final int PIECE = 256 << 10;
    private static final int FIXED = 3 * Integer.BYTES + 2 * Long.BYTES + Short.BYTES;
    private static final int NAME = 200;

    private enum Kind { REDUCE_SCATTER, ALL_GATHER, ALL_TO_ALL, GATHER }

    private final Mesh mesh;
    private final int rank;
    private final int size;
    private final Arena arena = Arena.ofShared();
    private final ExecutorService[] senders;
    private final MemorySegment received;
    private final MemorySegment sum;
    private final AtomicLong sent = new AtomicLong();
    private int sequence;

    SocketCollectives(Mesh mesh) {
        this.mesh = mesh;
        rank = mesh.group().rank();
        size = mesh.group().size();
        senders = new ExecutorService[size];
        for (int peer = 0; peer < size; peer++) {
            senders[peer] = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("rank-" + rank + "-to-" + peer).factory());
        }
        received = arena.allocate(PIECE, 64);
        sum = arena.allocate(PIECE, 64);
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
        return arena.allocate(bytes, 64);
    }

    @Override
    public void reduceScatter(Call call, List<MemorySegment> values, List<MemorySegment> sums, boolean added) {
        Head head = begin(Kind.REDUCE_SCATTER, call, bytes(values));
        List<Future<?>> sending = send(peer -> {
            sendHead(peer, head);
            for (MemorySegment run : values) {
                sendValues(peer, part(run, peer));
            }
        });
        expectHeads(head);
        for (int run = 0; run < values.size(); run++) {
            add(part(values.get(run), rank), sums.get(run), added);
        }
        await(sending);
    }

    private void add(MemorySegment own, MemorySegment sums, boolean added) {
        for (long at = 0; at < own.byteSize(); at += PIECE) {
            long bytes = Math.min(PIECE, own.byteSize() - at);
            MemorySegment total = sum.asSlice(0, bytes);
            if (added) {
                total.copyFrom(sums.asSlice(at, bytes));
            }
            for (int from = 0; from < size; from++) {
                MemorySegment next = own.asSlice(at, bytes);
                if (from != rank) {
                    next = received.asSlice(0, bytes);
                    receive(from, next.asByteBuffer());
                }
                if (from == 0 && !added) {
                    total.copyFrom(next);
                } else {
                    Sums.add(total, total, next);
                }
            }
            sums.asSlice(at, bytes).copyFrom(total);
        }
    }

    @Override
    public void allGather(Call call, List<MemorySegment> values) {
        Head head = begin(Kind.ALL_GATHER, call, bytes(values));
        List<Future<?>> sending = send(peer -> {
            sendHead(peer, head);
            for (MemorySegment run : values) {
                sendValues(peer, part(run, rank));
            }
        });
        expectHeads(head);
        for (MemorySegment run : values) {
            for (int peer = 0; peer < size; peer++) {
                if (peer != rank) {
                    receive(peer, part(run, peer));
                }
            }
        }
        await(sending);
    }

    @Override
    public void allGather(Call call, MemorySegment memory, long[] bytes) {
        Head head = begin(Kind.ALL_GATHER, call, memory.byteSize());
        List<Future<?>> sending = send(peer -> {
            sendHead(peer, head);
            sendValues(peer, message(memory, bytes, rank));
        });
        expectHeads(head);
        for (int peer = 0; peer < size; peer++) {
            if (peer != rank) {
                receive(peer, message(memory, bytes, peer));
            }
        }
        await(sending);
    }

    @Override
    public void allToAll(Call call, MemorySegment messages, long[] bytes, MemorySegment to) {
        Head head = begin(Kind.ALL_TO_ALL, call, messages.byteSize());
        List<Future<?>> sending = send(peer -> {
            sendHead(peer, head);
            sendValues(peer, message(messages, bytes, peer));
        });
        expectHeads(head);
        for (int peer = 0; peer < size; peer++) {
            MemorySegment next = to.asSlice(peer * bytes[rank], bytes[rank]);
            if (peer == rank) {
                next.copyFrom(message(messages, bytes, rank));
            } else {
                receive(peer, next);
            }
        }
        await(sending);
    }

    /** That of a rank, of several one behind the other. */
    static MemorySegment message(MemorySegment all, long[] bytes, int of) {
        return all.asSlice(LongStream.of(bytes).limit(of).sum(), bytes[of]);
    }

    private void receive(int peer, MemorySegment to) {
        for (long at = 0; at < to.byteSize(); at += PIECE) {
            receive(peer, to.asSlice(at, Math.min(PIECE, to.byteSize() - at)).asByteBuffer());
        }
    }

    private void expectHeads(Head mine) {
        for (int peer = 0; peer < size; peer++) {
            if (peer != rank) {
                expectHead(peer, mine);
            }
        }
    }

    private static long bytes(List<MemorySegment> values) {
        return values.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    @Override
    public double[][] gather(Call call, double... mine) {
        if (mine.length > MOST_GATHERED) {
            throw new IllegalArgumentException(mine.length + " numbers are more than " + MOST_GATHERED);
        }
        long bytes = (long) mine.length * Double.BYTES;
        Head head = begin(Kind.GATHER, call, bytes);
        List<Future<?>> sending = send(peer -> {
            sendHead(peer, head);
            ByteBuffer buffer = ByteBuffer.allocate((int) bytes);
            buffer.asDoubleBuffer().put(mine);
            write(peer, buffer);
        });
        double[][] all = new double[size][];
        for (int peer = 0; peer < size; peer++) {
            if (peer == rank) {
                all[peer] = mine.clone();
            } else {
                expectHead(peer, head);
                ByteBuffer buffer = ByteBuffer.allocate((int) bytes);
                receive(peer, buffer);
                all[peer] = new double[mine.length];
                buffer.flip().asDoubleBuffer().get(all[peer]);
            }
        }
        await(sending);
        return all;
    }

    private MemorySegment part(MemorySegment values, int of) {
        return Parts.of(values, size).in(values, of);
    }

    private interface ToPeer {
        void run(int peer) throws IOException;
    }

    private List<Future<?>> send(ToPeer task) {
        List<Future<?>> all = new ArrayList<>();
        for (int i = 1; i < size; i++) {
            // each begins with another, so that not all send to the same one
            int peer = (rank + i) % size;
            Callable<Void> one = () -> {
                try {
                    task.run(peer);
                    return null;
                } catch (IOException e) {
                    throw mesh.lost(peer, e);
                }
            };
            all.add(senders[peer].submit(one));
        }
        return all;
    }

    private void await(List<Future<?>> sending) {
        for (Future<?> each : sending) {
            try {
                each.get();
            } catch (ExecutionException e) {
                throw e.getCause() instanceof RankFailure failure ? failure : new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while values were sent", e);
            }
        }
    }

    /** What a message is of; the sequence number tells two calls of one name apart. */
    private record Head(Kind kind, Call call, long bytes, int generation, int sequence) {
        ByteBuffer bytes0() {
            byte[] name = call.name().getBytes(StandardCharsets.UTF_8);
            name = Arrays.copyOf(name, Math.min(name.length, NAME));
            return ByteBuffer.allocate(FIXED + name.length).putInt(kind.ordinal()).putInt(generation).putInt(sequence).putLong(call.step()).putLong(bytes)
                    .putShort((short) name.length).put(name).flip();
        }

        @Override
        public String toString() {
            return kind.toString().toLowerCase(java.util.Locale.ROOT).replace('_', '-') + " of " + call + " (" + bytes + " bytes, call " + sequence + ")";
        }
    }

    private Head begin(Kind kind, Call call, long bytes) {
        mesh.check();
        mesh.at(call.step());
        return new Head(kind, call, bytes, mesh.group().generation(), sequence++);
    }

    private void sendHead(int peer, Head head) throws IOException {
        write(peer, head.bytes0());
    }

    private void sendValues(int peer, MemorySegment values) throws IOException {
        for (long at = 0; at < values.byteSize(); at += PIECE) {
            write(peer, values.asSlice(at, Math.min(PIECE, values.byteSize() - at)).asByteBuffer());
        }
    }

    private void write(int peer, ByteBuffer bytes) throws IOException {
        Wire channel = mesh.data(peer);
        sent.addAndGet(bytes.remaining());
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private void expectHead(int peer, Head mine) {
        ByteBuffer fixed = ByteBuffer.allocate(FIXED);
        receive(peer, fixed);
        fixed.flip();
        int kind = fixed.getInt();
        int generation = fixed.getInt();
        int number = fixed.getInt();
        long step = fixed.getLong();
        long bytes = fixed.getLong();
        byte[] name = new byte[Math.clamp(fixed.getShort(), 0, NAME)];
        receive(peer, ByteBuffer.wrap(name));
        var theirs = new Head(kind >= 0 && kind < Kind.values().length ? Kind.values()[kind] : Kind.GATHER, new Call(step, new String(name, StandardCharsets.UTF_8)), bytes,
                generation, number);
        if (!theirs.bytes0().equals(mine.bytes0())) {
            throw mesh.differs(peer, theirs.toString(), mine.toString());
        }
    }

    private void receive(int peer, ByteBuffer to) {
        try {
            while (to.hasRemaining()) {
                if (mesh.data(peer).read(to) < 0) {
                    throw new EOFException("it closed its connection");
                }
            }
        } catch (IOException e) {
            throw mesh.lost(peer, e);
        }
    }

    @Override
    public long sentBytes() {
        return sent.get();
    }

    @Override
    public void close() {
        for (ExecutorService sender : senders) {
            sender.shutdown();
        }
        mesh.close();
        arena.close();
    }
}
