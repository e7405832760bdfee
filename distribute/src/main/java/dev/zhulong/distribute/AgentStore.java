package dev.zhulong.distribute;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * The store of texts by name that torchrun's agent keeps (PyTorch's TCPStore), seen by a client: as much of its protocol as is needed for ranks to find one another. The
 * store knows no key and hides nothing: what must stay secret does not belong there.
 */
final class AgentStore implements AutoCloseable {
    private static final int VALIDATE = 0;
    private static final int SET = 1;
    private static final int GET = 3;
    private static final int WAIT = 6;
    private static final int MAGIC = 0x3C85F7CE;
    /** What clients of PyTorch put before each name. */
    private static final String PREFIX = "/";
    private static final int LONGEST = 64 << 10;

    private final Socket socket = new Socket();
    private final DataInputStream in;

    /** @param patience for the connection, and for each answer */
    AgentStore(String host, int port, Duration patience) throws IOException {
        try {
            socket.connect(new InetSocketAddress(host, port), (int) patience.toMillis());
            socket.setSoTimeout((int) patience.toMillis());
            socket.setTcpNoDelay(true);
            in = new DataInputStream(socket.getInputStream());
            send(message(VALIDATE, Integer.BYTES).putInt(MAGIC));
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    void set(String name, String value) throws IOException {
        byte[] key = key(name);
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        send(put(put(message(SET, 2 * Long.BYTES + key.length + bytes.length), key), bytes));
    }

    /** Waits until somebody has set it. */
    String get(String name) throws IOException {
        byte[] key = key(name);
        try {
            send(put(message(WAIT, 2 * Long.BYTES + key.length).putLong(1), key));
            if (in.read() != 0) {
                throw new IOException("the store answers in another protocol");
            }
            send(put(message(GET, Long.BYTES + key.length), key));
            long length = Long.reverseBytes(in.readLong());
            if (length < 0 || length > LONGEST) {
                throw new IOException("the store answers with " + length + " bytes");
            }
            byte[] value = in.readNBytes((int) length);
            if (value.length < length) {
                throw new EOFException("the store has closed the connection");
            }
            return new String(value, StandardCharsets.UTF_8);
        } catch (SocketTimeoutException e) {
            throw new IOException("nobody has set " + name + " in " + socket.getSoTimeout() / 1000 + " s", e);
        }
    }

    private static byte[] key(String name) {
        return (PREFIX + name).getBytes(StandardCharsets.UTF_8);
    }

    private static ByteBuffer message(int kind, int bytes) {
        return ByteBuffer.allocate(1 + bytes).order(ByteOrder.LITTLE_ENDIAN).put((byte) kind);
    }

    private static ByteBuffer put(ByteBuffer to, byte[] text) {
        return to.putLong(text.length).put(text);
    }

    private void send(ByteBuffer message) throws IOException {
        socket.getOutputStream().write(message.array());
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
