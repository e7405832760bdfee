package dev.zhulong.distribute;

import dev.zhulong.distribute.Handshake.Hello;
import dev.zhulong.distribute.Handshake.Purpose;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * Connections of a rank to each other one: one for values, and one on which both say several times within the timeout that they live and what step they are in. A rank
 * that is killed closes the second, one that is frozen says nothing on it, and one that is slow goes on saying that it lives.
 */
final class Mesh implements AutoCloseable {
    private static final long LEFT = -1;
    /** Less the rank that is to blame. */
    private static final long BLAMED = -2;
    private static final String ENDED = "has ended";
    /** Of the timeout, in which silence is counted. */
    private static final int SLICES = 8;
    /** For a rank that is frozen takes no word. */
    private static final Duration LAST_WORD = Duration.ofSeconds(1);

    private final Group group;
    private final Wire[] data;
    private final Wire[] control;
    private final String[] hosts;
    private final String session;
    private final boolean direct;
    private final List<Thread> beats = new ArrayList<>();
    private final long[] steps;
    private final AtomicIntegerArray left;
    private final AtomicReference<RankFailure> failure = new AtomicReference<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile long step;

    private Mesh(Group group, String session, String[] hosts, boolean direct) {
        this.group = group;
        this.session = session;
        this.hosts = hosts;
        this.direct = direct;
        data = new Wire[group.size()];
        control = new Wire[group.size()];
        steps = new long[group.size()];
        left = new AtomicIntegerArray(group.size());
    }

    /** Meets the others; waits a minute for them. */
    static Mesh join(Group group, Consumer<String> notice) {
        try (var listener = ServerSocketChannel.open()) {
            Meeting.bind(listener, group);
            Meeting met = Meeting.of(group, listener);
            Mesh mesh = new Mesh(group, met.session(), met.hosts(), met.direct());
            mesh.connect(listener, met.ports(), notice);
            mesh.live();
            return mesh;
        } catch (IOException e) {
            throw Meeting.failed(group, e);
        }
    }

