package dev.zhulong.infer.open;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.Sizes;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LimitedContext;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.cpu.AdaptedModel;
import dev.zhulong.infer.cpu.Chooser.Chosen;
import dev.zhulong.infer.cpu.Chooser;
import dev.zhulong.infer.cpu.CpuAdapter;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.cpu.Route;
import dev.zhulong.infer.open.EngineChoice.Precision;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.Device;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * A model's files, opened: what can be said of it before its weights are loaded, and the engine that will run it.
 *
 * <pre>{@code
 * try (ModelFiles files = ModelFiles.open(Path.of("model.Q8_0.gguf"), EngineChoice.DEFAULT)) {
 *     long tokens = ...;                                    // a prompt by files.tokenizer() and what is to follow
 *     try (LoadedModel loaded = files.load(tokens)) { ... } // or an error that says what memory is short
 * }
 * }</pre>
 *
 * <p>Closing it unmaps the files and closes the tokenizer; what was loaded is closed by who loaded it, before.
 */
public abstract sealed class ModelFiles implements AutoCloseable permits GgufModelFiles, DirectoryModelFiles {
    /** Fewer tokens than these are of no use, so that memory for fewer is no memory. */
    private static final int FEWEST = 64;
    /** Bytes of weights that are loaded about as fast as a tokenizer is. */
    private static final long SMALL = 256L << 20;

    private final Path path;
    /** Null for none. */
    private final Path adapter;
    private final DecoderSpec spec;
    /** Whether the context was asked for. */
    private final boolean contextGiven;
    private final Device device;
    private CpuOptions options;
    private int context;
    private List<String> notices = List.of();
    /** Null until it is asked for. */
    private FutureTask<Tokenizer> tokenizer;
    /** What auto says of its choice; null where nothing was chosen. */
    private String choice;
    /** The engine where choosing had to load it; null elsewhere. */
    private LanguageModel loaded;

    /** @param adapter null for none */
    ModelFiles(Path path, Path adapter, DecoderSpec spec, EngineChoice choice) {
        int most = spec.contextLength();
        int asked = choice.context().orElse(most);
        if (asked > most) {
            throw new IllegalArgumentException("--context " + asked + " is more than the " + most + " tokens " + path + " was made for");
        }
        this.path = path;
        this.adapter = adapter;
        this.contextGiven = choice.context().isPresent();
        this.spec = spec;
        this.device = choice.device();
        this.options = choice.cpu();
        this.context = asked;
    }

    /** Whether a path is taken for a GGUF file rather than a directory. */
    public static boolean isGguf(Path model) {
        return Files.isRegularFile(model) || model.toString().endsWith(".gguf") && !Files.isDirectory(model);
    }

    /** {@link #open(Path, Path, EngineChoice, Consumer)} without an adapter and without a word. */
    public static ModelFiles open(Path model, EngineChoice choice) {
        return open(model, null, choice, step -> { });
    }

