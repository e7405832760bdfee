package dev.zhulong.cli;

import dev.zhulong.formats.OwnerOnly;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.infer.PrefixFile;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.WarmUp;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.infer.open.OpenEncoderDecoder;
import dev.zhulong.infer.speech.SpeechModel;
import dev.zhulong.infer.search.BeamScheduler;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.serve.ApiKeys;
import dev.zhulong.serve.ApiServer;
import dev.zhulong.serve.Guard;
import dev.zhulong.serve.Precision;
import dev.zhulong.serve.ResponseCache;
import dev.zhulong.serve.ServedEncoder;
import dev.zhulong.serve.ServedModel;
import dev.zhulong.serve.ServedSpeech;
import dev.zhulong.serve.ServerOptions;
import dev.zhulong.serve.Sources;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
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
            "A directory with an encoder (BERT and its descendants) is served with embeddings, pooled and normalized as it says, and labels with their probabilities where it has a head"
                    + " for them: POST /v1/classify.",
            "A directory with an encoder–decoder (T5, BART, mBART, Marian, M2M-100, NLLB) is served with translations by beams, POST /v1/translate, and completions that are written of"
                    + " their prompt.",
            "Requests are answered together, each as if it were alone; prompts that begin alike are read once. It listens on this machine alone unless --host says"
                    + " otherwise, and lets everyone call unless --keys names a file of keys (zhulong key makes them).",
            "On SIGTERM or Ctrl-C, requests in progress are finished before the server ends.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong serve --model my-model",
            "  zhulong serve --model model.Q8_0.gguf --low model.Q4_0.gguf --port 9000 --parallel 16",
            "  zhulong serve --model my-model --host 0.0.0.0 --keys keys.json --tls-cert cert.pem --tls-key key.pem",
            "  zhulong serve --model all-MiniLM-L6-v2 --weights q8_0",
            "  zhulong serve --model opus-mt-en-zh",
            "  zhulong serve --model BERT --adapter topics=my-classifier",
            "  curl localhost:8080/v1/chat/completions -H 'Content-Type: application/json' -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'",
        })
final class ServeVerb extends Verb {
    /** Tokens of a sequence that memory is kept for where it is not said how many. */
    private static final int USUAL_TOKENS = 4096;

    /** The same of an encoder–decoder, whose texts are short: those of a source and of what is written of it. */
    private static final int REWRITTEN_TOKENS = 768;
    /** Beams that are searched side by side. */
    private static final int BEAM_ROWS = 64;

    /** Bytes of answers kept in this process: a small part of its memory. */
    private static final long CACHE_BYTES = Math.min(128L << 20, Runtime.getRuntime().maxMemory() / 16);

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or a GGUF file.")
    Path model;

    @Option(names = "--adapter", paramLabel = "NAME=DIR", description = "LoRA adapter in PEFT's format, which clients choose with "
            + "\"model\": \"NAME\"; all adapters are answered in one batch (cpu engine only; may be repeated). Of an encoder or an encoder–decoder one can be given: it is put into"
            + " the weights, and the model is then called NAME.")
    Map<String, Path> adapters = Map.of();

    @Option(names = "--adapter-dir", paramLabel = "DIR", description = "Directory of adapters that the administrator may load while the "
            + "server runs: POST /admin/adapters {\"name\": NAME, \"directory\": SUBDIRECTORY}, DELETE /admin/adapters/NAME.")
    Path adapterDir;

    @Option(names = "--low", paramLabel = "DIR|FILE", description = "The same model in fewer bits, loaded as well. It answers requests "
            + "with \"precision\": \"low\", and long requests that leave the choice to the server and need no exactness.")
    Path low;

    @Option(names = "--name", paramLabel = "NAME", description = "Model name that clients use (default: the name of its directory or "
            + "file).")
    String name;

    @Option(names = "--host", paramLabel = "ADDRESS", defaultValue = "127.0.0.1", description = "Address to listen on; 0.0.0.0 for all (default: ${DEFAULT-VALUE}).")
    String host;

    @Option(names = "--port", paramLabel = "PORT", defaultValue = "8080", description = "Port to listen on; 0 chooses a free one "
            + "(default: ${DEFAULT-VALUE}).")
    int port;

    @Option(names = "--parallel", paramLabel = "N", defaultValue = "16", description = "Maximum number of sequences written at once "
            + "(default: ${DEFAULT-VALUE}).")
    int parallel;

