package dev.zhulong.distribute;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/** A connection of two ranks that have shown each other that they know the key: as it is, or inside TLS. One thread reads and one writes at a time. */
final class Wire {
    /** A record of TLS takes no more. */
    private static final int PIECE = 16 << 10;

    private final SocketChannel channel;
    /** Null where nothing is encrypted. */
    private final SSLSocket tls;
    private final byte[] reading;
    private final byte[] writing;

    private Wire(SocketChannel channel, SSLSocket tls) {
        this.channel = channel;
        this.tls = tls;
        reading = new byte[tls == null ? 0 : PIECE];
        writing = new byte[tls == null ? 0 : PIECE];
    }

    /**
     * Of the side that called.
     *
     * @param encryption null for none
     * @throws IOException if the other side shows no certificate that is known; the channel is then closed
     */
    static Wire called(SocketChannel channel, SSLContext encryption) throws IOException {
        return over(channel, encryption, true);
    }

    /** Of the side that answered. */
    static Wire answered(SocketChannel channel, SSLContext encryption) throws IOException {
        return over(channel, encryption, false);
    }

    private static Wire over(SocketChannel channel, SSLContext encryption, boolean called) throws IOException {
        if (encryption == null) {
            return new Wire(channel, null);
        }
        try {
            return Handshake.within(channel, () -> {
                var socket = (SSLSocket) encryption.getSocketFactory().createSocket(channel.socket(), "", channel.socket().getPort(), true);
                socket.setUseClientMode(called);
                socket.setNeedClientAuth(true);
                socket.startHandshake();
                return new Wire(channel, socket);
            });
        } catch (IOException e) {
            throw new IOException("speaks no TLS, or shows another certificate (" + e.getMessage() + ")", e);
        }
    }

    InputStream in() throws IOException {
        return tls == null ? channel.socket().getInputStream() : tls.getInputStream();
    }

    OutputStream out() throws IOException {
        return tls == null ? channel.socket().getOutputStream() : tls.getOutputStream();
    }

    /** @param milliseconds after which a read of {@link #in} gives up; 0 for never */
    void timeout(int milliseconds) throws IOException {
        channel.socket().setSoTimeout(milliseconds);
    }

    /** Reads some of what {@code to} has room for; −1 at the end. */
    int read(ByteBuffer to) throws IOException {
        if (tls == null) {
            return channel.read(to);
        }
        int read = tls.getInputStream().read(reading, 0, Math.min(reading.length, to.remaining()));
        if (read > 0) {
            to.put(reading, 0, read);
        }
        return read;
    }

    /** Writes some of {@code from}, or all. */
    void write(ByteBuffer from) throws IOException {
        if (tls == null) {
            channel.write(from);
            return;
        }
        int count = Math.min(writing.length, from.remaining());
        from.get(writing, 0, count);
        tls.getOutputStream().write(writing, 0, count);
    }

    /** Ends reads and writes of other threads, too: a farewell of TLS would wait for them. */
    void close() {
        Handshake.close(channel);
    }
}
