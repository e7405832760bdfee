package dev.zhulong.distribute;

import dev.zhulong.distribute.Handshake.Hello;
import dev.zhulong.distribute.Handshake.Purpose;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.HexFormat;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;

/**
 * Where ranks meet: each tells the address it listens on, and once all have come each is told those of all. Kept by whoever starts the ranks, or by rank 0. The
 * port is bound before it is told to anyone, so two jobs on one host cannot meet.
 */
public final class Rendezvous implements AutoCloseable {
    private static final int SECONDS = 5;

    private final ServerSocketChannel listener;
    private final int size;
    private final int generation;
    private final byte[] key;
    private final SSLContext encryption;
    private final Consumer<String> notice;
    private final SocketChannel[] waiting;
    private final Wire[] wires;
    private final int[] ports;
    private final String[] hosts;
    /** Whether all are reached by the address they call from. */
    private boolean direct = true;
    private final String session = HexFormat.of().formatHex(Handshake.random(16));

    private Rendezvous(ServerSocketChannel listener, int size, int generation, byte[] key, SSLContext encryption, Consumer<String> notice) {
        this.listener = listener;
        this.size = size;
        this.generation = generation;
        this.key = key.clone();
        this.encryption = encryption;
        this.notice = notice;
        waiting = new SocketChannel[size];
        wires = new Wire[size];
        ports = new int[size];
        hosts = new String[size];
    }

    /** A fresh key for ranks that one process starts. */
    public static byte[] newKey() {
        return Handshake.random(32);
    }

    /** Listens for ranks that do not encrypt. */
    public static Rendezvous open(String bind, int port, int size, int generation, byte[] key, Consumer<String> notice) {
        return open(bind, port, size, generation, key, null, notice);
    }

    /**
     * Listens.
     *
     * @param port       0 for a free one
     * @param encryption that of the ranks; null for none
     * @param notice     is told of callers that were refused
     */
    public static Rendezvous open(String bind, int port, int size, int generation, byte[] key, SSLContext encryption, Consumer<String> notice) {
        try {
            var listener = ServerSocketChannel.open();
            listener.bind(new InetSocketAddress(bind, port));
            var made = new Rendezvous(listener, size, generation, key, encryption, notice);
            Thread.ofPlatform().daemon().name("rendezvous").start(made::listen);
            return made;
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException("ranks cannot meet at " + bind + ":" + port + ": " + e.getMessage(), e));
        }
    }

    public int port() {
        return listener.socket().getLocalPort();
    }

    private void listen() {
        try {
            while (true) {
                SocketChannel caller = listener.accept();
                // a caller that says nothing keeps nobody waiting
                Thread.ofVirtual().start(() -> meet(caller));
            }
        } catch (IOException e) {
            // closed
        }
    }

    private void meet(SocketChannel caller) {
        String from = "somebody";
        try {
            from = String.valueOf(caller.getRemoteAddress());
            Hello hello = Handshake.answer(caller, key);
            if (hello.purpose() != Purpose.RENDEZVOUS || hello.size() != size || hello.rank() < 0 || hello.rank() >= size || hello.generation() != generation) {
                throw new IOException("is rank " + hello.rank() + " of " + hello.size() + " in generation " + hello.generation() + ", where " + size
                        + " ranks of generation " + generation + " meet");
            }
            Handshake.accept(caller);
            Wire wire = Wire.answered(caller, encryption);
            // what the caller wants to be reached as; empty for the address it calls from
            wire.timeout(SECONDS * 1000);
            String host = new DataInputStream(wire.in()).readUTF();
            synchronized (this) {
                if (waiting[hello.rank()] != null && waiting[hello.rank()].isOpen() && waiting[hello.rank()].isConnected()) {
                    throw new IOException("is a second rank " + hello.rank());
                }
                hosts[hello.rank()] = host;
                direct &= host.isEmpty();
                waiting[hello.rank()] = caller;
                wires[hello.rank()] = wire;
                ports[hello.rank()] = hello.port();
                if (all()) {
                    tell();
                }
            }
        } catch (IOException e) {
            notice.accept("refused a connection from " + from + ": it " + e.getMessage());
            Handshake.close(caller);
        }
    }

    private boolean all() {
        for (SocketChannel rank : waiting) {
            if (rank == null) {
                return false;
            }
        }
        return true;
    }

    private void tell() throws IOException {
        for (Wire rank : wires) {
            var out = new DataOutputStream(rank.out());
            out.writeUTF(session);
            out.writeBoolean(direct);
            for (int i = 0; i < size; i++) {
                out.writeUTF(hosts[i].isEmpty() ? ((InetSocketAddress) waiting[i].getRemoteAddress()).getAddress().getHostAddress() : hosts[i]);
                out.writeInt(ports[i]);
            }
            out.flush();
        }
        close();
    }

    @Override
    public synchronized void close() {
        try {
            listener.close();
            for (SocketChannel rank : waiting) {
                if (rank != null) {
                    rank.close();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
