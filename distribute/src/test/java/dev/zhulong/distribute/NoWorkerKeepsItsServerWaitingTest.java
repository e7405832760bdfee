package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.distribute.Handshake.Purpose;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Whatever a caller does or leaves out. */
class NoWorkerKeepsItsServerWaitingTest {
    private static final long WEIGHTS = 64 << 20;
    private static final long GRADIENT = 1 << 10;

    private static final Executor THREADS = task -> Thread.ofPlatform().daemon().start(task);

    private final List<String> said = Collections.synchronizedList(new ArrayList<>());

    @Test
    void byReadingNothingOrSendingNonsense() throws Exception {
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, 3, 0, Ranked.KEY, refused -> {}); var door = ServerSocketChannel.open()) {
            var opened = CompletableFuture.supplyAsync(() -> WorkServer.open(Ranked.group(0, 3, rendezvous.port(), Duration.ofSeconds(1)), said::add), THREADS);
            var other = CompletableFuture.supplyAsync(() -> WorkClient.join(Ranked.group(2, 3, rendezvous.port(), Duration.ofSeconds(1))), THREADS);
            Group mute = Ranked.group(1, 3, rendezvous.port(), Duration.ofSeconds(1));
            Meeting.bind(door, mute);
            Meeting met = Meeting.of(mute, door);
            try (WorkServer server = opened.get(20, TimeUnit.SECONDS); WorkClient worker = other.get(20, TimeUnit.SECONDS); var arena = Arena.ofShared()) {
                var queue = new WorkQueue<WorkServer.Gradient>(0, 10, 1, 4, TimeUnit.SECONDS.toNanos(20), System::nanoTime);
                server.serve(queue, WEIGHTS, GRADIENT, 7);
                server.publish(memory -> memory.fill((byte) 1), () -> {});
                // asks for weights, and does not take them
                SocketChannel channel = Meeting.dial(met.hosts()[0], met.ports()[0]);
                Handshake.call(channel, mute.key(), Meeting.hello(mute, Purpose.WORK, 0));
                var wire = new WorkWire(Wire.called(channel, null));
                wire.write(WorkWire.Request.HELLO, 7, WEIGHTS, GRADIENT);
                wire.flush();
                assertThat(wire.readAnswer()).isTrue();
                wire.write(WorkWire.Request.NEXT, -1);
                wire.flush();
                // what is no worker, and what means something else
                try (SocketChannel stranger = Meeting.dial(met.hosts()[0], met.ports()[0])) {
                    stranger.write(ByteBuffer.wrap("GET / HTTP/1.1\r\n\r\n and more than a greeting has".getBytes()));
                    for (int tries = 0; said.isEmpty() && tries < 1000; tries++) {
                        Thread.sleep(10);
                    }
                }
                Thread.sleep(300);
                for (int version = 1; version < 5; version++) {
                    byte value = (byte) (version + 1);
                    CompletableFuture.runAsync(() -> server.publish(memory -> memory.fill(value), queue::updated), THREADS).get(10, TimeUnit.SECONDS);
                }
                assertThat(worker.hello(7, WEIGHTS, GRADIENT)).isTrue();
                var weights = arena.allocate(WEIGHTS);
                var task = CompletableFuture.supplyAsync(() -> worker.next(-1, weights), THREADS).get(20, TimeUnit.SECONDS).orElseThrow();
                assertThat(task.version()).isEqualTo(4);
                assertThat(weights.get(java.lang.foreign.ValueLayout.JAVA_BYTE, WEIGHTS - 1)).isEqualTo((byte) 5);
                assertThat(worker.push(task, new WorkServer.Gradient(1, 1, 0, 1, arena.allocate(GRADIENT)))).isTrue();
                assertThat(queue.next()).hasSize(1);
                // what the first was sent is of one version
                assertThat(wire.readAnswer()).isTrue();
                wire.readLong();
                assertThat(wire.readLong()).isZero();
                assertThat(wire.readLong()).isEqualTo(1);
                wire.read(weights);
                assertThat(weights.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 1);
                assertThat(weights.get(java.lang.foreign.ValueLayout.JAVA_BYTE, WEIGHTS - 1)).isEqualTo((byte) 1);
                wire.write(WorkWire.Request.HELLO, 8, WEIGHTS, GRADIENT);
                wire.flush();
                assertThat(wire.readAnswer()).isFalse();
                wire.close();
                for (int tries = 0; said.size() < 2 && tries < 1000; tries++) {
                    Thread.sleep(10);
                }
            }
            assertThat(said).anyMatch(line -> line.startsWith("refused a connection")).anyMatch(line -> line.contains("has other weights and was refused"));
        }
    }
}
