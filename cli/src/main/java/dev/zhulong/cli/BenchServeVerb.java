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
            "Time any server that offers OpenAI's /v1/completions, with 1, 4, 8 and 16 clients, each of which sends its next request as "
                    + "soon as it is answered.",
            "The prompts share a beginning and differ at the end. Their words are made from --seed, so that two servers get the same "
                    + "requests. With --peer, two servers are measured in turn, which removes the drift of the machine from their ratio; "
                    + "both must be running, and only the one being asked works.",
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

    @Option(names = "--url", required = true, paramLabel = "URL", description = "Base URL of the server, without /v1.")
    String url;

    @Option(names = "--peer", paramLabel = "URL", description = "Base URL of a second server to compare with.")
    String peer;

    @Option(names = "--model", paramLabel = "NAME", description = "Model name to send (default: let the server choose).")
    String model;

    @Option(names = "--key", paramLabel = "KEY", description = "API key to send.")
    String key;

    @Option(names = "--clients", split = ",", paramLabel = "N", defaultValue = "1,4,8,16", description = "Numbers of clients at once (default: "
            + "${DEFAULT-VALUE}).")
    List<Integer> clients;

    @Option(names = "--requests", paramLabel = "N", defaultValue = "4", description = "Requests per client (default: ${DEFAULT-VALUE}).")
    int requests;

    @Option(names = "--repetitions", paramLabel = "N", defaultValue = "3", description = "Number of times each load is measured; the "
            + "median rate is shown (default: ${DEFAULT-VALUE}).")
    int repetitions;

    @Option(names = "--system-words", paramLabel = "N", defaultValue = "200", description = "Number of words that all prompts begin "
            + "with (default: ${DEFAULT-VALUE}).")
    int system;

    @Option(names = "--tail-words", paramLabel = "N", defaultValue = "20", description = "Number of words at the end that differ "
            + "between prompts (default: ${DEFAULT-VALUE}).")
    int tail;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "64", description = "Tokens to generate per request (default: "
            + "${DEFAULT-VALUE}).")
    int tokens;

    @Option(names = "--first-text", description = "Measure how long one client waits for its first text instead, with a prompt that "
            + "begins anew and with one that begins like an earlier one.")
    boolean firstText;

    @Option(names = "--seed", paramLabel = "N", description = "Random seed for the prompts (default: the time, so that no cache knows "
            + "them).")
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