    private void connect(ServerSocketChannel listener, int[] ports, Consumer<String> notice) throws IOException {
        for (int peer = 0; peer < group.rank(); peer++) {
            for (Purpose purpose : new Purpose[] {Purpose.CONTROL, Purpose.DATA}) {
                SocketChannel channel = Meeting.dial(hosts[peer], ports[peer]);
                Handshake.call(channel, group.key(), Meeting.hello(group, purpose, 0));
                take(peer, purpose, channel, Wire.called(channel, group.encryption()));
            }
        }
        var all = new CountDownLatch(2 * (group.size() - 1 - group.rank()));
        Thread.ofPlatform().daemon().name("rank-door").start(() -> {
            try {
                while (all.getCount() > 0) {
                    SocketChannel caller = listener.accept();
                    Thread.ofVirtual().start(() -> letIn(caller, all, notice));
                }
            } catch (IOException e) {
                // closed: all are in, or it is too late
            }
        });
        try {
            if (!all.await(Meeting.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new IOException("not all of the " + group.size() + " ranks have called within " + Meeting.PATIENCE.toSeconds() + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("was interrupted", e);
        }
    }

    private void letIn(SocketChannel caller, CountDownLatch all, Consumer<String> notice) {
        try {
            Hello hello = Handshake.answer(caller, group.key());
            if (hello.generation() != group.generation() || hello.size() != group.size() || hello.rank() <= group.rank() || hello.rank() >= group.size()
                    || hello.purpose() == Purpose.RENDEZVOUS) {
                throw new IOException("is none of those expected");
            }
            Handshake.accept(caller);
            take(hello.rank(), hello.purpose(), caller, Wire.answered(caller, group.encryption()));
            all.countDown();
        } catch (IOException e) {
            notice.accept("refused a connection: it " + e.getMessage());
            Handshake.close(caller);
        }
    }

    private synchronized void take(int peer, Purpose purpose, SocketChannel channel, Wire wire) throws IOException {
        Wire[] channels = purpose == Purpose.DATA ? data : control;
        if (channels[peer] != null) {
            throw new IOException("is a second rank " + peer);
        }
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channels[peer] = wire;
    }

    private void live() {
        for (int peer = 0; peer < group.size(); peer++) {
            if (peer != group.rank()) {
                int other = peer;
                beats.add(Thread.ofPlatform().daemon().name("rank-" + group.rank() + "-lives-for-" + peer).start(() -> beat(other)));
                Thread.ofPlatform().daemon().name("rank-" + group.rank() + "-watches-" + peer).start(() -> watch(other));
            }
        }
    }

    private void beat(int peer) {
        try {
            var out = new DataOutputStream(control[peer].out());
            boolean last;
            long told = -1;
            do {
                last = pause(told);
                told = step;
                RankFailure why = failure.get();
                out.writeLong(!last ? told : why == null ? LEFT : BLAMED - why.rank());
                out.flush();
            } while (!last);
        } catch (IOException e) {
            // who watches says so
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Until the next word is due, which a new step is at once; gives whether it is the last. */
    private boolean pause(long told) throws InterruptedException {
        synchronized (steps) {
            if (step == told && ended.getCount() > 0) {
                steps.wait(group.timeout().toMillis() / 8);
            }
        }
        return ended.getCount() == 0;
    }

    private void watch(int peer) {
        try {
            while (true) {
                long said = word(control[peer]);
                if (said <= BLAMED) {
                    int blamed = (int) (BLAMED - said);
                    fail(blamed, "is gone, says " + name(peer));
                } else if (said == LEFT) {
                    // others may still need one another
                    left.set(peer, 1);
                } else {
                    steps[peer] = said;
                    continue;
                }
                return;
            }
        } catch (SocketTimeoutException e) {
            fail(peer, "has said nothing for " + group.timeout().toMillis() / 1000.0 + " s");
        } catch (IOException e) {
            fail(peer, "is gone");
        }
    }

    /** The next word. Time in which this rank itself stood still, as on a machine that sleeps or has far too much to do, is not counted as the other's silence. */
    private long word(Wire channel) throws IOException {
        long slice = group.timeout().toNanos() / SLICES;
        channel.timeout((int) Math.max(1, slice / 1_000_000));
        InputStream in = channel.in();
        byte[] word = new byte[Long.BYTES];
        int silent = 0;
        for (int at = 0; at < word.length; ) {
            long begun = System.nanoTime();
            try {
                int read = in.read(word, at, word.length - at);
                if (read < 0) {
                    throw new EOFException();
                }
                at += read;
            } catch (SocketTimeoutException e) {
                silent += System.nanoTime() - begun < 2 * slice ? 1 : 0;
                if (silent == SLICES) {
                    throw e;
                }
            }
        }
        return ByteBuffer.wrap(word).getLong();
    }

    private void fail(int peer, String what) {
        if (ended.getCount() == 0) {
            return;
        }
        String last = peer >= 0 && peer < group.size() && peer != group.rank() ? "; its last step was " + steps[peer] : "";
        if (failure.compareAndSet(null, new RankFailure(peer, name(peer) + " " + what + last))) {
            // whoever waits for values wakes up
            for (Wire channel : data) {
                if (channel != null) {
                    channel.close();
                }
            }
        }
    }

    /** A rank and its host. */
    String name(int peer) {
        return "rank " + peer + " on " + (peer >= 0 && peer < hosts.length ? hosts[peer] : "an unknown host");
    }

    /** What went wrong with values that {@code peer} sends or takes: that it is gone, where that is known or becomes known in time. */
    RankFailure lost(int peer, IOException why) {
        long end = System.nanoTime() + group.timeout().toNanos();
        while (failure.get() == null && left.get(peer) == 0 && System.nanoTime() < end) {
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        fail(peer, left.get(peer) == 0 ? "cannot be reached (" + why.getMessage() + ")" : ENDED);
        return failure();
    }

    /** @throws RankFailure if it is known that {@code peer} comes no more */
    void awaited(int peer) {
        check();
        if (left.get(peer) != 0) {
            fail(peer, ENDED);
            check();
        }
    }

    /** Two ranks mean different calls. */
    RankFailure differs(int peer, String theirs, String mine) {
        var found = new RankFailure(peer, name(peer) + " is at " + theirs + ", where rank " + group.rank() + " is at " + mine
                + ": ranks have to make the same calls in the same order", true);
        failure.compareAndSet(null, found);
        return found;
    }

    /** @throws RankFailure if a rank is known to be gone */
    void check() {
        RankFailure why = failure();
        if (why != null) {
            throw why;
        }
    }

    /** A new one for whoever throws it; null while all live. */
    private RankFailure failure() {
        RankFailure why = failure.get();
        return why == null ? null : new RankFailure(why.rank(), why.getMessage(), why.isDefect());
    }

    /** This rank is in a step, which the others are told. */
    void at(long value) {
        if (value != step) {
            synchronized (steps) {
                step = value;
                steps.notifyAll();
            }
        }
    }

    Wire data(int peer) {
        return data[peer];
    }

    Group group() {
        return group;
    }

    /** Whether all ranks have one address, which is their own, and so are on one host. */
    boolean isOneHost() {
        return direct && Arrays.stream(hosts).distinct().count() == 1;
    }

    /** Random, the same on all ranks. */
    String session() {
        return session;
    }

    @Override
    public void close() {
        synchronized (steps) {
            ended.countDown();
            steps.notifyAll();
        }
        try {
            // a connection that closes without the last word is that of a rank that was killed
            for (Thread beat : beats) {
                beat.join(LAST_WORD);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        for (int peer = 0; peer < group.size(); peer++) {
            if (peer != group.rank()) {
                data[peer].close();
                control[peer].close();
            }
        }
    }
}