    /**
     * Opens a GGUF file or a directory in Hugging Face's layout, and chooses what {@code choice} leaves to measurements.
     *
     * @param adapter  directory of a LoRA adapter in PEFT's format that is put on the model; null for none
     * @param progress told before each longer step of choosing
     * @throws IllegalArgumentException where the model cannot be run as asked for; says what to do
     */
    public static ModelFiles open(Path model, Path adapter, EngineChoice choice, Consumer<String> progress) {
        choice.device().require();
        ModelFiles files = isGguf(model) ? GgufModelFiles.open(model, adapter, choice) : DirectoryModelFiles.open(model, adapter, choice);
        try {
            // an adapter that cannot be read is told before anything is measured
            files.notices = files.said();
            choice.precision().ifPresent(files::requirePrecision);
            if (choice.measures()) {
                files.choose(choice, progress);
            }
            return files;
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
    }

    /** The makers' advice for generation. */
    public abstract GenerationConfig advice();

    /** Ids that end a sequence of the model without its adapter. */
    abstract List<Integer> ownEosIds();

    /** The model's template, or what a model without one is given. */
    abstract ChatTemplate ownTemplate();

    /** What the user should know of the model's files; mostly nothing. */
    abstract Optional<String> ownNotice();

    /** Whether it runs on the CPU engine. */
    public abstract boolean onCpu();

    /** What most elements of the blocks' matrices are held in, in the words of {@code --weights}. */
    abstract String weightType();

    /** Whether its weights can be had in other types than they are stored in. */
    abstract boolean canQuantise();

    /** Of the precisions to choose from, where {@code precisions} says so and there are several; else of the one it has. */
    abstract Chooser chooser(boolean precisions);

    /** Settles what matrices are quantised to; empty for as they are stored. */
    abstract void quantiseTo(Optional<WeightType> type);

    /** What the engine will take, the adapter aside. */
    abstract MemoryEstimate engineMemory();

    /** The files of the model that decide what it says, by name. */
    abstract SortedMap<String, Path> modelFiles();

    /** Whether there is one: {@code logits} runs models without. */
    public abstract boolean hasTokenizer();

    abstract Tokenizer openTokenizer();

    abstract LanguageModel openEngine();

    /** What of memory can be saved by options, such as {@code take --weights q4_0, }; or nothing. */
    abstract String advice(MemoryEstimate needs);

    /** Unmaps the weights; does nothing the second time. */
    abstract void closeWeights();

    /** The directory or file. */
    public Path path() {
        return path;
    }

    public DecoderSpec spec() {
        return spec;
    }

    /** Null for none. */
    Path adapter() {
        return adapter;
    }

    /** Ids that end a sequence: the model's, and what an adapter has learnt to end with. */
    public List<Integer> eosIds() {
        return adapter == null ? ownEosIds() : Stream.concat(ownEosIds().stream(), GenerationConfig.eosIdsIn(adapter).stream()).distinct().toList();
    }

    /** What the user should know of the files, a line each; mostly nothing. */
    public List<String> notices() {
        return notices;
    }

    private List<String> said() {
        return Stream.of(ownNotice(), adapter == null ? Optional.<String>empty() : LoraAdapter.notice(adapter, spec), unchecked()).flatMap(Optional::stream).toList();
    }

    private Optional<String> unchecked() {
        return device.isCpu() || device.freeBytes() >= 0 ? Optional.empty()
                : Optional.of("the free memory of " + device + " is not known; whether the model fits is not checked");
    }

    /** The template of the adapter where it brings one, else the model's, else ChatML. */
    public ChatTemplate template() {
        return adapter != null && Files.isRegularFile(adapter.resolve(ChatTemplate.FILE)) ? ChatTemplate.load(adapter) : ownTemplate();
    }

    /** What engine and adapter will take. */
    public MemoryEstimate memory() {
        return adapter == null ? engineMemory() : engineMemory().plus(CpuAdapter.bytes(adapter));
    }

    /** Tokens a sequence may have: the model's, or fewer where that was asked for. */
    public int context() {
        return context;
    }

    /** Takes fewer than the context. */
    public void limit(int tokens) {
        context = tokens;
    }

    /** Threads to compute on. */
    public int threads() {
        return options.threads();
    }

    /** What the torch engine computes on. */
    Device device() {
        return device;
    }

    /** How the CPU engine is to run. */
    CpuOptions options() {
        return options;
    }

    /** {@link #options} with ids of a text in them, where the route or the cache wants to read one. */
    CpuOptions calibrated() {
        return options.route() == Route.THROUGHPUT || options.cache() == KvPages.Format.INT4 ? withText() : options;
    }

    private CpuOptions withText() {
        return hasTokenizer() ? options.withCalibration(tokenizer().encode(CalibrationText.TEXT)) : options;
    }

    /**
     * Chooses what {@code asked} leaves open of route and precision, the route where it leaves nothing open, and keeps to it.
     *
     * @param progress told before each longer step
     * @throws IllegalArgumentException where nothing can be chosen; says what to do
     */
    public void choose(EngineChoice asked, Consumer<String> progress) {
        AutoChoice auto = AutoChoice.of(asked);
        boolean precisions = auto.precision() && canQuantise();
        String stored = weightType();
        CpuOptions read = precisions || auto.route() ? withText() : calibrated();
        Chosen chosen = chooser(precisions).choose(auto.routes(options.route()), read, auto.task(), Machine.availableMemory(),
                precisions ? auto.floor() : Double.POSITIVE_INFINITY, progress);
        choice = auto.line(chosen, stored, precisions);
        loaded = chosen.engine();
        options = options.withRoute(chosen.choice().taken().route());
        if (precisions) {
            quantiseTo(chosen.choice().taken().weights());
        }
    }

    /**
     * Chooses the precision for a deadline: the most precise of the stored one, int8 and int4 with which a token takes no longer, as a trial on the model
     * itself finds; where none is fast enough, the fastest. A model that has only one is timed all the same, so that {@link #choice} tells. On the CPU engine.
     *
     * @param milliseconds that a token may take at most
     * @param prompt       ids that are to be continued
     * @param sequences    that are to be written together
     * @param clock        in nanoseconds
     * @param progress     told before each precision that is tried
     * @throws IllegalArgumentException where no precision fits into memory; says what to do
     */
    public void keep(double milliseconds, int[] prompt, int sequences, LongSupplier clock, Consumer<String> progress) {
        String stored = weightType();
        boolean fixed = !canQuantise();
        var timer = new TokenTimer(tokenizer(), prompt, sequences, clock);
        DeadlineChoice chosen = DeadlineChoice.of(milliseconds, fixed ? List.of(Optional.empty()) : AutoChoice.PRECISIONS, weights -> {
            release();
            quantiseTo(weights);
            if (memory().total(timer.tokens()) > Machine.availableMemory()) {
                return Double.POSITIVE_INFINITY;
            }
            progress.accept("timing tokens of " + AutoChoice.precision(weights, stored));
            loaded = openEngine();
            return timer.milliseconds(adapter == null ? loaded : new AdaptedModel(loaded, CpuAdapter.load(adapter, spec)));
        });
        if (!chosen.kept() && !fixed) {
            // the last that was tried need not be the fastest
            release();
        }
        quantiseTo(chosen.taken().weights());
        requireMemory(timer.tokens(), available());
        choice = chosen.line(stored, fixed);
    }

    private void release() {
        if (loaded != null) {
            loaded.close();
            loaded = null;
        }
    }

    /** The choice with its reasons in one line; null where nothing was chosen. */
    public String choice() {
        return choice;
    }

    /** Refuses a precision that the files cannot be had in. */
    private void requirePrecision(Precision wanted) {
        if (wanted == Precision.AUTO || canQuantise()) {
            return;
        }
        quantiseTo(Optional.empty());
        String own = weightType();
        boolean has = switch (wanted) {
            case INT8 -> own.equals("q8_0");
            case INT4 -> own.matches("i?q4_.*|int4.*");
            default -> own.matches("b?f\\d+");
        };
        if (!has) {
            throw new IllegalArgumentException(path + " holds its weights in " + own + ", which --precision " + wanted.name().toLowerCase(Locale.ROOT)
                    + " cannot change: leave it out, or quantize the model this was made from (zhulong quantize)");
        }
    }

    /** The engine and what it holds most weights in, such as {@code cpu q8_0}. */
    public String engine() {
        return onCpu() ? "cpu " + weightType() + (options.route() == Route.THROUGHPUT ? " throughput" : "") : "torch f32" + (device.isCpu() ? "" : " " + device);
    }

    /** Closed with the files. */
    public Tokenizer tokenizer() {
        if (tokenizer == null) {
            tokenizer = new FutureTask<>(this::openTokenizer);
            tokenizer.run();
        }
        try {
            return tokenizer.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException why -> throw why;
                case Error why -> throw why;
                default -> throw new IllegalStateException(e.getCause());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while the tokenizer was read", e);
        }
    }

    /** Begins to read the tokenizer on a thread of its own; {@link #tokenizer} waits for it. */
    public void beginTokenizer() {
        if (tokenizer == null) {
            tokenizer = new FutureTask<>(this::openTokenizer);
            Thread.ofPlatform().daemon().name("tokenizer").start(tokenizer);
        }
    }

    /** What tells a model with its adapter, as it is run here, from every other: everything that its numbers depend on but the threads. */
    public SortedMap<String, String> identity() {
        return told().whole();
    }

    /** {@link #identity} in a moment, on one line, from samples of the files: for what can be computed anew. */
    public String fingerprint() {
        return told().quick();
    }

    private ModelIdentity told() {
        SortedMap<String, Path> files = modelFiles();
        if (adapter != null) {
            files.putAll(ModelIdentity.filesIn(adapter, "adapter/"));
        }
        return new ModelIdentity(files, engine(), context, onCpu() ? options.cache().name() : "");
    }

    /**
     * Loads the weights, once.
     *
     * @param tokens that caches will hold together
     * @throws IllegalArgumentException where they and the weights do not fit into the memory there is; says what to do
     */
    public LoadedModel load(long tokens) {
        // a tokenizer that cannot be read is told before gigabytes are
        Tokenizer own = tokenizer();
        return new LoadedModel(loadEngine(tokens), own, advice(), eosIds());
    }

    /**
     * The same for some sequences at once. A small model is loaded while its tokenizer is still being read, where there is memory for whole contexts.
     *
     * @param tokens of a sequence, prompt and answer; asked for only where whole contexts do not fit
     */
    public LoadedModel load(int sequences, LongSupplier tokens) {
        MemoryEstimate needs = memory();
        long whole = (long) sequences * context;
        if (needs.weights() > SMALL || needs.total(whole) > available()) {
            return load(sequences * tokens.getAsLong());
        }
        LanguageModel model = loadEngine();
        try {
            return new LoadedModel(model, tokenizer(), advice(), eosIds());
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
    }

    /** {@link #load} for verbs that need no text. */
    public LanguageModel loadEngine(long tokens) {
        requireMemory(tokens, available());
        return loadEngine();
    }

    private LanguageModel loadEngine() {
        // an adapter that cannot be read is told before gigabytes are
        CpuAdapter own = adapter != null && onCpu() ? CpuAdapter.load(adapter, spec) : null;
        LanguageModel model = loaded != null ? loaded : openEngine();
        loaded = null;
        closeWeights();
        return LimitedContext.of(own == null ? model : new AdaptedModel(model, own), context);
    }

    /**
     * {@link #load} with as much of the context as fits into memory, unless it was asked for: what follows keeps to it.
     *
     * @param say told in a line where it is less than all of it
     */
    public LoadedModel loadFitting(Consumer<String> say) {
        int fit = contextGiven ? context : fitting(context);
        if (fit < context) {
            limit(fit);
            say.accept(String.format(Locale.ROOT, "[of the model's context of %,d tokens, %,d fit into memory]", spec.contextLength(), fit));
        }
        return load(fit);
    }

    /** Bytes for the model: those that choosing has taken for it already too. */
    private long available() {
        if (!device.isCpu()) {
            long free = device.freeBytes();
            return free < 0 ? Long.MAX_VALUE : free;
        }
        return Machine.availableMemory() + (loaded != null ? memory().weights() : 0);
    }

    /** As many of {@code tokens} as fit well into memory beside the weights; where that is next to nothing, the error of {@link #load}. */
    public int fitting(int tokens) {
        long available = available();
        // a tenth is left to others: what is available now is not all there a moment later
        long fit = memory().tokens(available - available / 10);
        int least = Math.min(tokens, FEWEST);
        if (fit < least) {
            requireMemory(least, available);
        }
        return (int) Math.clamp(fit, least, tokens);
    }

    void requireMemory(long tokens, long available) {
        MemoryEstimate needs = memory();
        if (needs.total(tokens) <= available) {
            return;
        }
        long fit = needs.tokens(available);
        throw new IllegalArgumentException(String.format(Locale.ROOT,
                "%s on %s needs %s of memory (%s for weights, %s for keys and values of %,d tokens, %s for buffers) and %s are available: "
                        + "%s%sclose other programs or use a smaller model", path, engine(), Sizes.memory(needs.total(tokens)), Sizes.memory(needs.weights()),
                Sizes.memory(needs.cachePerToken() * tokens), tokens, Sizes.memory(needs.buffers()), Sizes.memory(available),
                fit >= FEWEST ? String.format(Locale.ROOT, "ask for at most %,d tokens, prompts included (--context, --max-new-tokens), ", fit) : "",
                advice(needs)));
    }

    /** The type that most elements of the blocks' matrices have, in the words of {@code --weights}; embedding and head often have a finer one. */
    static String most(Map<String, Long> elementsByType) {
        return elementsByType.entrySet().stream().max(Map.Entry.<String, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey(
                Comparator.reverseOrder()))).map(Map.Entry::getKey).orElse("f32").toLowerCase(Locale.ROOT);
    }

    @Override
    public void close() {
        closeWeights();
        release();
        if (tokenizer != null) {
            try {
                tokenizer().close();
            } catch (RuntimeException e) {
                // there is none
            }
        }
    }
}
