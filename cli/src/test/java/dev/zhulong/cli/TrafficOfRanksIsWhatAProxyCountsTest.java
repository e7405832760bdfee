package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.SafetensorsFile;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks as processes, between each two of which stands a proxy that counts: what they say they sent is what passed, and what the formula gives. */
class TrafficOfRanksIsWhatAProxyCountsTest {
    private static final int STEPS = 5;
    private static final Pattern SAID = Pattern.compile("rank 0 sent .*\\((\\d+) bytes in (\\d+) steps\\)");

    @TempDir
    Path temporary;

    /** Passes on what comes in for {@code port}, both ways. */
    private static final class Proxy implements AutoCloseable {
        private final ServerSocketChannel door = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
        private final AtomicLong in = new AtomicLong();
        private final AtomicLong out = new AtomicLong();

        Proxy(int port) throws IOException {
            Thread.startVirtualThread(() -> {
                try {
                    while (true) {
                        SocketChannel caller = door.accept();
                        SocketChannel rank = SocketChannel.open(new InetSocketAddress("127.0.0.1", port));
                        Thread.startVirtualThread(() -> pass(caller, rank, in));
                        Thread.startVirtualThread(() -> pass(rank, caller, out));
                    }
                } catch (IOException e) {
                    // closed
                }
            });
        }

        int port() {
            return door.socket().getLocalPort();
        }

        private static void pass(SocketChannel from, SocketChannel to, AtomicLong count) {
            try (from; to) {
                ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
                while (from.read(buffer.clear()) >= 0) {
                    count.addAndGet(buffer.flip().remaining());
                    while (buffer.hasRemaining()) {
                        to.write(buffer);
                    }
                }
            } catch (IOException e) {
                // the other way has ended
            }
        }

        @Override
        public void close() throws IOException {
            door.close();
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void andWhatTheFormulaGives(int size) throws Exception {
        Path texts = TinyRun.texts(temporary);
        Path run = temporary.resolve("run");
        Path key = Files.write(temporary.resolve("key"), new byte[32]);
        String master = "127.0.0.1:" + freePort();
        List<Proxy> proxies = new ArrayList<>();
        List<Process> ranks = new ArrayList<>();
        try {
            for (int rank = 0; rank < size; rank++) {
                List<Object> before = new ArrayList<>(List.of("train-cluster", "--rank", rank, "--world-size", size, "--master", master, "--key-file", key));
                int listens = freePort();
                proxies.add(new Proxy(listens));
                before.addAll(List.of("--bind", "127.0.0.1:" + listens, "--advertise", "127.0.0.1:" + proxies.getLast().port()));
                List<Object> job = new ArrayList<>(List.of(TinyRun.pretrain(texts, run, STEPS, size, 5, before.toArray())));
                job.addAll(job.size() - 2, List.of("--set", "model.hidden_size=128", "--set", "model.layers=2"));
                var builder = new ProcessBuilder(RankProcesses.command(job.stream().map(String::valueOf).toList()));
                builder.environment().put("OMP_NUM_THREADS", "1");
                ranks.add(builder.redirectErrorStream(true).redirectOutput(temporary.resolve(rank + ".log").toFile()).start());
            }
            for (int rank = 0; rank < size; rank++) {
                assertThat(ranks.get(rank).waitFor(3, TimeUnit.MINUTES)).isTrue();
                assertThat(ranks.get(rank).exitValue()).as(Files.readString(temporary.resolve(rank + ".log"))).isZero();
            }
        } finally {
            ranks.forEach(Process::destroyForcibly);
            for (Proxy proxy : proxies) {
                proxy.close();
            }
        }
        String log = Files.readString(temporary.resolve("0.log"));
        Matcher said = SAID.matcher(log);
        assertThat(said.find()).as(log).isTrue();
        assertThat(said.group(2)).isEqualTo(Integer.toString(STEPS));
        // the first rank calls nobody: what it sends leaves by its own proxy
        assertThat((double) proxies.getFirst().out.get() / Long.parseLong(said.group(1))).isCloseTo(1, within(0.01));
        long passed = proxies.stream().mapToLong(proxy -> proxy.in.get() + proxy.out.get()).sum();
        double formula = 2.0 * (size - 1) / size * Float.BYTES * weights(run) * STEPS;
        assertThat(passed / (double) size / formula).isCloseTo(1, within(0.01));
    }

    private static long weights(Path run) {
        try (var file = SafetensorsFile.open(run.resolve("model.safetensors"))) {
            return file.tensors().values().stream().mapToLong(tensor -> tensor.elements()).sum();
        }
    }

    @Test
    void anAdvertisedAddressNeedsAPortThatItLeadsTo() throws IOException {
        Path key = Files.write(temporary.resolve("key"), new byte[32]);
        for (String[] wrong : new String[][] {{"--bind", "127.0.0.1"}, {"--bind", "127.0.0.1:99999"}, {"--bind", "127.0.0.1:1", "--advertise", "here"}}) {
            List<Object> all = new ArrayList<>(List.of("train-cluster", "--rank", 0, "--world-size", 2, "--master", "127.0.0.1:1", "--key-file", key, "--advertise", "127.0.0.1:2"));
            all.addAll(List.of((Object[]) wrong));
            all.addAll(List.of("resume", temporary));
            assertThat(Cli.run(all.toArray()).code()).as("%s", all).isEqualTo(2);
        }
    }
}
