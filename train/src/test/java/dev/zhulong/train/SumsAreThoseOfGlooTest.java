package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.tensor.Libtorch;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.FileStore;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** libtorch's own exchange among processes as the oracle: the same values on the same ranks have the same sums. */
class SumsAreThoseOfGlooTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path directory;

    private static float[] values(int rank, int count) {
        var random = new Random(rank);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static List<float[]> onEach(int size, IntFunction<Callable<float[]>> rank) throws Exception {
        try (var threads = Executors.newFixedThreadPool(size)) {
            List<Future<float[]>> running = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                running.add(threads.submit(rank.apply(i)));
            }
            List<float[]> results = new ArrayList<>();
            for (Future<float[]> each : running) {
                results.add(each.get(2, TimeUnit.MINUTES));
            }
            return results;
        }
    }

    /** A ring: where a number lies says in which order it is added. */
    private float[] gloo(int rank, int size, int count) throws Exception {
        Path meeting = Files.createDirectories(directory.resolve("gloo-" + size + "-" + count)).resolve("store");
        try (var scope = new PointerScope()) {
            var options = ProcessGroupGloo.Options.create();
            options.devices().push_back(ProcessGroupGloo.createDeviceForHostname("127.0.0.1"));
            options.threads(1);
            var group = new ProcessGroupGloo(new FileStore(meeting.toString(), size), rank, size, options);
            Tensor tensor = torch.tensor(values(rank, count));
            group.allreduce(new TensorVector(tensor))._wait();
            float[] sums = new float[count];
            new FloatPointer(tensor.data_ptr()).get(sums);
            group.barrier()._wait();
            return sums;
        }
    }

    private float[] ours(int rank, int size, int count, Rendezvous rendezvous) {
        var group = new Group(rank, size, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", KEY, Duration.ofSeconds(20));
        try (Collectives ranks = Collectives.join(group, refused -> {})) {
            var memory = ranks.allocate((long) count * Float.BYTES);
            memory.copyFrom(java.lang.foreign.MemorySegment.ofArray(values(rank, count)));
            ranks.allReduce(new Call(1, "values"), memory);
            return memory.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    /** Two numbers have one sum; of more, the order decides the last bits, so that Gloo's differ from those in the order of the ranks by roundings. */
    @ParameterizedTest
    @CsvSource({"2,1,0", "2,57,0", "2,100003,0", "3,100003,1e-6", "4,100003,2e-6"})
    void bitForBitWhereOrderMakesNoDifference(int size, int count, float roundings) throws Exception {
        Libtorch.load();
        List<float[]> theirs = onEach(size, rank -> () -> gloo(rank, size, count));
        List<float[]> mine;
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            mine = onEach(size, rank -> () -> ours(rank, size, count, rendezvous));
        }
        for (int rank = 0; rank < size; rank++) {
            for (int i = 0; i < count; i++) {
                if (roundings == 0) {
                    assertThat(mine.get(rank)[i]).isEqualTo(theirs.get(rank)[i]);
                } else {
                    assertThat(mine.get(rank)[i]).isCloseTo(theirs.get(rank)[i], within(roundings));
                }
            }
        }
    }
}
