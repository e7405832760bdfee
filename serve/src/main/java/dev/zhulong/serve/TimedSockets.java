package dev.zhulong.serve;

import io.helidon.common.socket.SocketOptions;
import java.io.IOException;
import java.net.SocketOption;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Options of sockets with a time-out for reads, which Helidon 4.5 has a name for and does not set on sockets it accepts. Without one its watch over idle
 * sockets takes every client for gone at once. They see each socket before anything is read of it, so that a client's time begins here.
 */
record TimedSockets(SocketOptions options, Patience patience) implements SocketOptions {
    @Override
    public void configureSocket(SocketChannel socket) {
        options.configureSocket(socket);
        try {
            socket.socket().setSoTimeout((int) Math.min(options.readTimeout().toMillis(), Integer.MAX_VALUE));
            patience.accepted(socket);
        } catch (IOException e) {
            // it is closed already, which the next read finds out
        }
    }

    @Override
    public Map<SocketOption<?>, Object> socketOptions() {
        return options.socketOptions();
    }

    @Override
    public Duration connectTimeout() {
        return options.connectTimeout();
    }

    @Override
    public Duration readTimeout() {
        return options.readTimeout();
    }

    @Override
    public Optional<Integer> socketReceiveBufferSize() {
        return options.socketReceiveBufferSize();
    }

    @Override
    public Optional<Integer> socketSendBufferSize() {
        return options.socketSendBufferSize();
    }

    @Override
    public boolean socketReuseAddress() {
        return options.socketReuseAddress();
    }

    @Override
    public boolean socketKeepAlive() {
        return options.socketKeepAlive();
    }

    @Override
    public boolean tcpNoDelay() {
        return options.tcpNoDelay();
    }
}
