package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run goes on with another number of ranks as if nothing had happened: each batch of a step is seen once, and schedule and dropout go by the step. */
class RanksMayBeMoreOrFewerAfterACheckpointTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);
    private static final int STEPS = 12;

    @TempDir
    Path directory;

    private final Map<Long, Double> losses = new TreeMap<>();
    /** How often each batch was seen in steps that count. */
    private final Map<Long, Integer> seen = new TreeMap<>();

    private static Batch batch(long number) {
        return Tiny.rows(12, Tiny.document(4 + (int) (number * 5 % 9), 2 * number), Tiny.document(9, 2 * number + 1));
    }

    /** Trains on {@code size} ranks until step {@code last}, with as many batches a step in all; the weights it ends with. */
    private Map<String, float[]> train(String run, int size, int batches, long last) throws Exception {
        try (var threads = Executors.newFixedThreadPool(size); var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            List<Future<Map<String, float[]>>> ranks = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                int rank = i;
                ranks.add(threads.submit(() -> {
                    var group = new Group(rank, size, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", KEY, Duration.ofSeconds(20));
                    try (var together = new DataParallel(Collectives.join(group, refused -> {})); Decoder model = Tiny.decoder(Family.of("llama"), true)) {
                        return train(model, together, run, batches / size, last);
                    }
                }));
            }
            Map<String, float[]> weights = null;
            for (Future<Map<String, float[]>> rank : ranks) {
                weights = rank.get(2, TimeUnit.MINUTES);
            }
            return weights;
        }
    }

    private Map<String, float[]> train(Decoder model, Ranks ranks, String run, int accumulation, long last) {
        TrainOptions o = Tiny.options(STEPS, accumulation, 1);
        // a checkpoint every fourth step
        var options = new TrainOptions(STEPS, accumulation, o.schedule(), o.clip(), o.optimizer(), false, o.seed(), 0, 0, 4, 2);
        var data = new TrainData<Batch>(number -> {
            long global = number * ranks.size() + ranks.rank();
            if (number / accumulation < last) {
                synchronized (seen) {
                    seen.merge(global, 1, Integer::sum);
                }
            }
            return batch(global);
        }, List.of());
        try {
            new Trainer<>(model, Tiny.nextToken(model), data, ranks, options, directory.resolve(run), new TrainListener() {
                @Override
                public void step(Step step) {
                    if (step.step() > last) {
                        throw new TrainingStopped("as if killed in step " + step.step());
                    }
                    if (ranks.rank() == 0) {
                        losses.put(step.step(), step.loss());
                    }
                }
            }).train();
        } catch (TrainingStopped e) {
            assertThat(e).hasMessageContaining("as if killed");
        }
        Map<String, float[]> weights = new LinkedHashMap<>();
        model.parameters().forEach((weight, tensor) -> weights.put(weight, tensor.toFloats()));
        return weights;
    }

    private void sawEachBatchOnce(int batches) {
        assertThat(seen.keySet()).containsExactlyElementsOf(LongStream.range(0, (long) STEPS * batches).boxed().toList());
        assertThat(seen.values()).containsOnly(1);
        seen.clear();
    }

    @Test
    void fromTwoToThreeToOne() throws Exception {
        train("unbroken", 1, 6, STEPS);
        List<Double> unbroken = List.copyOf(losses.values());
        sawEachBatchOnce(6);
        losses.clear();
        train("changing", 2, 6, 4);
        train("changing", 3, 6, 8);
        train("changing", 1, 6, STEPS);
        sawEachBatchOnce(6);
        assertThat(losses).hasSize(STEPS);
        for (int i = 0; i < STEPS; i++) {
            assertThat(losses.get(i + 1L)).as("step %d", i + 1).isCloseTo(unbroken.get(i), within(1e-5));
        }
    }

    /** With one batch a rank sums are taken in the order of one process. */
    @Test
    void fromTwoWithABatchEachToOneWithTwoBitForBit() throws Exception {
        Map<String, float[]> unbroken = train("unbroken", 1, 2, STEPS);
        List<Double> expected = List.copyOf(losses.values());
        losses.clear();
        train("changing", 2, 2, 4);
        Map<String, float[]> ended = train("changing", 1, 2, STEPS);
        assertThat(List.copyOf(losses.values())).isEqualTo(expected);
        unbroken.forEach((name, weight) -> assertThat(ended.get(name)).as(name).isEqualTo(weight));
    }
}
