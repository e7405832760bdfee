package dev.zhulong.distribute;

import dev.zhulong.distribute.Handshake.Hello;
import dev.zhulong.distribute.Handshake.Purpose;
import dev.zhulong.distribute.WorkQueue.Task;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * The rank that holds the weights (Li et al. 2014): gives the others batches to compute and the weights to do it with, and takes their gradients into a {@link WorkQueue}. A worker
 * that is gone is named, and nobody waits for it. Workers prove that they know the key, as ranks do, and say what weights they mean before anything else is read.
 */
public final class WorkServer implements AutoCloseable {
    /**
     * What a worker computed.
     *
     * @param loss   of the batch: sum, count and bytes
     * @param tokens read
     * @param values its gradient; {@link #free} takes it back
     */
    public record Gradient(double loss, long count, long bytes, long tokens, MemorySegment values) {}

    /** Weights of a version, and how many workers they are being sent to. */
    private static final class Weights {
        private final MemorySegment values;
        private int readers;

        Weights(MemorySegment values) {
            this.values = values;
        }
    }

    private final Group group;
    private final Consumer<String> notice;
    private final ServerSocketChannel listener;
    private final String[] hosts;
    private final Arena arena = Arena.ofShared();
    /** Only added to by whoever publishes. */
    private final List<Weights> all = new CopyOnWriteArrayList<>();
    private final Deque<MemorySegment> spare = new ArrayDeque<>();
    private WorkQueue<Gradient> queue;
    private long fingerprint;
    private long gradientBytes;
    private long weightBytes;
    /** Null before there are any. */
    private Weights newest;
    private int barriers;
    private boolean closed;
    private int talking;

    private WorkServer(Group group, ServerSocketChannel listener, String[] hosts, Consumer<String> notice) {
        this.group = group;
        this.listener = listener;
        this.hosts = hosts;
        this.notice = notice;
    }

    /** Meets the workers, all other ranks of the group. */
    public static WorkServer open(Group group, Consumer<String> notice) {
        if (group.size() < 2) {
            throw new IllegalArgumentException("a parameter server needs workers: give at least two ranks, of which the first serves the others");
        }
        try {
            var listener = ServerSocketChannel.open();
            Meeting.bind(listener, group);
            var server = new WorkServer(group, listener, Meeting.of(group, listener).hosts(), notice);
            Thread.ofPlatform().daemon().name("work-door").start(server::listen);
            return server;
        } catch (IOException e) {
            throw Meeting.failed(group, e);
        }
    }

    /** How many workers there were at first. */
    public int workers() {
        return group.size() - 1;
    }

    /** A worker and its host, for people. */
    public String name(int worker) {
        return "rank " + worker + " on " + hosts[worker];
    }

    /** Whoever waits in {@link WorkClient#barrier} for this one goes on. */
    public synchronized void barrier() {
        barriers++;
        notifyAll();
    }

    /**
     * Work begins.
     *
     * @param weights     the size of what is published, in bytes
     * @param gradient    the size of a gradient, in bytes
     * @param fingerprint of what weights and gradients are of: a worker that has another is refused
     */
    public synchronized void serve(WorkQueue<Gradient> work, long weights, long gradient, long fingerprint) {
        weightBytes = weights;
        gradientBytes = gradient;
        this.fingerprint = fingerprint;
        queue = work;
        notifyAll();
    }

    /**
     * Publishes weights, which workers get from now on. Whoever is being sent older ones gets these to the end: a worker that does not read keeps nobody waiting.
     *
     * @param fill writes them
     * @param then is done at the same moment, as far as workers see: {@link WorkQueue#updated} belongs there
     */
    public void publish(Consumer<MemorySegment> fill, Runnable then) {
        Weights next;
        synchronized (this) {
            next = all.stream().filter(each -> each != newest && each.readers == 0).findFirst().orElse(null);
        }
        if (next == null) {
            next = new Weights(arena.allocate(weightBytes, 64));
            all.add(next);
        }
        fill.accept(next.values);
        synchronized (this) {
            newest = next;
            then.run();
            notifyAll();
        }
    }

    /** Takes back the memory of a gradient. */
    public void free(Gradient used) {
        synchronized (spare) {
            spare.add(used.values);
        }
    }

    private MemorySegment memory() {
        synchronized (spare) {
            MemorySegment free = spare.poll();
            return free == null ? arena.allocate(gradientBytes, 64) : free;
        }
    }

