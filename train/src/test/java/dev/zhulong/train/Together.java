package dev.zhulong.train;

import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** Ranks that are threads of a test. */
final class Together {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);

    private Together() {}

    /** What each of so many ranks makes, in their order. */
    static <T> List<T> run(int size, Function<Ranks, T> work) {
        try (var threads = Executors.newFixedThreadPool(size); var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            int port = rendezvous.port();
            List<Future<T>> runs = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                int rank = i;
                runs.add(threads.submit(() -> {
                    var group = new Group(rank, size, 0, "127.0.0.1", port, "127.0.0.1", KEY, Duration.ofSeconds(20));
                    try (var ranks = new DataParallel(Collectives.join(group, refused -> {}))) {
                        return work.apply(ranks);
                    }
                }));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> run : runs) {
                results.add(run.get(3, TimeUnit.MINUTES));
            }
            return results;
        } catch (java.util.concurrent.ExecutionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
        } catch (InterruptedException | java.util.concurrent.TimeoutException e) {
            throw new IllegalStateException(e);
        }
    }
}
