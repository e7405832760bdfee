package dev.zhulong.infer;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * A conversation with a plain base model, which knows no chat template: turns are written as lines {@code User: …} and
 * {@code Assistant: …}, and an answer ends where the model begins the user's next line. Nothing keeps a user's text from holding such
 * lines. When the conversation outgrows the context, its oldest turns are forgotten.
 */
public final class ChatSession {
    private static final String USER = "User:";
    private static final String ASSISTANT = "Assistant:";

    private record Turn(String user, String assistant) {}

    private final Generator generator;
    private final int context;
    private final GenerateOptions options;
    private final Deque<Turn> turns = new ArrayDeque<>();
    private long seed;

    /** A new conversation; {@code context} is the model's, in tokens. */
    public ChatSession(Generator generator, int context, GenerateOptions options) {
        this.generator = generator;
        this.context = context;
        var stop = new ArrayList<>(options.stop());
        stop.add("\n" + USER);
        this.options = options.withStop(stop);
        this.seed = options.sampler().seed();
    }

    /** The model's answer to {@code message}, streamed to {@code onText} as it comes. */
    public Generation reply(String message, Consumer<String> onText) {
        int[] prompt = generator.sequence(prompt(message));
        while (!turns.isEmpty() && prompt.length + options.maxNewTokens() > context) {
            turns.removeFirst();
            prompt = generator.sequence(prompt(message));
        }
        // A turn of its own seed: asking the same again may be answered differently.
        var sampler = options.sampler().withSeed(seed++);
        var turnOptions = new GenerateOptions(options.maxNewTokens(), sampler, options.stop(), options.stopIds(), options.ignoreEos());
        Generation answer = generator.generate(prompt, turnOptions, onText);
        turns.addLast(new Turn(message, answer.text().strip()));
        return answer;
    }

    private String prompt(String message) {
        var text = new StringBuilder();
        for (Turn turn : turns) {
            text.append(USER).append(' ').append(turn.user).append('\n').append(ASSISTANT).append(' ').append(turn.assistant).append('\n');
        }
        return text.append(USER).append(' ').append(message).append('\n').append(ASSISTANT).toString();
    }
}