    @Option(names = "--queue", paramLabel = "N", description = "Maximum number of queued requests; further ones are rejected with 429 "
            + "and Retry-After (default: 8 times --parallel, at least 64).")
    Integer queue;

    @Option(names = "--kv-tokens", paramLabel = "N", description = "Maximum number of tokens in the attention cache, over all sequences "
            + "and the prompts kept for reuse (default: what fits into memory, at most 4096 for each of --parallel).")
    Integer kvTokens;

    @Option(names = "--prompt-rows", paramLabel = "N", defaultValue = "32", description = "Number of prompt tokens to read in a step in "
            + "which other sequences write: with more, new answers begin sooner and running ones slow down (default: "
            + "${DEFAULT-VALUE}).")
    int promptRows;

    @Option(names = "--warm-up", paramLabel = "SECONDS", defaultValue = "10", description = "Seconds to run the model before the first "
            + "request is accepted, so that the JIT compiler has done its work; 0 for none (default: ${DEFAULT-VALUE}).")
    int warmUp;

    @Option(names = "--no-prefix-cache", description = "Read every prompt from its beginning, without reusing what earlier ones had in "
            + "common with it.")
    boolean noPrefixCache;

    @Option(names = "--prefix-dir", paramLabel = "DIR", description = "Directory to keep the prefix cache in when the server stops, for "
            + "use at the next start: one file for each precision, as large as the attention cache (cpu engine only). The files "
            + "contain what was asked, and are readable by the server's user alone.")
    Path prefixDirectory;

    @Option(names = "--cache", paramLabel = "local|URI", description = "Keep whole answers for an hour where the same request always "
            + "has the same answer (greedy, or with a seed): local for this process, or redis://HOST:PORT (default: keep none).")
    String cache;

    @Option(names = "--keys", paramLabel = "FILE", description = "File of API keys with their limits; zhulong key creates one (default: "
            + "no key is needed).")
    Path keys;

    @Option(names = "--rules", paramLabel = "FILE|builtin:NAME", description = "Guard rules for prompts and answers (see zhulong guard "
            + "test --help; may be repeated).")
    List<String> rules = List.of();

    @Option(names = "--audit", paramLabel = "FILE", description = "File to append a line to for every decision of a rule.")
    Path auditFile;

    @Option(names = "--admin-port", paramLabel = "PORT", description = "Port for the administrator: GET /admin/status, POST "
            + "/admin/guard/reload, POST and DELETE /admin/adapters; needs --admin-keys.")
    Integer adminPort;

    @Option(names = "--admin-keys", paramLabel = "FILE", description = "File of the administrators' API keys, which are separate from "
            + "--keys.")
    Path adminKeys;

    @Option(names = "--allow-origin", paramLabel = "ORIGIN", description = "Web site whose pages may call the server, such as "
            + "https://intranet.example (default: none; may be repeated).")
    List<String> origins = List.of();

    @Option(names = "--allow-host", paramLabel = "NAME", description = "A further name this server is reached by, such as llm.example. Without --host, requests for other names than"
            + " localhost, 127.0.0.1 and [::1] are refused; with it, pages at other names are (default: none; may be repeated).")
    List<String> hosts = List.of();

    @Option(names = "--tls-cert", paramLabel = "FILE", description = "Certificate chain in PEM, for HTTPS.")
    Path tlsCert;

    @Option(names = "--tls-key", paramLabel = "FILE", description = "Its private key in PEM, without a password.")
    Path tlsKey;

    @Option(names = "--max-body", paramLabel = "BYTES", defaultValue = "8388608", description = "Maximum size of a request in bytes "
            + "(default: ${DEFAULT-VALUE}; for recordings 27262976).")
    int maxBody;

    @Option(names = "--client-timeout", paramLabel = "SECONDS", defaultValue = "30", description = "Close a connection if the client takes "
            + "longer than this to send its request or to read the next part of the answer (default: ${DEFAULT-VALUE}).")
    int clientTimeout;

    @Option(names = "--request-timeout", paramLabel = "SECONDS", defaultValue = "600", description = "Cancel a request that is still running "
            + "after this many seconds (default: ${DEFAULT-VALUE}).")
    int requestTimeout;

    @Option(names = "--log", description = "Write a line of JSON about every request to standard output: time, key and cost, but none "
            + "of its text.")
    boolean log;

