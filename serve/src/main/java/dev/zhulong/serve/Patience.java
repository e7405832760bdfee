package dev.zhulong.serve;

import io.helidon.http.Headers;
import io.helidon.http.HttpPrologue;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.http1.Http1ConnectionListener;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Cuts connections off that keep a place or a thread waiting too long. */
final class Patience implements Http1ConnectionListener, AutoCloseable {
    /** Both ends of a connection, which tell it from every other of its time. */
    private record Ends(SocketAddress local, SocketAddress remote) {}

    /** A connection that was accepted and has not come as far as HTTP. */
    private static final class Accepted {
        private final SocketChannel channel;
        private ScheduledFuture<?> cut;

        Accepted(SocketChannel channel) {
            this.channel = channel;
        }
    }

    private static final int FEW = 64;

    private final long seconds;
    private final int mostResting;
    /** Connections between two requests, those that rest longest first; some may have been closed. */
    private final SequencedSet<Connection> resting = new LinkedHashSet<>();
    /** How many there may be until those that were closed are let go of. */
    private int full = FEW;
    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().name("serve-patience").daemon().factory());
    private final Map<Ends, Accepted> accepted = new ConcurrentHashMap<>();
    private final ThreadLocal<Connection> current = new ThreadLocal<>();

    /**
     * @param seconds     that a client has
     * @param mostResting how many connections may rest between two requests, so that there is a place for others
     */
    Patience(long seconds, int mostResting) {
        this.seconds = seconds;
        this.mostResting = mostResting;
        timer.setRemoveOnCancelPolicy(true);
    }

    /** From now on the client's first request is waited for. */
    void accepted(SocketChannel channel) throws IOException {
        var ends = new Ends(channel.getLocalAddress(), channel.getRemoteAddress());
        var connection = new Accepted(channel);
        connection.cut = timer.schedule(() -> {
            accepted.remove(ends, connection);
            Connection.cut(channel);
        }, seconds, TimeUnit.SECONDS);
        accepted.put(ends, connection);
    }

    /** The thread that asks serves this connection from now on. */
    Connection serve(ConnectionContext context) {
        Accepted connection = accepted.remove(new Ends(context.localPeer().address(), context.remotePeer().address()));
        if (connection == null) {
            throw new CloseConnectionException("the client's time is over");
        }
        current.set(new Connection(context.serverSocket(), connection.channel, this, connection.cut));
        return current.get();
    }

    /** A connection rests from now on; the one that does so longest is closed where there are too many. */
    void rests(Connection connection) {
        Connection longest = null;
        synchronized (resting) {
            resting.addLast(connection);
            if (resting.size() > full) {
                resting.removeIf(Connection::isClosed);
                longest = resting.size() > mostResting ? resting.removeFirst() : null;
                full = Math.min(mostResting, 2 * resting.size() + FEW);
            }
        }
        if (longest != null) {
            longest.cut();
        }
    }

    /** It rests no more. */
    void restsNoMore(Connection connection) {
        synchronized (resting) {
            resting.remove(connection);
        }
    }

    ScheduledFuture<?> cutLater(SocketChannel channel) {
        return timer.schedule(() -> Connection.cut(channel), seconds, TimeUnit.SECONDS);
    }

    /** The connection of the thread that asks. */
    Connection current() {
        return current.get();
    }

    /** A request may have come together with the end of the one before. */
    @Override
    public void prologue(ConnectionContext context, HttpPrologue prologue) {
        current.get().requestFollows();
    }

    @Override
    public void headers(ConnectionContext context, Headers headers) {}

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
