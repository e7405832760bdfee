package dev.zhulong.cli;

import dev.zhulong.cli.EngineOptions.Engine;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.PrefixFile;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.WarmUp;
import dev.zhulong.serve.ApiKeys;
import dev.zhulong.serve.ApiServer;
import dev.zhulong.serve.Guard;
import dev.zhulong.serve.Precision;
import dev.zhulong.serve.ResponseCache;
import dev.zhulong.serve.ServedModel;
import dev.zhulong.serve.ServerOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A model behind HTTP. */
@Command(
        name = "serve",
        description = {
            "Serve a model over HTTP, in the shape of OpenAI's API: chat and text completions, streamed or whole, embeddings, tools, JSON schemas.",
            "Requests are answered together, each as if it were alone; prompts that begin alike are read once. It listens on this machine alone unless --host says"
                    + " otherwise, and lets everyone call unless --keys names a file of keys (zhulong key makes them).",
            "SIGTERM or Ctrl-C: what was begun is answered, then it ends.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong serve --model my-model",
            "  zhulong serve --model model.Q8_0.gguf --low model.Q4_0.gguf --port 9000 --parallel 16",
            "  zhulong serve --model my-model --host 0.0.0.0 --keys keys.json --tls-cert cert.pem --tls-key key.pem",
            "  curl localhost:8080/v1/chat/completions -H 'Content-Type: application/json' -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'",
        })
final class ServeVerb extends Verb {
    /** Tokens of a sequence that memory is kept for where it is not said how many. */
    private static final int USUAL_TOKENS = 4096;

    private static final long CACHE_CHARACTERS = 64L << 20;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or a GGUF file.")
    Path model;

    @Option(names = "--adapter", paramLabel = "NAME=DIR", description = "LoRA adapter in PEFT's files, which clients ask for as \"model\": \"NAME\"; answered together with all others"
            + " (cpu engine; may be repeated).")
    Map<String, Path> adapters = Map.of();

    @Option(names = "--adapter-dir", paramLabel = "DIR", description = "Directory of adapters that the administrator may load while the server runs: POST /admin/adapters"
            + " {\"name\": NAME, \"directory\": SUBDIRECTORY}, DELETE /admin/adapters/NAME.")
    Path adapterDir;

    @Option(names = "--low", paramLabel = "DIR|FILE", description = "The same model with fewer bits, loaded besides: requests for \"precision\": \"low\" run on it, and"
            + " of those that leave the choice to the server the long ones that need no exactness.")
    Path low;

    @Option(names = "--name", paramLabel = "NAME", description = "What clients call the model (default: the name of its directory or file).")
    String name;

    @Option(names = "--host", paramLabel = "ADDRESS", defaultValue = "127.0.0.1", description = "Address to listen on; 0.0.0.0 for all (default: ${DEFAULT-VALUE}).")
    String host;

    @Option(names = "--port", paramLabel = "PORT", defaultValue = "8080", description = "Port to listen on; 0 for one that is free (default: ${DEFAULT-VALUE}).")
    int port;

    @Option(names = "--parallel", paramLabel = "N", defaultValue = "16", description = "Most sequences written at once (default: ${DEFAULT-VALUE}).")
    int parallel;

    @Option(names = "--queue", paramLabel = "N", description = "Most requests that wait for a turn; the next is told to come again (default: 8 times --parallel, at least 64).")
    Integer queue;

    @Option(names = "--kv-tokens", paramLabel = "N", description = "Most tokens whose keys and values are kept, of all sequences and of prompts that may come again (default: what"
            + " fits into memory, at most 4096 for each of --parallel).")
    Integer kvTokens;

    @Option(names = "--prompt-rows", paramLabel = "N", defaultValue = "32", description = "Prompt tokens read in a step in which others write: more begin answers sooner and slow"
            + " those that are being written (default: ${DEFAULT-VALUE}).")
    int promptRows;

    @Option(names = "--warm-up", paramLabel = "SECONDS", defaultValue = "10", description = "Run the model for so long before the first request is taken, for the JIT compiler to see it;"
            + " 0 for not at all (default: ${DEFAULT-VALUE}).")
    int warmUp;

    @Option(names = "--no-prefix-cache", description = "Read every prompt anew.")
    boolean noPrefixCache;

    @Option(names = "--prefix-dir", paramLabel = "DIR", description = "Keep what was read of prompts when the server ends, and begin with it the next time: a file for each precision,"
            + " as large as the keys and values (cpu engine). It holds what was asked: let the server's user alone read it.")
    Path prefixDirectory;

    @Option(names = "--cache", paramLabel = "local|URI", description = "Keep whole answers to requests that have the same answer each time (greedy, or with a seed) for an hour: in this"
            + " process, or in Redis at redis://HOST:PORT (default: keep none).")
    String cache;

