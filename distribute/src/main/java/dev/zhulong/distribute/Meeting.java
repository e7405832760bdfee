package dev.zhulong.distribute;

import dev.zhulong.distribute.Handshake.Hello;
import dev.zhulong.distribute.Handshake.Purpose;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;

/**
 * What the {@link Rendezvous} told a rank of all.
 *
 * @param session random, the same on all ranks
 * @param direct  whether all are reached by the address they call from
 */
record Meeting(String session, boolean direct, String[] hosts, int[] ports) {
    /** For the others. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    /** Meets the others; waits for them. @param listener that they may call */
    static Meeting of(Group group, ServerSocketChannel listener) throws IOException {
        int[] ports = new int[group.size()];
        try (SocketChannel channel = dial(group.host(), group.port())) {
            InetSocketAddress advertised = group.advertised();
            Handshake.call(channel, group.key(), hello(group, Purpose.RENDEZVOUS, advertised == null ? listener.socket().getLocalPort() : advertised.getPort()));
            Wire rendezvous = Wire.called(channel, group.encryption());
            new DataOutputStream(rendezvous.out()).writeUTF(advertised == null ? "" : advertised.getHostString());
            rendezvous.timeout((int) PATIENCE.toMillis());
            var in = new DataInputStream(rendezvous.in());
            String session = in.readUTF();
            boolean direct = in.readBoolean();
            String[] hosts = new String[group.size()];
            for (int i = 0; i < group.size(); i++) {
                hosts[i] = in.readUTF();
                ports[i] = in.readInt();
            }
            return new Meeting(session, direct, hosts, ports);
        } catch (SocketTimeoutException | EOFException e) {
            throw new IOException("not all of the " + group.size() + " ranks have come within " + PATIENCE.toSeconds() + " s", e);
        }
    }

    static void bind(ServerSocketChannel listener, Group group) throws IOException {
        try {
            listener.bind(new InetSocketAddress(group.bind(), group.listens()));
        } catch (IOException e) {
            throw new IOException("it cannot listen on " + group.bind() + ":" + group.listens() + " (" + e.getMessage() + ")", e);
        }
    }

    static Hello hello(Group group, Purpose purpose, int port) {
        return new Hello(group.generation(), group.rank(), group.size(), purpose, port);
    }

    /** A rank may be started before the one it calls. */
    static SocketChannel dial(String host, int port) throws IOException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                return SocketChannel.open(new InetSocketAddress(host, port));
            } catch (IOException e) {
                if (System.nanoTime() > end) {
                    throw new IOException("nobody listens there (" + e.getMessage() + ")", e);
                }
            }
            try {
                Thread.sleep(100);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("was interrupted", e);
            }
        }
    }

    static RankFailure failed(Group group, IOException why) {
        return new RankFailure(group.rank(), "rank " + group.rank() + " cannot join the others at " + group.host() + ":" + group.port() + ": " + why.getMessage());
    }
}
