package dev.zhulong.serve;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.Router;
import io.helidon.webserver.http1.Http1Connection;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ExecutorService;

/** Stands between sockets and Helidon's HTTP/1.1: what is read begins a client's time, and HTTP/1.0 is put into the words of its successor. */
record HttpConnections(Http1ConnectionSelector http, Patience patience, int lineBytes) implements ServerConnectionSelector {
    @Override
    public int bytesToIdentifyConnection() {
        return 0;
    }

    @Override
    public Support supports(BufferData data) {
        return Support.SUPPORTED;
    }

    @Override
    public Set<String> supportedApplicationProtocols() {
        return http.supportedApplicationProtocols();
    }

    @Override
    public ServerConnection connection(ConnectionContext context) {
        Connection connection = patience.serve(context);
        var reader = new Reader(context.dataReader(), connection, lineBytes);
        var served = (Http1Connection) http.connection(new Context(context, reader.data, new Http10.Writer(context.dataWriter(), connection)));
        connection.serves(served);
        return new PartingConnection(served, connection);
    }

    /** What a client sends. */
    private static final class Reader {
        private final DataReader from;
        private final Connection connection;
        private final int lineBytes;
        private final DataReader data = DataReader.create(this::next);

        Reader(DataReader from, Connection connection, int lineBytes) {
            this.from = from;
            this.connection = connection;
            this.lineBytes = lineBytes;
        }

        /** Null at the end. */
        private byte[] next() {
            connection.beforeRead(data.available());
            byte[] bytes = read();
            return bytes != null && connection.requestBegins() ? firstLine(bytes) : bytes;
        }

        private byte[] read() {
            try {
                from.ensureAvailable();
            } catch (DataReader.InsufficientDataAvailableException e) {
                connection.end();
                return null;
            }
            return from.readBytes(from.available());
        }

        /** Whole, if it is none of those that are too long. */
        private byte[] firstLine(byte[] begun) {
            byte[] bytes = begun;
            while (Http10.lineEnd(bytes) < 0 && bytes.length <= lineBytes) {
                byte[] more = read();
                if (more == null) {
                    return bytes;
                }
                int length = bytes.length;
                bytes = Arrays.copyOf(bytes, length + more.length);
                System.arraycopy(more, 0, bytes, length, more.length);
            }
            connection.isOld(Http10.isSpoken(bytes));
            return connection.isOld() ? Http10.request(bytes) : bytes;
        }
    }

    /** Helidon's context of a connection, with another reader and writer. */
    private record Context(ConnectionContext context, DataReader dataReader, DataWriter dataWriter) implements ConnectionContext {
        @Override
        public ListenerContext listenerContext() {
            return context.listenerContext();
        }

        @Override
        public ExecutorService executor() {
            return context.executor();
        }

        @Override
        public Router router() {
            return context.router();
        }

        @Override
        public HelidonSocket serverSocket() {
            return context.serverSocket();
        }

        @Override
        public PeerInfo remotePeer() {
            return context.remotePeer();
        }

        @Override
        public PeerInfo localPeer() {
            return context.localPeer();
        }

        @Override
        public boolean isSecure() {
            return context.isSecure();
        }

        @Override
        public String socketId() {
            return context.socketId();
        }

        @Override
        public String childSocketId() {
            return context.childSocketId();
        }
    }
}
