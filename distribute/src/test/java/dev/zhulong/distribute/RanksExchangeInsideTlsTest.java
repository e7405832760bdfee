package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The rules of ranks over TCP hold inside TLS, and what passes on the network tells nothing. */
class RanksExchangeInsideTlsTest extends CollectivesContract {
    private static final char[] PASSWORD = "a password".toCharArray();

    @TempDir
    static Path directory;

    private static SSLContext ours;
    private static SSLContext others;

    @BeforeAll
    static void certificates() throws Exception {
        ours = Certificates.of(keys("ours"), PASSWORD);
        others = Certificates.of(keys("others"), PASSWORD);
    }

    private static Path keys(String name) throws IOException, InterruptedException {
        Path file = directory.resolve(name + ".p12");
        String tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        assertThat(new ProcessBuilder(tool, "-genkeypair", "-alias", "ranks", "-keyalg", "EC", "-dname", "CN=" + name, "-storetype", "PKCS12", "-storepass", String.valueOf(PASSWORD), "-keystore",
                file.toString()).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor()).isZero();
        return file;
    }

    @Override
    Collectives over(Mesh mesh) {
        return new SocketCollectives(mesh);
    }

    @Override
    SSLContext encryption() {
        return ours;
    }

    private static Group group(int rank, Rendezvous rendezvous, SSLContext encryption, InetSocketAddress advertised, int listens) {
        return new Group(rank, 2, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", Ranked.KEY, Duration.ofSeconds(10), advertised, listens, encryption);
    }

    /** Two ranks that know the key; the second encrypts otherwise than the first, or not at all. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whoHasAnotherCertificateOrNoneIsRefused(boolean none) throws Exception {
        var refused = new LinkedBlockingQueue<String>();
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, 2, 0, Ranked.KEY, ours, refused::add)) {
            var stranger = CompletableFuture.supplyAsync(() -> {
                try (Collectives let = new SocketCollectives(Mesh.join(group(1, rendezvous, none ? null : others, null, 0), notice -> {}))) {
                    return "let in";
                } catch (RankFailure e) {
                    return e.getMessage();
                }
            }, Thread::startVirtualThread);
            assertThat(stranger.get(30, TimeUnit.SECONDS)).contains("cannot join");
            assertThat(refused.poll(20, TimeUnit.SECONDS)).contains("speaks no TLS, or shows another certificate");
        }
    }

    /** All bytes from the second rank to the first. */
    private static byte[] overheard(SSLContext encryption) throws Exception {
        int listens;
        try (var free = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0))) {
            listens = free.socket().getLocalPort();
        }
        var heard = new ByteArrayOutputStream();
        try (var door = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0)); var rendezvous = Rendezvous.open("127.0.0.1", 0, 2, 0, Ranked.KEY, encryption, refused -> {})) {
            Thread.startVirtualThread(() -> {
                try {
                    while (true) {
                        SocketChannel caller = door.accept();
                        SocketChannel rank = SocketChannel.open(new InetSocketAddress("127.0.0.1", listens));
                        Thread.startVirtualThread(() -> pass(caller, rank, heard));
                        Thread.startVirtualThread(() -> pass(rank, caller, new ByteArrayOutputStream()));
                    }
                } catch (IOException e) {
                    // closed
                }
            });
            List<CompletableFuture<Float>> sums = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Group group = group(i, rendezvous, encryption, i == 0 ? (InetSocketAddress) door.getLocalAddress() : null, i == 0 ? listens : 0);
                sums.add(CompletableFuture.supplyAsync(() -> {
                    try (Collectives ranks = Collectives.join(group, refused -> {})) {
                        var memory = ranks.allocate(4096 * 4);
                        for (int at = 0; at < 4096; at++) {
                            memory.setAtIndex(ValueLayout.JAVA_FLOAT, at, 1234.5f);
                        }
                        ranks.allReduce(new Call(1, "gradients"), memory);
                        return memory.getAtIndex(ValueLayout.JAVA_FLOAT, 77);
                    }
                }, Thread::startVirtualThread));
            }
            for (CompletableFuture<Float> sum : sums) {
                assertThat(sum.get(30, TimeUnit.SECONDS)).isEqualTo(2469f);
            }
        }
        synchronized (heard) {
            return heard.toByteArray();
        }
    }

    private static void pass(SocketChannel from, SocketChannel to, ByteArrayOutputStream heard) {
        try (from; to) {
            ByteBuffer buffer = ByteBuffer.allocate(1 << 14);
            while (from.read(buffer.clear()) >= 0) {
                synchronized (heard) {
                    heard.write(buffer.array(), 0, buffer.position());
                }
                buffer.flip();
                while (buffer.hasRemaining()) {
                    to.write(buffer);
                }
            }
        } catch (IOException e) {
            // the other way has ended
        }
    }

    private static boolean tells(byte[] heard) {
        byte[] value = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(1234.5f).putFloat(1234.5f).array();
        for (int at = 0; at + value.length <= heard.length; at++) {
            if (Arrays.equals(heard, at, at + value.length, value, 0, value.length)) {
                return true;
            }
        }
        return false;
    }

    @Test
    void valuesAreNotReadOnTheWay() throws Exception {
        assertThat(tells(overheard(null))).isTrue();
        byte[] heard = overheard(ours);
        assertThat(heard.length).isGreaterThan(4096 * 2);
        assertThat(tells(heard)).isFalse();
    }

    @Test
    void whatIsNoKeyPairIsRefusedInOneLine() throws IOException {
        assertThatIllegalArgumentException().isThrownBy(() -> Certificates.of(directory.resolve("none.p12"), PASSWORD)).withMessageContaining("does not exist");
        assertThatIllegalArgumentException().isThrownBy(() -> Certificates.of(Files.writeString(directory.resolve("text.p12"), "no keys"), PASSWORD)).withMessageContaining("cannot be read");
        assertThatIllegalArgumentException().isThrownBy(() -> Certificates.of(directory.resolve("ours.p12"), "another".toCharArray())).withMessageContaining("password");
    }
}
