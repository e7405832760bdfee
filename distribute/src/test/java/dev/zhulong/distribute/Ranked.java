package dev.zhulong.distribute;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import javax.net.ssl.SSLContext;

/** Ranks that are threads of this process. */
final class Ranked {
    static final byte[] KEY = "sixteen bytes or more".getBytes();

    interface Task<T> {
        T run(Collectives ranks) throws Exception;
    }

    private Ranked() {}

    static Group group(int rank, int size, int port, Duration timeout) {
        return new Group(rank, size, 0, "127.0.0.1", port, "127.0.0.1", KEY, timeout);
    }

    /** What each rank gives, or the failure it threw. */
    static <T> List<Object> run(int size, Duration timeout, Function<Mesh, Collectives> over, Task<T> task) throws Exception {
        return run(size, timeout, null, over, task);
    }

    /** @param encryption null for none */
    static <T> List<Object> run(int size, Duration timeout, SSLContext encryption, Function<Mesh, Collectives> over, Task<T> task) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(size);
                var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, encryption, refused -> {})) {
            List<Future<T>> runs = new ArrayList<>();
            int port = rendezvous.port();
            for (int i = 0; i < size; i++) {
                int rank = i;
                runs.add(threads.submit(() -> {
                    try (Collectives ranks = over.apply(Mesh.join(new Group(rank, size, 0, "127.0.0.1", port, "127.0.0.1", KEY, timeout, null, 0, encryption), refused -> {}))) {
                        return task.run(ranks);
                    }
                }));
            }
            List<Object> results = new ArrayList<>();
            for (Future<T> run : runs) {
                try {
                    results.add(run.get(60, TimeUnit.SECONDS));
                } catch (ExecutionException e) {
                    if (!(e.getCause() instanceof RankFailure)) {
                        throw e;
                    }
                    results.add(e.getCause());
                }
            }
            return results;
        }
    }
}