    @Option(names = "--keys", paramLabel = "FILE", description = "Keys of those who may call, with their limits; zhulong key makes one.")
    Path keys;

    @Option(names = "--rules", paramLabel = "FILE|builtin:NAME", description = "Rules for texts that go in and come out (zhulong guard --help; may be repeated).")
    List<String> rules = List.of();

    @Option(names = "--audit", paramLabel = "FILE", description = "Where a line goes about every decision of a rule.")
    Path auditFile;

    @Option(names = "--admin-port", paramLabel = "PORT", description = "Port of the administrator: GET /admin/status, POST /admin/guard/reload, POST and"
            + " DELETE /admin/adapters; needs --admin-keys.")
    Integer adminPort;

    @Option(names = "--admin-keys", paramLabel = "FILE", description = "Keys of administrators; others than those of --keys.")
    Path adminKeys;

    @Option(names = "--allow-origin", paramLabel = "ORIGIN", description = "A site whose pages may call, such as https://intranet.example (default: none; may be repeated).")
    List<String> origins = List.of();

    @Option(names = "--tls-cert", paramLabel = "FILE", description = "Certificate chain in PEM, for HTTPS.")
    Path tlsCert;

    @Option(names = "--tls-key", paramLabel = "FILE", description = "Its private key in PEM (PKCS#8).")
    Path tlsKey;

    @Option(names = "--max-body", paramLabel = "BYTES", defaultValue = "8388608", description = "Largest request that is taken (default: ${DEFAULT-VALUE}).")
    int maxBody;

    @Option(names = "--client-timeout", paramLabel = "SECONDS", defaultValue = "30", description = "In which a client must have sent its request, or taken a piece of its answer"
            + " (default: ${DEFAULT-VALUE}).")
    int clientTimeout;

    @Option(names = "--request-timeout", paramLabel = "SECONDS", defaultValue = "600", description = "After which a request is given up (default: ${DEFAULT-VALUE}).")
    int requestTimeout;

    @Option(names = "--log", description = "Write a line of JSON about every request to standard output: when, whose, what it took; nothing of what it said.")
    boolean log;

    @Mixin
    EngineOptions engine;

    /** Held, as loggers that nobody holds forget their level. */
    private static final Logger HELIDON = Logger.getLogger("io.helidon");

