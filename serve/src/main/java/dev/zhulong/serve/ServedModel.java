package dev.zhulong.serve;

import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.PrefixFile;
import dev.zhulong.infer.Scheduler;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.constrain.Constraint;
import dev.zhulong.infer.constrain.TokenBytes;
import dev.zhulong.infer.cpu.CpuAdapter;
import dev.zhulong.infer.search.BeamScheduler;
import dev.zhulong.text.EncodingException;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A model that is served: its name, how text becomes ids, and the routes that run it, each with a scheduler of its own. The models and the tokenizer
 * stay the caller's.
 */
public final class ServedModel implements AutoCloseable {
    /**
     * A model of one precision.
     *
     * @param precision what it is chosen by
     * @param engine    in words, such as {@code cpu q8_0}
     * @param model     that computes
     */
    public record Route(Precision precision, String engine, LanguageModel model) {}

    /** A route and what runs its sequences. */
    record Lane(Precision precision, String engine, LanguageModel model, Scheduler scheduler) {
        /** Most tokens of a sequence, prompt included. */
        int mostTokens() {
            return scheduler.mostTokens();
        }
    }

    /** Tokens of a prompt that costs little however it is read. */
    private static final int SHORT_PROMPT = 512;

    private final String name;
    private final Tokenizer tokenizer;
    private final ChatEncoder encoder;
    private final GenerationConfig advice;
    private final Set<Integer> ends;
    private final List<Integer> eosIds;
    private final String fingerprint;
    private final List<Lane> lanes = new ArrayList<>();
    private final Constraints constraints = Constraints.onThisHeap(schema -> Constraint.jsonSchema(schema, tokenBytes()));
    /** Null where the model writes on from its prompt. */
    private final Sources sources;
    /** Null where there are no sources. */
    private final BeamScheduler beams;
    private final Map<String, NamedAdapter> adapters = new ConcurrentSkipListMap<>();
    private TokenBytes tokenBytes;

    /**
     * Begins to run; nobody else may use the routes' models until this is closed.
     *
     * @param name        clients ask for it by
     * @param template    of conversations
     * @param advice      of the model's makers
     * @param eosIds      ids that end a sequence
     * @param fingerprint what tells the model from every other
     * @param routes      at least one, each of a precision of its own
     * @param prefixes    of a precision, where what was read of its prompts outlives the process: null for nowhere
     */
    public ServedModel(String name, Tokenizer tokenizer, ChatTemplate template, GenerationConfig advice, List<Integer> eosIds, String fingerprint, List<Route> routes,
            SchedulerOptions options, Function<Precision, PrefixFile> prefixes) {
        if (routes.isEmpty() || routes.stream().map(Route::precision).distinct().count() < routes.size()) {
            throw new IllegalArgumentException("a served model needs routes, each of a precision of its own; found " + routes.stream().map(Route::precision).toList());
        }
        this.name = name;
        this.tokenizer = tokenizer;
        this.advice = advice;
        this.eosIds = List.copyOf(eosIds);
        this.fingerprint = fingerprint;
        sources = null;
        beams = null;
        encoder = new ChatEncoder(template, tokenizer);
        ends = new TreeSet<>(eosIds);
        ends.addAll(encoder.endOfTurn());
        routes.stream().sorted(Comparator.comparing(Route::precision)).forEach(route ->
                lanes.add(new Lane(route.precision, route.engine, route.model, new Scheduler(route.model, tokenizer, options, prefixes.apply(route.precision)))));
    }

    /**
     * The same for an encoder–decoder, which writes of texts that come in; it takes no adapters.
     *
     * @param engine in words, such as {@code cpu q8_0}
     * @param advice of the model's makers, where they say nothing the likeliest token each time
     * @param room   of searches by beams, besides that of the options
     */
    public ServedModel(String name, Sources sources, String engine, GenerationConfig advice, String fingerprint, SchedulerOptions options, BeamScheduler.Room room) {
        this.name = name;
        this.sources = sources;
        this.fingerprint = fingerprint;
        tokenizer = sources.tokenizer().tokenizer();
        this.advice = new GenerationConfig(advice.maxNewTokens(), advice.maxLength(), Optional.of(advice.doSample().orElse(false)), advice.temperature(), advice.topK(), advice.topP(),
                advice.minP(), advice.repetitionPenalty(), advice.bosId(), advice.eosIds());
        eosIds = sources.options().eos();
        ends = new TreeSet<>(eosIds);
        encoder = null;
        var scheduler = new Scheduler(sources.model(), tokenizer, options);
        lanes.add(new Lane(Precision.HIGH, engine, sources.model(), scheduler));
        beams = new BeamScheduler(scheduler, sources.model(), room);
    }

    public String name() {
        return name;
    }

    /** What texts that come in become; null where the model writes on from its prompt. */
    Sources sources() {
        return sources;
    }

    /** What searches by beams; null where there are no sources. */
    BeamScheduler beams() {
        return beams;
    }

