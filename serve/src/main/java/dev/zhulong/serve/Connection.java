package dev.zhulong.serve;

import io.helidon.common.socket.HelidonSocket;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.spi.ServerConnection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ScheduledFuture;

/**
 * What a request's thread has to know of the socket it came through: whether the client is still there, and that it does not take for ever. Helidon
 * tells neither. A client's time runs from when its connection is accepted, which includes the TLS handshake, until its first request has come whole; then
 * from the first byte of each further request, and while a piece of an answer is sent. Between requests a connection may rest.
 */
final class Connection {
    private static final int AWAY = 16 << 10;

    private final HelidonSocket socket;
    private final SocketChannel channel;
    private final Patience patience;
    /** What answers requests. */
    private ServerConnection served;
    /** Null while the client has all the time it wants. */
    private ScheduledFuture<?> cut;
    /** Whether nothing of the next request has been read. */
    private boolean between = true;
    /** A request that was answered before it had been read; null where there is none. */
    private ServerRequest unread;
    private boolean old;
    private boolean head;

    /**
     * @param channel beneath the socket
     * @param cut     what ends the connection where its first request is not there in time
     */
    Connection(HelidonSocket socket, SocketChannel channel, Patience patience, ScheduledFuture<?> cut) {
        this.socket = socket;
        this.channel = channel;
        this.patience = patience;
        this.cut = cut;
    }

    void serves(ServerConnection value) {
        served = value;
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
        cut = patience.cutLater(channel);
    }

    /** It was over in time. */
    void end() {
        if (cut != null) {
            cut.cancel(false);
            cut = null;
        }
    }

    /** Before more is read of what the client sends; {@code left}: bytes of it that are there. */
    void beforeRead(int left) {
        if (unread != null && unread.content().consumed()) {
            unread = null;
            rests();
        }
        if (left > 0) {
            requestBegins();
        }
    }

    /** The first byte of a request is there, or a later one; gives whether it was the first. */
    boolean requestBegins() {
        if (!between) {
            return false;
        }
        between = false;
        patience.restsNoMore(this);
        if (cut == null) {
            begin();
        }
        return true;
    }

    /** A request's first line is known. Where it came together with the rest of a request that had been answered unread, nothing was read between the two. */
    void requestFollows() {
        if (unread != null) {
            unread = null;
            end();
            between = true;
        }
        requestBegins();
    }

    /** A request in HTTP/1.0, after which the connection is closed. */
    void isOld(boolean value) {
        old = value;
    }

    boolean isOld() {
        return old;
    }

    /** A request's handler has it. */
    void handles(ServerRequest request) {
        head = request.prologue().method().text().equals("HEAD");
    }

    /** Whether the answer is to have no body. */
    boolean isHead() {
        return head;
    }

    /** A request's handler is done with it: what was not read of it must still come in time. */
    void handled(ServerRequest request) {
        if (request.content().consumed()) {
            rests();
        } else {
            begin();
            unread = request;
        }
    }

    private void rests() {
        end();
        between = true;
        patience.rests(this);
    }

    void cut() {
        cut(channel);
    }

    boolean isClosed() {
        return !channel.isOpen();
    }

    /** No request is taken behind the one that is answered now. */
    void serveNoMore() {
        served.close(false);
    }

    /** Ends after the last answer, in time: what was not read of a request is read away until the client closes too. Then the channel is closed. */
    void part() {
        begin();
        try {
            if (socket.isSecure()) {
                // sends TLS's own end; Helidon leaves the channel beneath open
                socket.close();
            }
            channel.shutdownOutput();
            if (!between) {
                readAway();
            }
        } catch (IOException | RuntimeException e) {
            // it is gone already, or was cut off
        } finally {
            end();
            cut();
        }
    }

    private void readAway() throws IOException {
        var bytes = ByteBuffer.allocate(AWAY);
        while (channel.read(bytes) >= 0) {
            bytes.clear();
        }
    }

    /** At once, without a word that a client which takes nothing could hold up. */
    static void cut(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // it is gone already
        }
    }
}
