package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.distribute.AgentMeeting;
import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Launched;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against the store itself, which libtorch brings: in an agent's place it is kept by this test. */
class TorchrunsStoreTellsRanksOfOneAnotherTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private static TCPStore store(boolean libUv) {
        Libtorch.load();
        var options = new TCPStoreOptions();
        options.isServer(true);
        options.port((short) 0);
        options.waitWorkers(false);
        options.useLibUV(libUv);
        return new TCPStore("127.0.0.1", options);
    }

    @ParameterizedTest(name = "libuv {0}")
    @ValueSource(booleans = {true, false})
    void andThePlaceOfTheKey(boolean libUv) throws Exception {
        try (TCPStore store = store(libUv); var threads = Executors.newFixedThreadPool(2)) {
            String at = "127.0.0.1:" + Short.toUnsignedInt(store.getPort());
            for (int generation = 0; generation < 2; generation++) {
                List<Future<Double>> sums = new ArrayList<>();
                // the second comes first and waits
                for (int rank : new int[] {1, 0}) {
                    var launched = new Launched("torchrun", rank, 2, true, generation, at, "a run");
                    sums.add(threads.submit(() -> {
                        try (var meeting = AgentMeeting.of(launched, null, null, null, TIMEOUT, refused -> {}); var ranks = Collectives.join(meeting.group(), refused -> {})) {
                            double[][] all = ranks.gather(new Call(1, "numbers"), rank + 1);
                            return all[0][0] + 10 * all[1][0];
                        }
                    }));
                }
                for (Future<Double> sum : sums) {
                    assertThat(sum.get(1, TimeUnit.MINUTES)).isEqualTo(21);
                }
            }
        }
    }

    @Test
    void acrossMachinesAKeyIsAskedForAndAnotherServerIsNamed() throws IOException {
        var apart = new Launched("torchrun", 0, 2, false, 0, "127.0.0.1:1", "a run");
        assertThatThrownBy(() -> AgentMeeting.of(apart, null, null, null, TIMEOUT, refused -> {})).hasMessageContaining("--key-file");
        try (var mute = new ServerSocket(0)) {
            Thread.ofVirtual().start(() -> {
                try (var caller = mute.accept()) {
                    caller.getOutputStream().write("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes());
                } catch (IOException e) {
                    // it has gone
                }
            });
            var elsewhere = new Launched("torchrun", 1, 2, true, 0, "127.0.0.1:" + mute.getLocalPort(), "a run");
            assertThatThrownBy(() -> AgentMeeting.of(elsewhere, null, null, null, TIMEOUT, refused -> {})).hasMessageContaining("torchrun's store at 127.0.0.1");
        }
    }
}
