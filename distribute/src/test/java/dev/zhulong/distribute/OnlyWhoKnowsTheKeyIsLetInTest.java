package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.distribute.Handshake.Hello;
import dev.zhulong.distribute.Handshake.Purpose;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Whatever a caller sends: one bit that is not as it should be, and neither side takes the other for a rank. */
class OnlyWhoKnowsTheKeyIsLetInTest {
    private static final Hello HELLO = new Hello(3, 1, 2, Purpose.DATA, 40_000);
    /** Magic and number, then hello and proof. */
    private static final int CALLER_SENDS = 8 + 16 + Hello.BYTES + 32;
    /** Magic, number and proof. */
    private static final int ANSWERER_SENDS = 8 + 16 + 32;

    /**
     * What each side made of the other, with one bit changed on the way.
     *
     * @param answered who the answering side let in; null for nobody
     */
    private record Met(boolean called, Hello answered) {}

    private static Met meet(int flippedByCaller, int flippedByAnswerer, byte[] callersKey) throws Exception {
        try (var door = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0)); var between = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0))) {
            CompletableFuture<Hello> answered = CompletableFuture.supplyAsync(() -> {
                try (SocketChannel caller = door.accept()) {
                    Hello hello = Handshake.answer(caller, Ranked.KEY);
                    Handshake.accept(caller);
                    return hello;
                } catch (IOException e) {
                    return null;
                }
            }, Thread::startVirtualThread);
            Thread.startVirtualThread(() -> {
                try (SocketChannel caller = between.accept(); SocketChannel answerer = SocketChannel.open(door.getLocalAddress())) {
                    Thread back = Thread.startVirtualThread(() -> copy(answerer, caller, flippedByAnswerer));
                    copy(caller, answerer, flippedByCaller);
                    back.join();
                } catch (IOException | InterruptedException e) {
                    // one side has closed
                }
            });
            boolean called = false;
            try (SocketChannel channel = SocketChannel.open(between.getLocalAddress())) {
                Handshake.call(channel, callersKey, HELLO);
                called = true;
            } catch (IOException e) {
                // refused
            }
            return new Met(called, answered.get(20, TimeUnit.SECONDS));
        }
    }

    /** Passes bytes on, but for one bit of that at {@code flipped}; ends both ways where one ends. */
    private static void copy(SocketChannel from, SocketChannel to, int flipped) {
        try (from; to) {
            ByteBuffer one = ByteBuffer.allocate(1);
            for (int at = 0; from.read(one.clear()) >= 0; at++) {
                if (at == flipped) {
                    one.put(0, (byte) (one.get(0) ^ 4));
                }
                to.write(one.flip());
            }
        } catch (IOException e) {
            // the other way has ended
        }
    }

    @Test
    void unchangedTheyMeet() throws Exception {
        assertThat(meet(-1, -1, Ranked.KEY)).isEqualTo(new Met(true, HELLO));
        assertThat(meet(-1, -1, "another key of 16 bytes".getBytes())).isEqualTo(new Met(false, null));
    }

    @Test
    void notWithAnyBitChanged() throws Exception {
        for (int at = 0; at < CALLER_SENDS; at++) {
            assertThat(meet(at, -1, Ranked.KEY).answered()).as("byte %d of the caller's", at).isNull();
        }
        for (int at = 0; at < ANSWERER_SENDS; at++) {
            assertThat(meet(-1, at, Ranked.KEY).called()).as("byte %d of the answerer's", at).isFalse();
        }
    }

    /** Of every length, with and without the right beginning; none is answered as a rank, and none takes longer than it takes to send. */
    @Test
    void noiseIsRefusedAtOnce() throws Exception {
        var random = new Random(5);
        for (int i = 0; i < 200; i++) {
            byte[] noise = new byte[random.nextInt(300)];
            random.nextBytes(noise);
            if (i % 2 == 0) {
                System.arraycopy("ZHULONG1".getBytes(), 0, noise, 0, Math.min(8, noise.length));
            }
            try (var door = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0)); SocketChannel caller = SocketChannel.open(door.getLocalAddress()); SocketChannel seen = door.accept()) {
                caller.write(ByteBuffer.wrap(noise));
                caller.shutdownOutput();
                long begun = System.nanoTime();
                assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> Handshake.answer(seen, Ranked.KEY))).isInstanceOf(IOException.class);
                assertThat(System.nanoTime() - begun).isLessThan(4_000_000_000L);
            }
        }
    }
}
