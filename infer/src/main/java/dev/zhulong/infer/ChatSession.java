package dev.zhulong.infer;

import dev.zhulong.infer.ChatTranscript.Turn;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A conversation with a model: through its chat template, or with a plain base model, which knows none, in lines {@code User: …} and
 * {@code Assistant: …}, where an answer ends as the model begins the user's next line and nothing keeps a user's text from holding such
 * lines. When the conversation outgrows the context, its oldest turns are forgotten.
 *
 * <p>Keys and values are kept from turn to turn, so that a turn costs what is new in it.
 */
public final class ChatSession implements AutoCloseable {
    private static final String USER = "User:";
    private static final String ASSISTANT = "Assistant:";

    private final Generator generator;
    private final int context;
    private final Optional<ChatEncoder> encoder;
    private final String system;
    private final GenerateOptions options;
    private final PromptCache cache;
    private final List<Turn> turns = new ArrayList<>();
    /** Turns, the oldest, that the model is no longer told. */
    private int forgotten;
    private long seed;

    private ChatSession(Generator generator, int context, GenerateOptions options, Optional<ChatEncoder> encoder, String system) {
        this.generator = generator;
        this.context = context;
        this.encoder = encoder;
        this.system = system;
        this.options = options;
        this.seed = options.sampler().seed();
        cache = generator.promptCache();
    }

    /** A conversation in plain lines; {@code context} is the model's, in tokens. */
    public static ChatSession plain(Generator generator, int context, GenerateOptions options) {
        var stop = new ArrayList<>(options.stop());
        stop.add("\n" + USER);
        return new ChatSession(generator, context, options.withStop(stop), Optional.empty(), "");
    }

    /**
     * A conversation through a chat template.
     *
     * @param system what the model is told before all turns; empty for nothing
     */
    public static ChatSession of(Generator generator, int context, GenerateOptions options, ChatEncoder encoder, String system) {
        var ids = new ArrayList<>(options.stopIds());
        encoder.endOfTurn().stream().filter(id -> !ids.contains(id)).forEach(ids::add);
        return new ChatSession(generator, context, options.withStopIds(ids), Optional.of(encoder), system);
    }

    /** The model's answer to {@code message}, streamed to {@code onText} as it comes. */
    public Generation reply(String message, Consumer<String> onText) {
        int[] prompt = prompt(message);
        while (forgotten < turns.size() && prompt.length + options.maxNewTokens() > context) {
            forgotten++;
            prompt = prompt(message);
        }
        // A turn of its own seed: asking the same again may be answered differently.
        Generation answer = generator.generate(prompt, options.withSampler(options.sampler().withSeed(seed++)), onText, cache);
        turns.add(new Turn(message, encoder.isPresent() ? answer.text() : answer.text().strip()));
        return answer;
    }

    /** Begins anew: with no turns, an empty cache and the first seed. */
    public void reset() {
        turns.clear();
        forgotten = 0;
        seed = options.sampler().seed();
        cache.clear();
    }

    /** What there is to keep of the conversation. */
    public ChatTranscript transcript() {
        return new ChatTranscript(system, seed, forgotten, turns);
    }

    /** Goes on with a conversation that began under the same system prompt. */
    public void restore(ChatTranscript former) {
        if (!former.system().equals(system)) {
            throw new IllegalArgumentException("the conversation began under another system prompt");
        }
        reset();
        turns.addAll(former.turns());
        forgotten = former.forgotten();
        seed = former.seed();
    }

    /** {@link PromptCache#save}: what saves {@link #restore a restored conversation} from being read anew; nothing where nothing was said. */
    public boolean saveCache(Path file, String model) {
        return cache.length() > 0 && cache.save(file, model);
    }

    /** {@link PromptCache#restore}. */
    public Optional<String> restoreCache(Path file, String model) {
        return cache.restore(file, model);
    }

    @Override
    public void close() {
        cache.close();
    }

    private int[] prompt(String message) {
        return encoder.map(chat -> chat.prompt(conversation(message))).orElseGet(() -> generator.sequence(lines(message)));
    }

    private Conversation conversation(String message) {
        var messages = new ArrayList<Message>();
        if (!system.isEmpty()) {
            messages.add(Message.system(system));
        }
        for (Turn turn : turns.subList(forgotten, turns.size())) {
            messages.add(Message.user(turn.user()));
            messages.add(Message.assistant(turn.assistant()));
        }
        messages.add(Message.user(message));
        return new Conversation(messages, List.of());
    }

    private String lines(String message) {
        var text = new StringBuilder();
        for (Turn turn : turns.subList(forgotten, turns.size())) {
            text.append(USER).append(' ').append(turn.user()).append('\n').append(ASSISTANT).append(' ').append(turn.assistant()).append('\n');
        }
        return text.append(USER).append(' ').append(message).append('\n').append(ASSISTANT).toString();
    }
}