    @Mixin
    EngineOptions engine;

    /** Held, as loggers that nobody holds forget their level. */
    private static final Logger HELIDON = Logger.getLogger("io.helidon");
    private static final Logger LETTUCE = Logger.getLogger("io.lettuce");

    /** As OpenAI takes, and the form around it. */
    private static final int AUDIO_BYTES = 26 << 20;

    private final CountDownLatch stop = new CountDownLatch(1);
    private final CountDownLatch stopped = new CountDownLatch(1);

    @Override
    protected void run() throws IOException {
        HELIDON.setLevel(Level.WARNING);
        LETTUCE.setLevel(Level.WARNING);
        check();
        engine.check(low == null ? List.of(model) : List.of(model, low), null);
        if (EncoderModel.is(model)) {
            serveEncoder();
            return;
        }
        if (SpeechModel.is(model)) {
            serveSpeech();
            return;
        }
        if (OpenEncoderDecoder.isEncoderDecoder(model)) {
            serveEncoderDecoder();
            return;
        }
        if (prefixDirectory != null) {
            Files.createDirectories(prefixDirectory, OwnerOnly.directory(prefixDirectory));
        }
        try (ModelFiles files = engine.open(model, null, Engine.AUTO); ModelFiles lowFiles = low == null ? null : engine.open(low, null, Engine.AUTO);
                ResponseCache answers = answers(); AuditLog audit = auditFile == null ? AuditLog.NONE : AuditLog.to(auditFile)) {
            serve(files, lowFiles, options(audit).withCache(answers));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            stopped.countDown();
        }
    }

