package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.RankFailure;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.distribute.WorkClient;
import dev.zhulong.distribute.WorkServer;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Without staleness, whoever computes what, and in which order it comes; with it, each batch still counts once. */
class AParameterServerTrainsAsOneProcessTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);
    private static final int STEPS = 12;

    @TempDir
    Path directory;

    private final List<String> said = Collections.synchronizedList(new ArrayList<>());

    private record Run(List<Double> losses, List<Double> norms, Map<String, float[]> weights) {}

    /** Some batches have more targets than others, and every seventh has none. */
    private static Batch batch(long number) {
        return number % 7 == 3 ? Tiny.rows(12, new int[] {1}) : Tiny.rows(12, Tiny.document(4 + (int) (number * 5 % 9), 2 * number), Tiny.document(9, 2 * number + 1));
    }

    private Run train(Ranks ranks, int accumulation, int steps, Path run, BiFunction<Integer, Long, Batch> batches) {
        List<Double> losses = new ArrayList<>();
        List<Double> norms = new ArrayList<>();
        TrainOptions o = Tiny.options(STEPS, accumulation, 1);
        var options = new TrainOptions(steps, accumulation, o.schedule(), o.clip(), o.optimizer(), false, o.seed(), 0, 0, 3, 9);
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(number -> batches.apply(ranks.rank(), number), List.of()).among(ranks), ranks, options, run, new TrainListener() {
                @Override
                public void step(Step step) {
                    losses.add(step.loss());
                    norms.add(step.gradNorm());
                }

                @Override
                public void message(String text) {
                    said.add(text);
                }
            }).train();
            Map<String, float[]> weights = new LinkedHashMap<>();
            model.parameters().forEach((weight, tensor) -> weights.put(weight, tensor.toFloats()));
            return new Run(losses, norms, weights);
        }
    }

    private Run served(int workers, int staleness, int accumulation, int steps, Path run, BiFunction<Integer, Long, Batch> batches) throws Exception {
        int size = workers + 1;
        try (var threads = Executors.newFixedThreadPool(size); var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            int port = rendezvous.port();
            List<Future<Run>> runs = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                var group = new Group(i, size, 0, "127.0.0.1", port, "127.0.0.1", KEY, Duration.ofSeconds(10)).serving(staleness);
                runs.add(threads.submit(() -> {
                    try (Ranks ranks = group.rank() == 0 ? new ParameterServer(WorkServer.open(group, said::add), staleness, Duration.ofSeconds(2)) : new Worker(WorkClient.join(group))) {
                        return train(ranks, accumulation, steps, run, batches);
                    }
                }));
            }
            try {
                return runs.getFirst().get(2, TimeUnit.MINUTES);
            } catch (ExecutionException e) {
                throw e.getCause() instanceof RankFailure failure ? failure : e;
            }
        }
    }

    private static void requireBits(Run served, Run alone) {
        assertThat(served.losses).isEqualTo(alone.losses);
        assertThat(served.norms).isEqualTo(alone.norms);
        alone.weights.forEach((name, values) -> assertThat(served.weights.get(name)).as(name).isEqualTo(values));
    }

    @ParameterizedTest
    @CsvSource({"3,3", "2,3", "3,2", "1,4"})
    void withoutStalenessToTheBit(int workers, int accumulation) throws Exception {
        Run alone = train(Ranks.ALONE, accumulation, STEPS, directory.resolve("alone"), (rank, number) -> batch(number));
        // the first worker is always the last
        requireBits(served(workers, 0, accumulation, STEPS, directory.resolve("served"), (rank, number) -> late(rank == 1, number)), alone);
    }

    private static Batch late(boolean late, long number) {
        if (late) {
            sleep(20);
        }
        return batch(number);
    }

    private static void sleep(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** From its checkpoint, which is one of any training: the server's is the only state there is. */
    @Test
    void startedAgainToo() throws Exception {
        Run alone = train(Ranks.ALONE, 3, STEPS, directory.resolve("alone"), (rank, number) -> batch(number));
        Path run = directory.resolve("run");
        served(2, 0, 3, 6, run, (rank, number) -> batch(number));
        Run rest = served(3, 0, 3, STEPS, run, (rank, number) -> batch(number));
        requireBits(rest, new Run(alone.losses.subList(6, STEPS), alone.norms.subList(6, STEPS), alone.weights));
    }

    /** One worker ends with an error in the middle; what it had is computed by another. */
    @Test
    void aWorkerThatDiesIsNamedAndMissedByNobody() throws Exception {
        Run alone = train(Ranks.ALONE, 3, STEPS, directory.resolve("alone"), (rank, number) -> batch(number));
        Run left = served(3, 0, 3, STEPS, directory.resolve("served"), (rank, number) -> {
            if (rank == 2 && number >= 12) {
                throw new IllegalStateException("out of order");
            }
            return late(rank == 1, number);
        });
        requireBits(left, alone);
        assertThat(said).anyMatch(line -> line.startsWith("rank 2 on 127.0.0.1 is gone") && line.contains("2 workers are left"));
    }

    @Test
    void withoutAnyWorkerItStops() {
        assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> served(2, 1, 2, STEPS, directory.resolve("served"), (rank, number) -> {
            if (rank > 0 && number > 4) {
                throw new IllegalStateException("out of order");
            }
            return batch(number);
        }))).isInstanceOf(RankFailure.class).hasMessageContaining("all workers are gone");
    }

    @Test
    void withStalenessEachBatchCountsOnce() throws Exception {
        List<Long> read = Collections.synchronizedList(new ArrayList<>());
        Path run = directory.resolve("served");
        Run stale = served(3, 2, 2, STEPS, run, (rank, number) -> {
            read.add(number);
            return late(rank == 1, number);
        });
        assertThat(read.stream().distinct().sorted()).containsExactlyElementsOf(LongStream.range(0, 2 * STEPS).boxed().toList());
        Run alone = train(Ranks.ALONE, 2, STEPS, directory.resolve("alone"), (rank, number) -> batch(number));
        assertThat(stale.losses.getLast()).isCloseTo(alone.losses.getLast(), within(0.3));
        assertThat(said).anyMatch(line -> line.contains("the stalest gradient was computed"));
    }
}
