package dev.zhulong.distribute;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * How two processes show each other that they know the key, without sending it: each answers the other's random number by its HMAC-SHA256 (RFC 2104). All that a
 * stranger sends is read into buffers of fixed size, and within seconds. What follows on the connection is neither encrypted nor signed.
 */
final class Handshake {
    private static final byte[] MAGIC = "ZHULONG1".getBytes(StandardCharsets.US_ASCII);
    private static final int NONCE = 16;
    private static final int PROOF = 32;
    private static final int SECONDS = 5;
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final ScheduledExecutorService WATCH = Executors.newScheduledThreadPool(1, Thread.ofPlatform().daemon().name("rank-handshake").factory());

    /**
     * Who calls, and what for.
     *
     * @param port that the caller listens on; 0 for none
     */
    record Hello(int generation, int rank, int size, Purpose purpose, int port) {
        static final int BYTES = 4 * Integer.BYTES + 1;

        byte[] bytes() {
            return ByteBuffer.allocate(BYTES).putInt(generation).putInt(rank).putInt(size).put((byte) purpose.ordinal()).putInt(port).array();
        }

        static Hello of(byte[] bytes) throws IOException {
            ByteBuffer b = ByteBuffer.wrap(bytes);
            int generation = b.getInt();
            int rank = b.getInt();
            int size = b.getInt();
            int purpose = b.get();
            if (purpose < 0 || purpose >= Purpose.values().length) {
                throw new IOException("speaks another version of the protocol");
            }
            return new Hello(generation, rank, size, Purpose.values()[purpose], b.getInt());
        }
    }

    /** What a connection is for. */
    enum Purpose { RENDEZVOUS, CONTROL, DATA, WORK }

    private Handshake() {}

    /** @throws IOException if the other side does not know the key or takes too long; the channel is then closed */
    static void call(SocketChannel channel, byte[] key, Hello hello) throws IOException {
        within(channel, () -> {
            var out = new DataOutputStream(channel.socket().getOutputStream());
            var in = new DataInputStream(channel.socket().getInputStream());
            byte[] mine = random(NONCE);
            out.write(concat(MAGIC, mine));
            byte[] answer = in.readNBytes(MAGIC.length + NONCE + PROOF);
            if (answer.length < MAGIC.length + NONCE + PROOF || !Arrays.equals(answer, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
                throw new IOException("what answers there is no rank");
            }
            byte[] theirs = Arrays.copyOfRange(answer, MAGIC.length, MAGIC.length + NONCE);
            byte[] proof = Arrays.copyOfRange(answer, MAGIC.length + NONCE, answer.length);
            if (!MessageDigest.isEqual(proof, proof(key, 's', mine, theirs, new byte[0]))) {
                throw new IOException("what answers there has another key");
            }
            out.write(concat(hello.bytes(), proof(key, 'c', mine, theirs, hello.bytes())));
            if (in.read() != 1) {
                throw new IOException("was refused there");
            }
            return null;
        });
    }

    /** Who called; {@link #accept} or a close is next. */
    static Hello answer(SocketChannel channel, byte[] key) throws IOException {
        return within(channel, () -> {
            var out = new DataOutputStream(channel.socket().getOutputStream());
            var in = new DataInputStream(channel.socket().getInputStream());
            byte[] call = in.readNBytes(MAGIC.length + NONCE);
            if (call.length < MAGIC.length + NONCE || !Arrays.equals(call, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
                throw new IOException("is no rank");
            }
            byte[] theirs = Arrays.copyOfRange(call, MAGIC.length, call.length);
            byte[] mine = random(NONCE);
            out.write(concat(MAGIC, concat(mine, proof(key, 's', theirs, mine, new byte[0]))));
            byte[] hello = in.readNBytes(Hello.BYTES);
            byte[] proof = in.readNBytes(PROOF);
            if (!MessageDigest.isEqual(proof, proof(key, 'c', theirs, mine, hello))) {
                throw new IOException("does not know the key");
            }
            return Hello.of(hello);
        });
    }

    /** Lets a caller in. */
    static void accept(SocketChannel channel) throws IOException {
        channel.socket().getOutputStream().write(1);
    }

    interface Talk<T> {
        T run() throws IOException;
    }

    /** Ends a talk that takes too long. */
    static <T> T within(SocketChannel channel, Talk<T> talk) throws IOException {
        boolean[] late = new boolean[1];
        ScheduledFuture<?> end = WATCH.schedule(() -> {
            late[0] = true;
            close(channel);
        }, SECONDS, TimeUnit.SECONDS);
        try {
            return talk.run();
        } catch (IOException e) {
            close(channel);
            throw late[0] ? new IOException("said nothing for " + SECONDS + " s") : e;
        } finally {
            end.cancel(false);
        }
    }

    static void close(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // it is gone already
        }
    }

    static byte[] random(int length) {
        byte[] bytes = new byte[length];
        RANDOM.nextBytes(bytes);
        return bytes;
    }

    private static byte[] proof(byte[] key, char side, byte[] client, byte[] server, byte[] hello) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update((byte) side);
            mac.update(client);
            mac.update(server);
            return mac.doFinal(hello);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HmacSHA256", e);
        }
    }

    private static byte[] concat(byte[] a, byte[] b) {
        var out = new ByteArrayOutputStream();
        out.writeBytes(a);
        out.writeBytes(b);
        return out.toByteArray();
    }
}
