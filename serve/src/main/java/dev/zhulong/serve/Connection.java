package dev.zhulong.serve;

import io.helidon.common.socket.HelidonSocket;
import io.helidon.http.Headers;
import io.helidon.http.HttpPrologue;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.http1.Http1ConnectionListener;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * What a request's thread has to know of the socket it came through: whether the client is still there, and that it does not take for ever. Helidon
 * tells neither.
 */
final class Connection {
    private final HelidonSocket socket;
    private final Patience patience;
    private ScheduledFuture<?> cut;

    private Connection(HelidonSocket socket, Patience patience) {
        this.socket = socket;
        this.patience = patience;
    }

    /** Notices a client that leaves from now on, until the next read. */
    void watch() {
        socket.idle();
    }

    boolean isOpen() {
        return socket.isConnected();
    }

    /** Cuts the client off where what follows is not over in time. */
    void begin() {
        end();
        cut = patience.after(this::close);
    }

    /** It was over in time. */
    void end() {
        if (cut != null) {
            cut.cancel(false);
            cut = null;
        }
    }

    /** Of this side. */
    void close() {
        try {
            socket.close();
        } catch (RuntimeException e) {
            // it is gone already
        }
    }

    /** Cuts connections off that keep a thread waiting too long. */
    static final class Patience implements Http1ConnectionListener, AutoCloseable {
        private final long seconds;
        private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().name("serve-patience").daemon().factory());
        private final ThreadLocal<Connection> current = new ThreadLocal<>();

        Patience(long seconds) {
            this.seconds = seconds;
            timer.setRemoveOnCancelPolicy(true);
        }

        private ScheduledFuture<?> after(Runnable action) {
            return timer.schedule(action, seconds, TimeUnit.SECONDS);
        }

        /** The connection of the thread that asks. */
        Connection current() {
            return current.get();
        }

        /** A request has begun: headers and body are to follow in time. */
        @Override
        public void prologue(ConnectionContext ctx, HttpPrologue prologue) {
            Connection connection = current.get();
            if (connection == null) {
                connection = new Connection(ctx.serverSocket(), this);
                current.set(connection);
            }
            connection.begin();
        }

        @Override
        public void headers(ConnectionContext ctx, Headers headers) {}

        @Override
        public void close() {
            timer.shutdownNow();
        }
    }
}
