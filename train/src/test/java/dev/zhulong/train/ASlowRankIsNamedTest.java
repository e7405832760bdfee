package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trap 12 of many ranks: a rank that lives and is slow is waited for, and told of. */
class ASlowRankIsNamedTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path directory;

    @Test
    void byWhatOthersWaitedForIt() {
        var stragglers = new Stragglers(rank -> "rank " + rank);
        for (int i = 0; i < Stragglers.WINDOW; i++) {
            assertThat(stragglers.remark()).isEmpty();
            stragglers.step(new double[] {1, 1.1, 4});
        }
        assertThat(stragglers.observed()).containsEntry("slowest_rank", 2).hasEntrySatisfying("waited_seconds", w -> assertThat(w.doubleValue()).isCloseTo(2.95, within(1e-9)));
        assertThat(stragglers.remark()).contains("rank 2 is slow: it computes 4.00 s a step, the others 1.05 s; they waited 59.0 s for it in 20 steps");
        assertThat(stragglers.remark()).isEmpty();
        // told once, while it stays as it is
        for (int i = 0; i < Stragglers.WINDOW; i++) {
            stragglers.step(new double[] {1, 1.1, 4});
        }
        assertThat(stragglers.remark()).isEmpty();
        for (int i = 0; i < Stragglers.WINDOW; i++) {
            stragglers.step(new double[] {1, 1.4, 1});
        }
        assertThat(stragglers.remark()).contains("rank 2 is no slower than the others any more");
    }

    @Test
    void inTheLogAndTheMetricsOfATraining() throws Exception {
        List<String> said = Collections.synchronizedList(new ArrayList<>());
        try (var threads = Executors.newFixedThreadPool(2); var rendezvous = Rendezvous.open("127.0.0.1", 0, 2, 0, KEY, refused -> {})) {
            int port = rendezvous.port();
            List<Future<?>> runs = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                int rank = i;
                runs.add(threads.submit(() -> {
                    var group = new Group(rank, 2, 0, "127.0.0.1", port, "127.0.0.1", KEY, Duration.ofSeconds(30));
                    try (var ranks = new DataParallel(Collectives.join(group, refused -> {})); Decoder model = Tiny.decoder(Family.of("llama"), true)) {
                        TrainOptions o = Tiny.options(Stragglers.WINDOW + 1, 1, 1);
                        new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(number -> {
                            if (rank == 1) {
                                sleep();
                            }
                            return Tiny.batch(2 * number + rank);
                        }, List.of()), ranks, o, directory, new TrainListener() {
                            @Override
                            public void message(String text) {
                                said.add(text);
                            }
                        }).train();
                    }
                    return null;
                }));
            }
            for (Future<?> run : runs) {
                run.get(2, TimeUnit.MINUTES);
            }
        }
        assertThat(said).filteredOn(line -> line.contains("is slow")).singleElement().asString().startsWith("rank 1 on 127.0.0.1 is slow");
        assertThat(Files.readAllLines(directory.resolve("metrics.jsonl")).get(10)).contains("\"slowest_rank\":1", "\"waited_seconds\":0.");
    }

    /** Far slower than a step of so small a model is, also on a busy machine. */
    private static void sleep() {
        try {
            Thread.sleep(300);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
