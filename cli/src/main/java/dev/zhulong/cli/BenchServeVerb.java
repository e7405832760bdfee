package dev.zhulong.cli;

import dev.zhulong.bench.OpenAiEndpoint;
import dev.zhulong.bench.ServeBench;
import dev.zhulong.bench.ServeBench.FirstText;
import dev.zhulong.bench.ServeBench.Load;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speed of a server. */
@Command(
        name = "serve",
        description = {
            "Time any server of OpenAI's /v1/completions: 1, 4, 8 and 16 clients, each of which asks again when it is answered.",
            "Prompts share a beginning and have ends of their own; their words are made from --seed, so that two servers are asked the same. With --peer two servers"
                    + " are measured in turns, which takes the machine's drift out of their ratio; both must be running, and only the one that is asked works.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench serve --url http://localhost:8080",
            "  zhulong bench serve --url http://localhost:8080 --peer http://localhost:8081 --clients 8 --requests 32",
            "  zhulong bench serve --url http://localhost:8080 --first-text",
        })
final class BenchServeVerb extends Verb {
    /** Seconds of rounds before the first texts that are measured. */
    private static final double UNCOUNTED = 10;

    @Option(names = "--url", required = true, paramLabel = "URL", description = "Of the server, without /v1.")
    String url;

    @Option(names = "--peer", paramLabel = "URL", description = "Of another one to compare with.")
    String peer;

    @Option(names = "--model", paramLabel = "NAME", description = "To ask for (default: none, the server's own).")
    String model;

    @Option(names = "--key", paramLabel = "KEY", description = "API key.")
    String key;

    @Option(names = "--clients", split = ",", paramLabel = "N", defaultValue = "1,4,8,16", description = "How many at once (default: ${DEFAULT-VALUE}).")
    List<Integer> clients;

    @Option(names = "--requests", paramLabel = "N", defaultValue = "4", description = "Of each client (default: ${DEFAULT-VALUE}).")
    int requests;

    @Option(names = "--repetitions", paramLabel = "N", defaultValue = "3", description = "Times each load is measured; the median rate is shown (default: ${DEFAULT-VALUE}).")
    int repetitions;

    @Option(names = "--system-words", paramLabel = "N", defaultValue = "200", description = "Words that all prompts begin with (default: ${DEFAULT-VALUE}).")
    int system;

    @Option(names = "--tail-words", paramLabel = "N", defaultValue = "20", description = "Words that each ends in (default: ${DEFAULT-VALUE}).")
    int tail;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "64", description = "Written to each (default: ${DEFAULT-VALUE}).")
    int tokens;

    @Option(names = "--first-text", description = "Instead of loads: how long one client waits for its first text, where its prompt begins anew and where it begins as one before.")
    boolean firstText;

    @Option(names = "--seed", paramLabel = "N", description = "Of the words (default: the time, so that no cache knows them).")
    Long seed;

    @Override
    protected void run() throws Exception {
        if (clients.stream().anyMatch(n -> n < 1) || requests < 1 || repetitions < 1 || system < 0 || tail < 1 || tokens < 1) {
            throw wrongUsage("every number must be at least 1");
        }
        long first = seed != null ? seed : System.currentTimeMillis();
        try (var server = new OpenAiEndpoint(url, model, key); var other = peer == null ? null : new OpenAiEndpoint(peer, model, key)) {
            if (firstText) {
                firstText(server, url, first);
                if (other != null) {
                    firstText(other, peer, first);
                }
                return;
            }
            // connections, and what both compile or allocate first
            for (int i = 0; i < 2; i++) {
                warm(server, first - 1 - i);
                if (other != null) {
                    warm(other, first - 1 - i);
                }
            }
            out().println("clients  requests  failed  ");
            for (int n : clients) {
                loads(server, other, n, first + 1000L * n);
            }
        }
    }

    private void warm(OpenAiEndpoint endpoint, long words) throws InterruptedException {
        ServeBench.load(endpoint, clients.getFirst(), clients.getFirst(), system, tail, Math.min(tokens, 16), words);
    }

    private void loads(OpenAiEndpoint server, OpenAiEndpoint other, int n, long words) throws InterruptedException {
        List<Load> own = new ArrayList<>();
        List<Load> theirs = new ArrayList<>();
        for (int r = 0; r < repetitions; r++) {
            own.add(ServeBench.load(server, n, n * requests, system, tail, tokens, words + r));
            if (other != null) {
                theirs.add(ServeBench.load(other, n, n * requests, system, tail, tokens, words + r));
            }
        }
        Load mine = median(own);
        out().println(mine.line() + (other == null ? "" : "  " + url));
        if (other != null) {
            Load his = median(theirs);
            out().println(his.line() + "  " + peer);
            out().println(String.format(Locale.ROOT, "%7d  ratio of tokens/s %.2f", n, mine.rate() / his.rate()));
        }
        out().flush();
    }

    private static Load median(List<Load> loads) {
        return loads.stream().sorted((a, b) -> Double.compare(a.rate(), b.rate())).toList().get(loads.size() / 2);
    }

    private void firstText(OpenAiEndpoint endpoint, String name, long words) throws Exception {
        // milliseconds count: of this client's own code as well the first runs are slow
        long end = System.nanoTime() + (long) (1e9 * UNCOUNTED);
        for (int i = 1; i <= 2 || System.nanoTime() < end; i++) {
            ServeBench.firstText(endpoint, 1, system, tail, words - 7907L * i);
        }
        FirstText measured = ServeBench.firstText(endpoint, 3 * repetitions, system, tail, words);
        out().println(measured.line() + (peer == null ? "" : "  " + name));
        out().flush();
    }
}
