package dev.zhulong.evaluate.task;

import dev.zhulong.evaluate.LogSoftmax;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.text.Tokenizer;
import java.util.Arrays;
import java.util.List;

/**
 * Log-likelihood of texts after a context.
 *
 * <p>Context and continuation are tokenised as one text, as they would stand in one. Whitespace at the context's end belongs to the
 * continuation, for that is where tokenizers put it. A token that reaches over the seam counts as the continuation's, so that none of its
 * bytes goes unscored. The first token is never scored; where nothing else precedes the continuation, BOS does, or EOS without one.
 */
public final class Likelihoods {
    /** Logits asked of the model at once, in floats: 64 MiB. */
    private static final int LOGITS_AT_ONCE = 1 << 24;

    private final LanguageModel model;
    private final Tokenizer tokenizer;
    private final int context;

    public Likelihoods(LanguageModel model, Tokenizer tokenizer) {
        this.model = model;
        this.tokenizer = tokenizer;
        context = model.spec().contextLength();
    }

    /**
     * A sequence and where its scored part begins.
     *
     * @param ids  all of it
     * @param from first scored id, at least 1
     * @param cut  whether ids were taken off its front because it did not fit the model's context
     */
    public record Scored(int[] ids, int from, boolean cut) {
        public Scored {
            if (from < 1 || from >= ids.length) {
                throw new IllegalArgumentException("nothing to score: " + ids.length + " ids, the first " + from + " of them context");
            }
        }
    }

    /** {@code continuation} after {@code before}, as plain text. */
    public Scored text(String before, String continuation) {
        int end = before.length();
        while (end > 0 && Character.isWhitespace(before.charAt(end - 1))) {
            end--;
        }
        String front = before.substring(0, end);
        int[] ids = tokenizer.encode(before + continuation);
        // both encodings begin with the same space, where a tokenizer puts one there
        int bytes = bytes(tokenizer.encode(front));
        int from = 0;
        for (int reached = 0; from < ids.length; from++) {
            reached += tokenizer.bytes(ids[from]).length;
            if (reached > bytes) {
                break;
            }
        }
        if (tokenizer.addsBos() || from == 0) {
            int first = tokenizer.addsBos() ? tokenizer.bos().orElseThrow() : tokenizer.bos().orElseGet(() -> tokenizer.eos().orElseThrow(
                    () -> new IllegalArgumentException("a text without a context needs a BOS or EOS token before it, and this tokenizer names none")));
            int[] with = new int[ids.length + 1];
            with[0] = first;
            System.arraycopy(ids, 0, with, 1, ids.length);
            return fit(with, from + 1);
        }
        return fit(ids, from);
    }

    /** {@code continuation} after ids that are there already (a rendered chat). */
    public Scored after(int[] before, String continuation) {
        int[] answer = tokenizer.encode(continuation);
        int[] ids = Arrays.copyOf(before, before.length + answer.length);
        System.arraycopy(answer, 0, ids, before.length, answer.length);
        return fit(ids, before.length);
    }

    private int bytes(int[] ids) {
        return Arrays.stream(ids).map(id -> tokenizer.bytes(id).length).sum();
    }

    /** The end of a sequence that is too long, BOS kept at its front. */
    private Scored fit(int[] ids, int from) {
        // the last id is predicted, never read
        int over = ids.length - 1 - context;
        if (over <= 0) {
            return new Scored(ids, from, false);
        }
        boolean bos = tokenizer.addsBos();
        int[] kept = Arrays.copyOfRange(ids, over, ids.length);
        if (bos) {
            kept[0] = ids[0];
        }
        if (from - over < 1) {
            throw new IllegalArgumentException("an answer of " + (ids.length - from) + " tokens does not fit the model's context of " + context);
        }
        return new Scored(kept, from - over, true);
    }

    /** Sum of the natural logarithms of each sequence's scored part; what the sequences begin with alike is read once. */
    public double[] of(List<Scored> sequences) {
        int shared = sequences.stream().mapToInt(Scored::from).min().orElseThrow();
        int[] first = sequences.getFirst().ids;
        for (Scored sequence : sequences) {
            int mismatch = Arrays.mismatch(first, 0, shared, sequence.ids, 0, shared);
            shared = mismatch < 0 ? shared : mismatch;
        }
        if (shared == 0) {
            // cut at different places, or without BOS
            return sequences.stream().mapToDouble(sequence -> of(List.of(sequence))[0]).toArray();
        }
        int longest = sequences.stream().mapToInt(sequence -> sequence.ids.length - 1).max().orElseThrow();
        double[] sums = new double[sequences.size()];
        try (KvCache cache = model.newCache(longest)) {
            float[] next = model.forward(List.of(new Span(cache, Arrays.copyOf(first, shared))), false).getFirst();
            for (int s = 0; s < sums.length; s++) {
                cache.truncate(shared);
                sums[s] = sum(sequences.get(s), shared, next, cache);
            }
        }
        return sums;
    }

    /** @param next logits after the {@code read} ids that the cache holds */
    private double sum(Scored sequence, int read, float[] next, KvCache cache) {
        int width = model.spec().vocabSize();
        int vocab = Math.min(width, tokenizer.vocabSize());
        int most = Math.max(1, LOGITS_AT_ONCE / width);
        int[] ids = sequence.ids;
        double sum = 0;
        if (sequence.from == read) {
            sum -= LogSoftmax.nll(next, 0, vocab, ids[read]);
        }
        for (int at = read; at < ids.length - 1; ) {
            int end = Math.min(at + most, ids.length - 1);
            float[] logits = model.forward(List.of(new Span(cache, Arrays.copyOfRange(ids, at, end))), true).getFirst();
            for (int i = at; i < end; i++) {
                // logits after id i predict id i + 1
                if (i + 1 >= sequence.from) {
                    sum -= LogSoftmax.nll(logits, (i - at) * width, vocab, ids[i + 1]);
                }
            }
            at = end;
        }
        return sum;
    }
}
