package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Continues text with a language model, one sequence or several at once.
 *
 * <pre>{@code
 * var generator = new Generator(model, tokenizer);
 * var options = GenerateOptions.of(60, SamplerOptions.GREEDY);
 * Generation story = generator.generate(generator.sequence("Once upon a time"), options, System.out::print);
 * }</pre>
 *
 * <p>A sequence is generated the same whatever shares its batch. Sequence i of a batch draws from random stream i of the seed, so copies of
 * one prompt differ from their first token on. The prompt and the new tokens together never pass the model's context.
 */
public final class Generator {
    private final LanguageModel model;
    private final Tokenizer tokenizer;
    private final Drafter.Factory drafters;

    public Generator(LanguageModel model, Tokenizer tokenizer) {
        this(model, tokenizer, null);
    }

    private Generator(LanguageModel model, Tokenizer tokenizer, Drafter.Factory drafters) {
        if (tokenizer.vocabSize() > model.spec().vocabSize()) {
            throw new IllegalArgumentException("the tokenizer has ids up to " + (tokenizer.vocabSize() - 1) + " but the model only "
                    + model.spec().vocabSize() + " rows: they do not belong together");
        }
        this.model = model;
        this.tokenizer = tokenizer;
        this.drafters = drafters;
    }

    /**
     * The same with guesses, which change the speed and nothing else.
     *
     * @throws IllegalArgumentException if the guesses are of another vocabulary
     */
    public Generator withDrafts(Drafter.Factory factory) {
        factory.check(tokenizer);
        return new Generator(model, tokenizer, factory);
    }

    /** Ids to start from: BOS if this model's sequences begin with it, then {@code prompt} as plain text. */
    public int[] sequence(String prompt) {
        return sequence(tokenizer.encode(prompt));
    }

    /**
     * {@code ids} with BOS before them if this model's sequences begin with it and these do not yet. Of nothing at all: BOS, or EOS where
     * there is no BOS (GPT-2 separates documents by it, so that a new one follows).
     */
    public int[] sequence(int[] ids) {
        if (ids.length == 0) {
            return new int[] {tokenizer.bos().orElseGet(() -> tokenizer.eos().orElseThrow(() -> new IllegalArgumentException(
                    "an empty prompt needs a BOS or EOS token to start from, and this tokenizer names none: give a prompt")))};
        }
        if (!tokenizer.addsBos()) {
            return ids.clone();
        }
        int bos = tokenizer.bos().orElseThrow(() -> new IllegalArgumentException(
                "the tokenizer is configured to add BOS but names none: set bos_token in tokenizer_config.json"));
        if (ids[0] == bos) {
            return ids.clone();
        }
        int[] sequence = new int[ids.length + 1];
        sequence[0] = bos;
        System.arraycopy(ids, 0, sequence, 1, ids.length);
        return sequence;
    }

    /**
     * Continues {@code prompt}, taken as it is; {@link #sequence(String)} makes one.
     *
     * @param onText receives the text in whole characters as soon as it can no longer be part of a stop string
     * @throws IllegalArgumentException if the prompt is empty, has ids outside the vocabulary or leaves no room in the context
     */
    public Generation generate(int[] prompt, GenerateOptions options, Consumer<String> onText) {
        return generateAll(List.of(prompt), options, (index, text) -> onText.accept(text)).getFirst();
    }

    /** The same with a cache that is kept: what {@code prompt} has in common with the generations before is not read again. */
    public Generation generate(int[] prompt, GenerateOptions options, Consumer<String> onText, PromptCache kept) {
        check(prompt, model.spec());
        long start = System.nanoTime();
        return run(List.of(new Sequence(model, tokenizer, prompt, options, 0, onText, kept, null)), options, start).getFirst();
    }

    /** An empty cache for one conversation of up to the model's context; of this generator's model and drafts. */
    public PromptCache promptCache() {
        return new PromptCache(model, model.spec().contextLength(), drafters);
    }

    /** Receives the streamed text of a batch. */
    @FunctionalInterface
    public interface Listener {
        /** {@code text} goes on the sequence with number {@code index}. */
        void text(int index, String text);
    }

    /** Continues several prompts, of any lengths, at once; the results are in the order of the prompts. */
    public List<Generation> generateAll(List<int[]> prompts, GenerateOptions options, Listener listener) {
        int context = model.spec().contextLength();
        for (int[] prompt : prompts) {
            check(prompt, model.spec());
        }
        long start = System.nanoTime();
        var caches = new ArrayList<PromptCache>();
        try {
            var sequences = new ArrayList<Sequence>();
            for (int i = 0; i < prompts.size(); i++) {
                int index = i;
                int[] prompt = prompts.get(i);
                caches.add(new PromptCache(model, prompt.length + options.newTokens(prompt.length, context), drafters));
                sequences.add(new Sequence(model, tokenizer, prompt, options, i, text -> listener.text(index, text), caches.getLast(), null));
            }
            return run(sequences, options, start);
        } finally {
            caches.forEach(PromptCache::close);
        }
    }

    private List<Generation> run(List<Sequence> sequences, GenerateOptions options, long start) {
        List<Sequence> active = options.maxNewTokens() == 0 ? List.of() : sequences;
        List<Span> spans = active.stream().map(sequence -> sequence.unread(Integer.MAX_VALUE)).toList();
        long prefilled = start;
        for (boolean first = true; !active.isEmpty(); first = false) {
            List<float[]> logits = model.forward(spans);
            for (int i = 0; i < active.size(); i++) {
                active.get(i).ran(spans.get(i).ids());
            }
            if (first) {
                prefilled = System.nanoTime();
            }
            var next = new ArrayList<Sequence>();
            var nextSpans = new ArrayList<Span>();
            for (int i = 0; i < active.size(); i++) {
                Sequence sequence = active.get(i);
                if (first ? sequence.advance(logits.get(i)) : sequence.advance(logits.get(i), spans.get(i).ids())) {
                    nextSpans.add(sequence.next());
                    next.add(sequence);
                }
            }
            active = next;
            spans = nextSpans;
        }
        long end = prefilled;
        return sequences.stream().map(sequence -> sequence.result(start, end)).toList();
    }

    /** Refuses a prompt that a model of this shape cannot continue. */
    static void check(int[] prompt, DecoderSpec spec) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException("the prompt is empty: it needs at least one token id");
        }
        int context = spec.contextLength();
        if (prompt.length >= context) {
            throw new ContextLengthException("the prompt has " + prompt.length + " tokens and the model's context is " + context
                    + ": shorten the prompt to at most " + (context - 1));
        }
        for (int id : prompt) {
            if (id < 0 || id >= spec.vocabSize()) {
                throw new IllegalArgumentException("token id " + id + " in the prompt is outside the vocabulary of " + spec.vocabSize());
            }
        }
    }
}