    /** Vectors and labels need no keys and values, and nothing of theirs is kept. */
    private void serveEncoder() throws IOException {
        String ofText = low != null ? "--low" : adapterDir != null ? "--adapter-dir" : kvTokens != null ? "--kv-tokens"
                : prefixDirectory != null ? "--prefix-dir" : noPrefixCache ? "--no-prefix-cache" : cache != null ? "--cache" : null;
        if (ofText != null) {
            throw wrongUsage(ofText + " is for models that write text, and " + model + " is an encoder: leave it out");
        }
        try (EncoderModel opened = EncoderModel.open(model, adapter().orElse(null), engine.choice(Engine.AUTO), this::say);
                AuditLog audit = auditFile == null ? AuditLog.NONE : AuditLog.to(auditFile)) {
            ServerOptions options = options(audit);
            WarmUp.run(opened.encoder().network(), warmUp);
            try (var served = new ServedEncoder(called(), opened.engine(), opened.encoder(), waiting()); var server = ApiServer.start(served, options)) {
                untilStopped(server, String.format(Locale.ROOT, "%s serves the encoder %s on %s; %s", options.url(server.port()), called(), opened.engine(),
                        opened.encoder().config().describe()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            stopped.countDown();
        }
    }

    /** Recordings are heard one after the other on the torch engine; a request is as large as a file. */
    private void serveSpeech() throws IOException {
        String ofText = low != null ? "--low" : adapterDir != null ? "--adapter-dir" : !adapters.isEmpty() ? "--adapter" : kvTokens != null ? "--kv-tokens"
                : prefixDirectory != null ? "--prefix-dir" : noPrefixCache ? "--no-prefix-cache" : cache != null ? "--cache" : null;
        if (ofText != null) {
            throw wrongUsage(ofText + " is for models that read text, and " + model + " hears recordings: leave it out");
        }
        EngineChoice choice = engine.choice(Engine.TORCH);
        if (choice.engine() == Engine.CPU) {
            throw wrongUsage("a model that hears is served by the torch engine: leave out --engine cpu");
        }
        if (!spec.commandLine().getParseResult().hasMatchedOption("--max-body")) {
            maxBody = AUDIO_BYTES;
        }
        try (SpeechModel loaded = SpeechModel.load(model, choice.device()); AuditLog audit = auditFile == null ? AuditLog.NONE : AuditLog.to(auditFile)) {
            ServerOptions options = options(audit);
            try (var served = new ServedSpeech(called(), "torch f32", loaded, waiting()); var server = ApiServer.start(served, options)) {
                untilStopped(server, String.format(Locale.ROOT, "%s serves %s, which hears, on torch f32; recordings of up to %,d bytes", options.url(server.port()), called(), maxBody));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            stopped.countDown();
        }
    }

    /** Sequences have keys and values, those of their sources too; nothing that is read of one serves another. */
    private void serveEncoderDecoder() throws IOException {
        String ofOthers = low != null ? "--low" : adapterDir != null ? "--adapter-dir" : prefixDirectory != null ? "--prefix-dir"
                : noPrefixCache ? "--no-prefix-cache" : null;
        if (ofOthers != null) {
            throw wrongUsage(ofOthers + " is for models that write on from their prompt, and " + model + " is an encoder–decoder: leave it out");
        }
        Optional<Path> inWeights = adapter();
        EngineChoice choice = engine.choice(Engine.AUTO);
        if (choice.engine() == Engine.TORCH) {
            throw wrongUsage("an encoder–decoder is served by the cpu engine: leave out --engine torch");
        }
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(model); OpenEncoderDecoder opened = OpenEncoderDecoder.load(model, inWeights, choice);
                ResponseCache answers = answers(); AuditLog audit = auditFile == null ? AuditLog.NONE : AuditLog.to(auditFile)) {
            inWeights.flatMap(from -> LoraAdapter.notice(from, opened.model().spec())).ifPresent(this::say);
            serve(tokenizer, opened, options(audit).withCache(answers));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            stopped.countDown();
        }
    }

    /** The one that is put into the weights of an encoder or an encoder–decoder, which has no place for another beside it. */
    private Optional<Path> adapter() {
        if (adapters.size() > 1) {
            throw wrongUsage(model + " is no decoder, and an adapter is put into its weights: give one --adapter, and start a server for each other or merge it (zhulong merge)");
        }
        return adapters.values().stream().findFirst();
    }

    private void say(String notice) {
        err().println("[" + notice + "]");
        err().flush();
    }

    private void serve(EncoderTokenizer tokenizer, OpenEncoderDecoder opened, ServerOptions options) throws InterruptedException {
        ConditionalModel loaded = opened.sequences().orElseThrow();
        long wanted = kvTokens != null ? kvTokens : (long) parallel * REWRITTEN_TOKENS;
        long beams = kvTokens != null ? kvTokens : (long) BEAM_ROWS * REWRITTEN_TOKENS;
        long fit = opened.fitting(wanted + beams);
        int tokens = (int) Math.min(Integer.MAX_VALUE, wanted * fit / (wanted + beams));
        var sources = new Sources(loaded, tokenizer, opened.searchOptions());
        var scheduling = new SchedulerOptions(parallel, waiting(), tokens, promptRows, false);
        var room = new BeamScheduler.Room(BEAM_ROWS, fit - tokens, waiting());
        WarmUp.run(loaded, warmUp);
        try (var served = new ServedModel(called(), sources, opened.engine(), opened.advice(), opened.fingerprint(), scheduling, room);
                var server = ApiServer.start(served, options)) {
            untilStopped(server, String.format(Locale.ROOT, "%s serves the encoder–decoder %s on %s; %d sequences at once, %,d tokens of keys and values, %,d for beams",
                    options.url(server.port()), called(), opened.engine(), parallel, tokens, room.tokens()));
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
            throw wrongUsage("--prefix-dir keeps the prefix cache that --no-prefix-cache turns off: give one of them");
        }
        if (adapterDir != null && adminPort == null) {
            throw wrongUsage("--adapter-dir is for the administrator: give --admin-port and --admin-keys too");
        }
        try {
            ServerOptions.local(port).withHosts(new LinkedHashSet<>(hosts));
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--allow-host: " + e.getMessage());
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
            return ResponseCache.local(CACHE_BYTES);
        }
        if (!cache.startsWith("redis://") && !cache.startsWith("rediss://")) {
            throw wrongUsage("--cache is local or a URI such as redis://localhost:6379, found " + cache);
        }
        return ResponseCache.redis(cache);
    }

    private ServerOptions options(AuditLog audit) {
        ServerOptions options = ServerOptions.local(port).withHost(host).withLimits(maxBody, clientTimeout, requestTimeout).withOrigins(new LinkedHashSet<>(origins))
                .withHosts(new LinkedHashSet<>(hosts));
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
        int tokens = tokens(files, lowFiles);
        try (LoadedModel loaded = files.load(tokens + ApiServer.EMBED_TOKENS); LoadedModel lowLoaded = lowFiles == null ? null : lowFiles.load(tokens)) {
            List<ServedModel.Route> routes = new ArrayList<>(List.of(new ServedModel.Route(Precision.HIGH, files.engine(), loaded.model())));
            if (lowLoaded != null) {
                if (lowLoaded.tokenizer().vocabSize() != loaded.tokenizer().vocabSize()) {
                    throw new IllegalArgumentException("--low " + low + " and " + model + " are different models: their vocabularies differ");
                }
                routes.add(new ServedModel.Route(Precision.LOW, lowFiles.engine(), lowLoaded.model()));
            }
            for (ServedModel.Route route : routes) {
                WarmUp.run(route.model(), (double) warmUp / routes.size());
            }
            var scheduling = new SchedulerOptions(parallel, waiting(), tokens, promptRows, !noPrefixCache);
            try (var served = new ServedModel(called(), loaded.tokenizer(), files.template(), loaded.advice(), loaded.eosIds(), files.fingerprint(), routes, scheduling,
                    precision -> prefixes(precision == Precision.LOW ? lowFiles : files, precision));
                    var server = started(served, options, files.spec())) {
                untilStopped(server, String.format(Locale.ROOT, "%s serves %s on %s; %d sequences at once, %,d tokens of keys and values", options.url(server.port()), called(),
                        files.engine() + (lowFiles == null ? "" : " and " + lowFiles.engine()), parallel, tokens));
            }
        }
    }

    private String called() {
        boolean inWeights = !adapters.isEmpty() && (EncoderModel.is(model) || OpenEncoderDecoder.isEncoderDecoder(model));
        return name != null ? name : inWeights ? adapters.keySet().iterator().next() : model.toAbsolutePath().normalize().getFileName().toString().replaceFirst("\\.gguf$", "");
    }

    /** Requests that may wait. */
    private int waiting() {
        return queue != null ? queue : Math.max(64, 8 * parallel);
    }

    /** Says that the server is up, and waits until it is to end and has finished what it took. */
    private void untilStopped(ApiServer server, String line) throws InterruptedException {
        err().println("[" + line + "]");
        err().flush();
        var hook = new Thread(() -> {
            stop.countDown();
            await(stopped);
        });
        Runtime.getRuntime().addShutdownHook(hook);
        stop.await();
        err().println("[shutting down: finishing requests in progress]");
        err().flush();
        server.drain();
        // what follows are connections without a request, each of which Helidon would warn of
        HELIDON.setLevel(Level.OFF);
    }

    private PrefixFile prefixes(ModelFiles files, Precision precision) {
        return prefixDirectory == null ? null : new PrefixFile(prefixDirectory.resolve(precision.label() + ".prefixes"), files.fingerprint(), problem -> {
            err().println("[" + problem + "]");
            err().flush();
        });
    }

    private ApiServer started(ServedModel served, ServerOptions options, DecoderSpec spec) {
        adapters.forEach((name, directory) -> {
            served.addAdapter(name, directory);
            LoraAdapter.notice(directory, spec).ifPresent(this::say);
        });
        return ApiServer.start(served, options);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await(10, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tokens of keys and values in whole pages, as many as fit besides those of embeddings; a context that does not fit is cut down. */
    private int tokens(ModelFiles files, ModelFiles lowFiles) {
        int context = files.context();
        long wanted = kvTokens != null ? kvTokens : Math.max(context, (long) parallel * Math.min(context, USUAL_TOKENS));
        long pages = (wanted + KvPages.PAGE - 1) / KvPages.PAGE;
        int wish = (int) Math.min(Integer.MAX_VALUE, pages * KvPages.PAGE + ApiServer.EMBED_TOKENS);
        int fit = kvTokens != null ? wish : files.fitting(wish);
        if (lowFiles != null) {
            // two models share what there is
            int both = (int) Math.min(Integer.MAX_VALUE, 2L * wish);
            fit = Math.min(files.fitting(both), lowFiles.fitting(both)) / 2;
        }
        int tokens = Math.max(1, (fit - ApiServer.EMBED_TOKENS) / KvPages.PAGE) * KvPages.PAGE;
        if (tokens < context && engine.context == null) {
            files.limit(tokens);
            if (lowFiles != null) {
                lowFiles.limit(tokens);
            }
            err().println(String.format(Locale.ROOT, "[of the model's context of %,d tokens, %,d fit into memory]", context, tokens));
        }
        return tokens;
    }
}
