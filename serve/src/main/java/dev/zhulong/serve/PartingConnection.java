package dev.zhulong.serve;

import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.task.InterruptableTask;
import io.helidon.webserver.http1.Http1Connection;
import io.helidon.webserver.spi.ServerConnection;
import java.time.Duration;

/**
 * A connection in HTTP/1.1 whose last answer is read whole. A socket that is closed while bytes of the client are unread is reset, and a client that still sends
 * a request which was refused finds the reset before the answer. So this side says first that it writes no more, and then reads away what comes until the client
 * closes too or its time is over (RFC 9112, section 9.6). Stands between a socket and Helidon, which closes at once.
 */
final class PartingConnection implements ServerConnection, InterruptableTask<Void> {
    private final Http1Connection http;
    private final Connection connection;
    private volatile boolean parting;

    /** @param connection that {@code http} serves */
    PartingConnection(Http1Connection http, Connection connection) {
        this.http = http;
        this.connection = connection;
    }

    @Override
    public void handle(Limit limit) throws InterruptedException {
        try {
            http.handle(limit);
        } finally {
            parting = true;
            connection.part();
        }
    }

    @Override
    public Duration idleTime() {
        return http.idleTime();
    }

    @Override
    public boolean canInterrupt() {
        return parting || http.canInterrupt();
    }

    @Override
    public void close(boolean interrupt) {
        http.close(interrupt || parting);
    }
}