    @Override
    protected void run() throws IOException {
        HELIDON.setLevel(Level.WARNING);
        check();
        if (prefixDirectory != null) {
            Files.createDirectories(prefixDirectory);
        }
        engine.check(low == null ? List.of(model) : List.of(model, low), null);
        try (ModelFiles files = engine.open(model, null, Engine.AUTO); ModelFiles lowFiles = low == null ? null : engine.open(low, null, Engine.AUTO);
                ResponseCache answers = answers(); AuditLog audit = auditFile == null ? AuditLog.NONE : AuditLog.to(auditFile)) {
            serve(files, lowFiles, options(audit).withCache(answers));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void check() {
        atLeast("--parallel", parallel, 1);
        atLeast("--queue", queue == null ? 1 : queue, 1);
        atLeast("--kv-tokens", kvTokens == null ? 1 : kvTokens, 1);
        atLeast("--prompt-rows", promptRows, 1);
        atLeast("--warm-up", warmUp, 0);
        atLeast("--max-body", maxBody, 1);
        atLeast("--client-timeout", clientTimeout, 1);
        atLeast("--request-timeout", requestTimeout, 1);
        if (port < 0 || port > 65535) {
            throw wrongUsage("--port must be from 0 to 65535, found " + port);
        }
        if (auditFile != null && rules.isEmpty()) {
            throw wrongUsage("--audit keeps what --rules decide: give both or neither");
        }
        if ((adminPort == null) != (adminKeys == null)) {
            throw wrongUsage("--admin-port and --admin-keys belong together: give both or neither");
        }
        if (prefixDirectory != null && noPrefixCache) {
            throw wrongUsage("--prefix-dir keeps what --no-prefix-cache does not: give one of them");
        }
        if (adapterDir != null && adminPort == null) {
            throw wrongUsage("--adapter-dir is for the administrator: give --admin-port and --admin-keys too");
        }
        if ((tlsCert == null) != (tlsKey == null)) {
            throw wrongUsage("--tls-cert and --tls-key belong together: give both or neither");
        }
    }

    private void atLeast(String option, int value, int least) {
        if (value < least) {
            throw wrongUsage(option + " must be at least " + least + ", found " + value);
        }
    }

    private ResponseCache answers() {
        if (cache == null) {
            return null;
        }
        if (cache.equals("local")) {
            return ResponseCache.local(CACHE_CHARACTERS);
        }
        if (!cache.startsWith("redis://") && !cache.startsWith("rediss://")) {
            throw wrongUsage("--cache is local or a URI such as redis://localhost:6379, found " + cache);
        }
        return ResponseCache.redis(cache);
    }

    private ServerOptions options(AuditLog audit) {
        ServerOptions options = ServerOptions.local(port).withHost(host).withLimits(maxBody, clientTimeout, requestTimeout).withOrigins(new LinkedHashSet<>(origins));
        if (keys != null) {
            options = options.withKeys(ApiKeys.read(keys));
        }
        if (tlsCert != null) {
            options = options.withTls(ServerOptions.tls(tlsCert, tlsKey));
        }
        if (log) {
            options = options.withLog(out());
        }
        if (!rules.isEmpty()) {
            options = options.withGuard(new Guard(rules, audit));
        }
        return adminPort == null ? options : options.withAdmin(new ServerOptions.Admin(host, adminPort, ApiKeys.read(adminKeys), adapterDir));
    }

    private void serve(ModelFiles files, ModelFiles lowFiles, ServerOptions options) throws InterruptedException {
        var stop = new CountDownLatch(1);
        var stopped = new CountDownLatch(1);
        int tokens = tokens(files, lowFiles);
        try (LoadedModel loaded = files.load(tokens + ApiServer.EMBED_TOKENS); LoadedModel lowLoaded = lowFiles == null ? null : lowFiles.load(tokens)) {
            List<ServedModel.Route> routes = new ArrayList<>(List.of(new ServedModel.Route(Precision.HIGH, files.engine(), loaded.model())));
            if (lowLoaded != null) {
                if (lowLoaded.tokenizer().vocabSize() != loaded.tokenizer().vocabSize()) {
                    throw new IllegalArgumentException("--low " + low + " is another model than " + model + ": their vocabularies differ");
                }
                routes.add(new ServedModel.Route(Precision.LOW, lowFiles.engine(), lowLoaded.model()));
            }
            for (ServedModel.Route route : routes) {
                WarmUp.run(route.model(), (double) warmUp / routes.size());
            }
            int waiting = queue != null ? queue : Math.max(64, 8 * parallel);
            var scheduling = new SchedulerOptions(parallel, waiting, tokens, promptRows, !noPrefixCache);
            String called = name != null ? name : model.toAbsolutePath().normalize().getFileName().toString().replaceFirst("\\.gguf$", "");
            try (var served = new ServedModel(called, loaded.tokenizer(), files.template(), loaded.advice(), loaded.eosIds(), files.fingerprint(), routes, scheduling,
                    precision -> prefixes(precision == Precision.LOW ? lowFiles : files, precision));
                    var server = started(served, options)) {
                err().println(String.format(Locale.ROOT, "[%s serves %s on %s; %d sequences at once, %,d tokens of keys and values]", options.url(server.port()), called,
                        files.engine() + (lowFiles == null ? "" : " and " + lowFiles.engine()), parallel, tokens));
                err().flush();
                var hook = new Thread(() -> {
                    stop.countDown();
                    await(stopped);
                });
                Runtime.getRuntime().addShutdownHook(hook);
                stop.await();
                err().println("[what was begun is answered, then the server ends]");
                err().flush();
                server.drain();
                // what follows are connections without a request, each of which Helidon would warn of
                HELIDON.setLevel(Level.OFF);
            }
        } finally {
            stopped.countDown();
        }
    }

    private PrefixFile prefixes(ModelFiles files, Precision precision) {
        return prefixDirectory == null ? null : new PrefixFile(prefixDirectory.resolve(precision.label() + ".prefixes"), files.fingerprint(), problem -> {
            err().println("[" + problem + "]");
            err().flush();
        });
    }

    private ApiServer started(ServedModel served, ServerOptions options) {
        adapters.forEach(served::addAdapter);
        return ApiServer.start(served, options);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await(10, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tokens of keys and values, as many as fit besides those of embeddings; a context that does not fit is cut down. */
    private int tokens(ModelFiles files, ModelFiles lowFiles) {
        int context = files.context();
        long wanted = kvTokens != null ? kvTokens : Math.max(context, (long) parallel * Math.min(context, USUAL_TOKENS));
        int wish = (int) Math.min(Integer.MAX_VALUE, wanted + ApiServer.EMBED_TOKENS);
        int fit = kvTokens != null ? wish : files.fitting(wish);
        if (lowFiles != null) {
            // two models share what there is
            int both = (int) Math.min(Integer.MAX_VALUE, 2L * wish);
            fit = Math.min(files.fitting(both), lowFiles.fitting(both)) / 2;
        }
        int tokens = Math.max(1, fit - ApiServer.EMBED_TOKENS);
        if (tokens < context && engine.context == null) {
            files.limit(tokens);
            if (lowFiles != null) {
                lowFiles.limit(tokens);
            }
            err().println(String.format(Locale.ROOT, "[of the model's context of %,d tokens %,d fit into memory]", context, tokens));
        }
        return tokens;
    }
}
