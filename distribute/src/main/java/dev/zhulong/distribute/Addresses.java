package dev.zhulong.distribute;

import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketException;

/** Addresses of ranks, as they are written. */
public final class Addresses {
    private static final int MOST = 65_535;

    private Addresses() {}

    /**
     * HOST:PORT, not looked up.
     *
     * @throws IllegalArgumentException if it is something else
     */
    public static InetSocketAddress of(String text) {
        int colon = text.lastIndexOf(':');
        if (colon < 1 || !text.substring(colon + 1).matches("\\d{1,5}") || Integer.parseInt(text.substring(colon + 1)) > MOST) {
            throw new IllegalArgumentException("an address is HOST:PORT, found " + text);
        }
        return InetSocketAddress.createUnresolved(text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
    }

    /** The address of this machine that a connection to {@code other} comes from; nothing is sent to find it. */
    public static String towards(InetSocketAddress other) {
        try (var socket = new DatagramSocket()) {
            socket.connect(new InetSocketAddress(other.getHostString(), other.getPort()));
            return socket.getLocalAddress().getHostAddress();
        } catch (SocketException | UncheckedIOException | IllegalArgumentException e) {
            throw new IllegalArgumentException("no address of this machine leads to " + other.getHostString() + ": give --bind ADDRESS", e);
        }
    }
}
