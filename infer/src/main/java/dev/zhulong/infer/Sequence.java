package dev.zhulong.infer;

import dev.zhulong.infer.Generation.Finish;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.constrain.ConstraintState;
import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** One sequence while it is being generated: its sampler, decoder and what it has written; its cache is the caller's. */
final class Sequence {
    /** Rows of a step, the last token's and those of a draft: the tiles of the kernels are of 1, 4 and 8 rows. */
    private static final int FIRST_DEPTH = 4;
    private static final int MOST_DRAFTED = 31;

    private final int promptTokens;
    private final int context;
    private final int room;
    private CachedTokens cache;
    /** Of the prompt, not read again. */
    private final int cachedTokens;
    private final Sampler sampler;
    private final StreamingDecoder decoder;
    private final StopStrings stops;
    private final Set<Integer> eosIds;
    private final Consumer<String> onText;
    private final LogProbabilities logProbabilities;
    private final int vocabSize;
    private final List<TokenLogProbs> logProbs = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private Drafter drafter;
    private final int[] draft = new int[MOST_DRAFTED];
    /** Prompt and what was written. */
    private int[] ids;
    private int count;
    private int depth = FIRST_DEPTH;
    private int drafted;
    private int accepted;
    /** Null for none. */
    private final Job.Rules rules;
    private ConstraintState constraint;
    private Finish finish;
    private long finished;

    /** @param rules null for none */
    Sequence(LanguageModel model, Tokenizer tokenizer, int[] prompt, GenerateOptions options, int number, Consumer<String> onText, PromptCache kept, Job.Rules rules) {
        this.rules = rules;
        promptTokens = prompt.length;
        context = model.spec().contextLength();
        room = options.newTokens(prompt.length, context);
        sampler = new Sampler(options.sampler(), tokenizer.vocabSize(), number);
        sampler.see(prompt);
        decoder = tokenizer.decoderAfter(prompt);
        stops = new StopStrings(options.stop());
        eosIds = new HashSet<>(options.stopIds());
        if (!options.ignoreEos()) {
            eosIds.addAll(model.spec().eosIds());
            tokenizer.eos().ifPresent(eosIds::add);
        }
        logProbabilities = options.logProbs() == GenerateOptions.NO_LOG_PROBS ? null
                : new LogProbabilities(tokenizer.vocabSize(), options.logProbs());
        vocabSize = tokenizer.vocabSize();
        if (options.constraint() != null) {
            boolean begins = Arrays.stream(prompt).allMatch(tokenizer::isControl);
            constraint = begins ? options.constraint().startOfText() : options.constraint().start();
        }
        this.onText = onText;
        ids = Arrays.copyOf(prompt, prompt.length + 16);
        cache = kept.tokens();
        drafter = kept.drafter();
        cachedTokens = kept.begin(prompt);
    }

    /** Tokens the model has not read yet: of the prompt, or after {@link #move} of all; 1 while it is written. */
    int unread() {
        return promptTokens + count - cache.length();
    }

    /** The next {@code most} unread ids, with the logits after the last of all. */
    Span unread(int most) {
        int from = cache.length();
        int to = from + Math.min(most, promptTokens + count - from);
        return cache.span(Arrays.copyOfRange(ids, from, to), to == promptTokens + count ? Logits.LAST : Logits.NONE);
    }

    /** Goes on over another cache, which may be empty: what it does not hold is unread again. */
    void move(PromptCache kept) {
        cache = kept.tokens();
        drafter = kept.drafter();
        kept.begin(ids());
    }

    /** Prompt and what was written. */
    int[] ids() {
        return Arrays.copyOf(ids, promptTokens + count);
    }

    int promptTokens() {
        return promptTokens;
    }

    /** Tokens written. */
    int written() {
        return count;
    }

    int cachedTokens() {
        return cachedTokens;
    }

    /** Of the tokens written so far, if asked for. */
    List<TokenLogProbs> logProbs() {
        return logProbs;
    }

    /** The model has read these ids. */
    void ran(int[] read) {
        cache.ran(read);
    }

