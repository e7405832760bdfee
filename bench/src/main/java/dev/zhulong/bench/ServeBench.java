package dev.zhulong.bench;

import dev.zhulong.bench.OpenAiEndpoint.Reply;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** How fast a server answers: many clients at once, each of which asks again when it is answered. */
public final class ServeBench {
    /** Common words, most of them a token in most vocabularies. */
    static final String[] WORDS = ("the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she "
            + "there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do")
            .split(" ");

    /**
     * Load of so many clients.
     *
     * @param clients   at once
     * @param requests  answered
     * @param failed    not answered
     * @param seconds   from the first request to the last answer
     * @param tokens    written
     * @param prompt    tokens of prompts
     * @param cached    of them not read
     * @param first     seconds to the first text, of each request
     * @param gaps      seconds between pieces of text, of all
     */
    public record Load(int clients, int requests, int failed, double seconds, long tokens, long prompt, long cached, double[] first, double[] gaps) {
        /** Tokens written a second, by all clients together. */
        public double rate() {
            return tokens / seconds;
        }

        /** A row of the table. */
        public String line() {
            return String.format(Locale.ROOT, "%7d  %8d  %6d  %8.1f tokens/s  first text %6.0f ms (95 %%: %6.0f)  between %6.1f ms (95 %%: %6.1f)  prompt %d tokens, %2.0f %% cached", clients,
                    requests, failed, rate(), 1e3 * quantile(first, 0.5), 1e3 * quantile(first, 0.95), 1e3 * quantile(gaps, 0.5), 1e3 * quantile(gaps, 0.95),
                    requests == 0 ? 0 : prompt / requests, prompt == 0 ? 0 : 100.0 * cached / prompt);
        }
    }

    /**
     * First text of one client's requests.
     *
     * @param cold seconds, of prompts that begin as none before
     * @param warm seconds, of prompts that begin as one before
     */
    public record FirstText(double[] cold, double[] warm) {
        public double ratio() {
            return quantile(warm, 0.5) / quantile(cold, 0.5);
        }

        public String line() {
            return String.format(Locale.ROOT, "first text of one client: cold %.1f ms, warm prefix %.1f ms, ratio %.3f (medians of %d)", 1e3 * quantile(cold, 0.5), 1e3 * quantile(warm, 0.5),
                    ratio(), warm.length);
        }
    }

    private ServeBench() {}

    /** {@code count} words that no other {@code seed} begins with. */
    static String words(long seed, int count) {
        var random = new SplittableRandom(seed);
        var text = new StringBuilder();
        for (int i = 0; i < count; i++) {
            text.append(i == 0 ? "" : " ").append(WORDS[random.nextInt(WORDS.length)]);
        }
        return text.toString();
    }

    /**
     * Runs {@code clients} clients that ask {@code requests} times in all: prompts begin with the same {@code system} words and end in {@code tail} of their own.
     *
     * @param seed of the words; another one meets no cache
     */
    public static Load load(OpenAiEndpoint endpoint, int clients, int requests, int system, int tail, int tokens, long seed) throws InterruptedException {
        String shared = words(seed, system);
        var next = new AtomicInteger();
        var failed = new AtomicInteger();
        var problem = new String[1];
        List<Future<List<Reply>>> parts = new ArrayList<>();
        long began = System.nanoTime();
        List<Reply> replies = new ArrayList<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int c = 0; c < clients; c++) {
                parts.add(threads.submit((Callable<List<Reply>>) () -> {
                    List<Reply> own = new ArrayList<>();
                    for (int i = next.getAndIncrement(); i < requests; i = next.getAndIncrement()) {
                        try {
                            own.add(endpoint.ask(shared + " " + words(seed * 1_000_003 + i + 1, tail), tokens));
                        } catch (IOException e) {
                            failed.incrementAndGet();
                            problem[0] = e.getMessage();
                        }
                    }
                    return own;
                }));
            }
            for (Future<List<Reply>> part : parts) {
                replies.addAll(part.get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
        double seconds = (System.nanoTime() - began) * 1e-9;
        if (replies.isEmpty()) {
            throw new IllegalStateException("no request was answered: " + problem[0]);
        }
        return new Load(clients, replies.size(), failed.get(), seconds, replies.stream().mapToLong(Reply::tokens).sum(), replies.stream().mapToLong(Reply::prompt).sum(),
                replies.stream().mapToLong(Reply::cached).sum(), replies.stream().mapToDouble(Reply::first).toArray(),
                replies.stream().flatMap(reply -> reply.gaps().stream()).mapToDouble(Double::doubleValue).toArray());
    }

    /** Asks {@code rounds} times with a beginning that is new, and again with the same one and another tail. */
    public static FirstText firstText(OpenAiEndpoint endpoint, int rounds, int system, int tail, long seed) throws IOException, InterruptedException {
        double[] cold = new double[rounds];
        double[] warm = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            String shared = words(seed + 7919L * i, system);
            cold[i] = endpoint.ask(shared + " " + words(seed + i + 100_000, tail), 2).first();
            warm[i] = endpoint.ask(shared + " " + words(seed + i + 200_000, tail), 2).first();
        }
        return new FirstText(cold, warm);
    }

    static double quantile(double[] values, double share) {
        if (values.length == 0) {
            return Double.NaN;
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(int) Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    }
}