    private void listen() {
        try {
            while (true) {
                SocketChannel caller = listener.accept();
                Thread.ofPlatform().daemon().name("work-for-someone").start(() -> letIn(caller));
            }
        } catch (IOException e) {
            // closed
        }
    }

    private void letIn(SocketChannel caller) {
        int worker;
        Wire wire;
        try {
            Hello hello = Handshake.answer(caller, group.key());
            if (hello.generation() != group.generation() || hello.size() != group.size() || hello.rank() < 1 || hello.rank() >= group.size() || hello.purpose() != Purpose.WORK) {
                throw new IOException("is none of those expected");
            }
            caller.setOption(StandardSocketOptions.TCP_NODELAY, true);
            Handshake.accept(caller);
            wire = Wire.answered(caller, group.encryption());
            worker = hello.rank();
        } catch (IOException e) {
            notice.accept("refused a connection: it " + e.getMessage());
            Handshake.close(caller);
            return;
        }
        talk(worker, new WorkWire(wire));
    }

    private void talk(int worker, WorkWire wire) {
        synchronized (this) {
            talking++;
        }
        String why = "is gone";
        boolean came = false;
        try (wire) {
            while (true) {
                switch (wire.request()) {
                    case BARRIER -> {
                        long number = wire.readLong();
                        await(() -> barriers >= number);
                        wire.answer(true);
                    }
                    case HELLO -> {
                        await(() -> queue != null);
                        boolean same = wire.readLong() == fingerprint & wire.readLong() == weightBytes & wire.readLong() == gradientBytes;
                        wire.answer(same);
                        if (!same) {
                            why = "has other weights and was refused: ranks need the same build and the same files";
                            return;
                        }
                        queue.came(worker);
                        came = true;
                    }
                    case NEXT -> {
                        if (!came || !next(worker, wire)) {
                            why = null;
                            return;
                        }
                    }
                    case PUSH -> {
                        if (!came) {
                            why = "sends gradients before it said of what";
                            return;
                        }
                        push(worker, wire);
                    }
                }
            }
        } catch (IOException e) {
            // named below
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IllegalArgumentException e) {
            why = "is refused: " + e.getMessage();
        } finally {
            left(worker, came, why);
        }
    }

    private void left(int worker, boolean came, String why) {
        WorkQueue<Gradient> work;
        boolean over;
        synchronized (this) {
            talking--;
            over = closed;
            work = queue;
            notifyAll();
        }
        if (why != null && !over) {
            int others = came ? work.lost(worker) : -1;
            notice.accept(name(worker) + " " + why + (others > 0 ? ": its batch is given to another; " + others + (others == 1 ? " worker is" : " workers are") + " left" : ""));
        }
    }

    /** Gives a worker its next batch, and the weights, unless it has those already; false at the end. */
    private boolean next(int worker, WorkWire wire) throws IOException, InterruptedException {
        long has = wire.readLong();
        await(() -> newest != null || closed);
        Optional<Task> task = queue.take(worker);
        if (task.isEmpty()) {
            wire.answer(false);
            return false;
        }
        Weights weights;
        long version;
        synchronized (this) {
            weights = newest;
            version = queue.version();
            weights.readers++;
        }
        try {
            wire.answer(true);
            wire.write(task.get().number(), version, version == has ? 0 : 1);
            if (version != has) {
                wire.write(weights.values);
            }
            wire.flush();
        } finally {
            synchronized (this) {
                weights.readers--;
            }
        }
        return true;
    }

    private void push(int worker, WorkWire wire) throws IOException {
        long number = wire.readLong();
        long version = wire.readLong();
        double loss = Double.longBitsToDouble(wire.readLong());
        long count = wire.readLong();
        long bytes = wire.readLong();
        long tokens = wire.readLong();
        MemorySegment values = memory();
        wire.read(values);
        var gradient = new Gradient(loss, count, bytes, tokens, values);
        boolean used = queue.push(worker, number, version, gradient);
        if (!used) {
            free(gradient);
        }
        wire.answer(used);
    }

    private interface Condition {
        boolean holds();
    }

    private synchronized void await(Condition condition) throws InterruptedException {
        while (!condition.holds()) {
            wait();
        }
    }

    /** Lets the workers go: each is told that there is nothing more to do. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
            if (queue != null) {
                queue.close();
            }
            long end = System.nanoTime() + group.timeout().toNanos();
            try {
                while (talking > 0 && queue != null && System.nanoTime() < end) {
                    wait(Math.max(1, (end - System.nanoTime()) / 1_000_000));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        try {
            listener.close();
        } catch (IOException e) {
            // nobody calls any more
        }
    }
}