    /**
     * Takes an adapter from now on, for those who ask for it by {@code name}; in place of one of that name, which requests that have begun keep.
     *
     * @param directory in PEFT's files; with a chat template of its own or without
     * @throws IllegalArgumentException where the name is not free or not plain, or the adapter does not fit the model or its engine
     */
    public void addAdapter(String name, Path directory) {
        checkAdapterName(name);
        CpuAdapter adapter = CpuAdapter.load(directory, lanes.getFirst().model.spec());
        for (Lane lane : lanes) {
            try (LanguageModel.KvCache fits = lane.model.newCache(1, adapter)) {
                assert fits.length() == 0;
            } catch (UnsupportedOperationException e) {
                throw new IllegalArgumentException("requests can choose adapters only on the cpu engine: leave out --engine torch, or merge this one (zhulong merge)", e);
            }
        }
        boolean own = Files.isRegularFile(directory.resolve(ChatTemplate.FILE));
        ChatEncoder speaks = own ? new ChatEncoder(ChatTemplate.load(directory), tokenizer) : encoder;
        // what the adapter has learnt to end with
        List<Integer> texts = Stream.concat(eosIds.stream(), GenerationConfig.eosIdsIn(directory).stream()).distinct().toList();
        List<Integer> turns = Stream.of(texts, ends, speaks.endOfTurn()).flatMap(Collection::stream).distinct().toList();
        adapters.put(name, new NamedAdapter(name, adapter, speaks, texts, turns));
    }

    /** @throws IllegalArgumentException where no adapter may be called so */
    void checkAdapterName(String name) {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,99}") || name.equals(this.name)) {
            throw new IllegalArgumentException("an adapter's name must consist of letters, digits, '.', '_' and '-', and differ from the model's, found " + name);
        }
    }

    /** Takes an adapter no more; requests that have begun keep it. False where there is none of that name. */
    public boolean removeAdapter(String name) {
        return adapters.remove(name) != null;
    }

    /** Names of the adapters. */
    List<String> adapters() {
        return List.copyOf(adapters.keySet());
    }

    /** What is asked for by {@code name}, which is the model's or an adapter's; of the model the adapter is null. */
    NamedAdapter named(String name) {
        if (name.equals(this.name)) {
            return new NamedAdapter(name, null, encoder, eosIds, List.copyOf(ends));
        }
        NamedAdapter adapter = adapters.get(name);
        if (adapter == null) {
            throw ApiException.noSuchModel(name);
        }
        return adapter;
    }

    Tokenizer tokenizer() {
        return tokenizer;
    }

    GenerationConfig advice() {
        return advice;
    }

    String fingerprint() {
        return fingerprint;
    }

    /** By precision, the lowest first. */
    List<Lane> lanes() {
        return lanes;
    }

    /**
     * What runs a request: of the precision asked for, or by itself: exactly where the form, the tokens' probabilities or the quality asked for matter, and
     * where a short prompt makes it cheap; else fast.
     *
     * @param asked  null for by itself
     * @param exact  whether the task needs exactness
     * @param tokens of the longest prompt
     */
    Lane lane(Precision asked, boolean exact, int tokens) {
        if (asked == null) {
            return exact || tokens <= SHORT_PROMPT ? lanes.getLast() : lanes.getFirst();
        }
        return lanes.stream().filter(lane -> lane.precision == asked).findFirst().orElseThrow(() -> ApiException.invalid("precision", "precision \"" + asked.label()
                + "\" is not loaded here; there is: " + lanes.stream().map(lane -> lane.precision.label()).collect(Collectors.joining(", "))));
    }

    /** Ids to start from, of plain text. */
    int[] sequence(String text) {
        return sequence(encode(text));
    }

    /** Ids of plain text, without any that would be put before it. */
    int[] encode(String text) {
        try {
            return tokenizer.encode(text);
        } catch (EncodingException e) {
            throw ApiException.invalid(null, "a text cannot be encoded: " + Json.shortened(e.reason(), 300));
        }
    }

    /**
     * Ids to start from.
     *
     * @throws ApiException where there are none, and the tokenizer has none that stand for that
     */
    int[] sequence(int[] ids) {
        try {
            return generator().sequence(ids);
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(null, e.getMessage());
        }
    }

    private Generator generator() {
        return new Generator(lanes.getFirst().model, tokenizer);
    }

    Constraints constraints() {
        return constraints;
    }

    private synchronized TokenBytes tokenBytes() {
        if (tokenBytes == null) {
            tokenBytes = TokenBytes.of(tokenizer);
        }
        return tokenBytes;
    }

    /** What keeps it from ever answering again; null where nothing does. */
    Throwable failure() {
        return lanes.stream().map(lane -> lane.scheduler.failure()).filter(Objects::nonNull).findFirst().orElse(null);
    }

    /** Takes no more requests, and waits until those it has are answered. */
    void drain() throws InterruptedException {
        if (beams != null) {
            beams.drain();
        }
        for (Lane lane : lanes) {
            lane.scheduler.drain();
        }
    }

    /** Gives up what is not answered. */
    @Override
    public void close() {
        if (beams != null) {
            beams.close();
        }
        lanes.forEach(lane -> lane.scheduler.close());
    }
}