    /** What the model is to read next: the last token, and guesses of what follows it. */
    Span next() {
        int most = drafter == null ? 0 : Math.min(depth - 1, room - count - 1);
        int n = most <= 0 ? 0 : drafter.draft(ids, promptTokens + count, most, draft);
        int[] next = new int[1 + n];
        next[0] = ids[promptTokens + count - 1];
        System.arraycopy(draft, 0, next, 1, n);
        return cache.span(next, Logits.ALL);
    }

    /**
     * Takes the logits after each of the ids that {@link #next} gave, as far as its guesses are what is drawn, and cuts the cache to what is.
     *
     * @return false if the sequence has ended
     */
    boolean advance(float[] logits, int[] read) {
        int vocab = logits.length / read.length;
        int guesses = read.length - 1;
        int right = 0;
        boolean on;
        while ((on = advance(guesses == 0 ? logits : Arrays.copyOfRange(logits, right * vocab, (right + 1) * vocab)))
                && right < guesses && ids[promptTokens + count - 1] == read[right + 1]) {
            right++;
        }
        if (guesses > 0) {
            cache.truncate(cache.length() - (guesses - right));
            drafted += guesses;
            accepted += right;
            depth = right == guesses ? Math.min(2 * depth, MOST_DRAFTED + 1) : right <= guesses / 2 ? Math.max(depth / 2, FIRST_DEPTH) : depth;
        }
        return on;
    }

    /** Draws the next token; false if the sequence has ended. */
    boolean advance(float[] logits) {
        if (constraint != null && constraint.mustEnd()) { // already before its first token
            end(Finish.EOS);
            return false;
        }
        int id = sampler.next(rules == null ? logits : ruled(logits), constraint == null ? null : allowed());
        if (eosIds.contains(id)) {
            end(Finish.EOS);
            return false;
        }
        if (promptTokens + count == ids.length) {
            ids = Arrays.copyOf(ids, ids.length * 2);
        }
        ids[promptTokens + count++] = id;
        if (logProbabilities != null) {
            logProbs.add(logProbabilities.of(logits, id));
        }
        emit(stops.push(decoder.next(id)));
        constraint = constraint == null ? null : constraint.after(id);
        if (stops.found()) {
            end(Finish.STOP);
        } else if (constraint != null && constraint.mustEnd()) {
            end(Finish.EOS);
        } else if (count == room) {
            end(Finish.LENGTH);
        }
        return finish == null;
    }

    private float[] ruled(float[] logits) {
        float[] scores = logits.clone();
        rules.apply(ids(), scores);
        return scores;
    }

    /** What the constraint allows, and what ends the sequence where the text may end. */
    private long[] allowed() {
        long[] allowed = constraint.mask().clone();
        for (int id : eosIds) {
            if (id < vocabSize) {
                long bit = 1L << id;
                allowed[id >> 6] = constraint.mayEnd() ? allowed[id >> 6] | bit : allowed[id >> 6] & ~bit;
            }
        }
        return allowed;
    }

    private void end(Finish reason) {
        finish = reason;
        emit(stops.push(decoder.flush()));
        emit(stops.flush());
        if (stops.found()) {
            finish = Finish.STOP;
        }
        finished = System.nanoTime();
    }

    private void emit(String piece) {
        if (!piece.isEmpty()) {
            text.append(piece);
            onText.accept(piece);
        }
    }

    Generation result(long start, long prefilled) {
        boolean full = finish == Finish.LENGTH && promptTokens + count == context;
        return new Generation(
                Arrays.copyOfRange(ids, promptTokens, promptTokens + count),
                text.toString(),
                finish == null ? Finish.LENGTH : finish,
                promptTokens,
                cachedTokens,
                (prefilled - start) * 1e-9,
                finish == null ? 0 : (finished - prefilled) * 1e-9,
                full ? "stopped at the model's context of " + context + " tokens (" + promptTokens + " of them prompt)" : "",
                logProbs,
                stops.which(),
                drafted,
                accepted);
    }
}
