package dev.zhulong.evaluate;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Perplexity and bits per byte of a text under a model.
 *
 * <p>The protocol. A text, or each document, is tokenised once, without normalisation of our own, into ids {@code t[0..n)}. Let {@code s}
 * be BOS followed by the ids, or without BOS the ids alone. Window k reads {@code s[kS .. kS+W)} for window W and stride S, and the logits
 * after each of these positions predict the token that follows: {@code s[kS+1 .. kS+W]}. With BOS, the first input of every window is BOS
 * in the place of what stands there (llama.cpp's perplexity tool does so), so BOS takes one of the W positions. A window scores the tokens
 * that no earlier window has scored; the last window may be short. So every token of {@code s} but the first is scored exactly once,
 * whatever W and S: with BOS every token of the text; without BOS all but the first of each document, which has nothing before it. Unlike
 * the often copied loop that starts a window on the token after the last one scored, no token is lost where windows meet.
 *
 * <p>With S = W and BOS this is: cut the ids into pieces of W, score each piece after BOS. For a text that fits one window it is the plain
 * mean over the text. Log-likelihoods are log-softmax in double over the float logits of the tokenizer's ids; padding rows of the head take
 * no part. Sums are in double, in the order of the text. Bytes are those of the text in UTF-8, less the first token's where it is not
 * scored.
 */
public final class Perplexity {
    /** Logits asked of the model at once, in floats: 64 MiB. */
    private static final int LOGITS_AT_ONCE = 1 << 24;

    private static final int MOST_WINDOWS_AT_ONCE = 16;

    private final LanguageModel model;
    private final Tokenizer tokenizer;
    private final PerplexityOptions options;
    private final Progress progress;
    private final int rowsAtOnce;
    private final int windowsAtOnce;
    private final List<Window> pending = new ArrayList<>();
    private final List<KvCache> caches = new ArrayList<>();
    private final DoubleStream.Builder windowNll = DoubleStream.builder();
    private final DoubleStream.Builder windowTokens = DoubleStream.builder();
    private double nll;
    private long tokens;

    /** {@code from}: the first of the targets that no earlier window has scored. */
    private record Window(int[] inputs, int[] targets, int from) {}

    private Perplexity(LanguageModel model, Tokenizer tokenizer, PerplexityOptions options, Progress progress, int logitsAtOnce) {
        if (options.window() > model.spec().contextLength()) {
            throw new IllegalArgumentException("a window of " + options.window() + " tokens is longer than the model's context of "
                    + model.spec().contextLength());
        }
        this.model = model;
        this.tokenizer = tokenizer;
        this.options = options;
        this.progress = progress;
        rowsAtOnce = Math.max(1, logitsAtOnce / model.spec().vocabSize());
        windowsAtOnce = Math.clamp(rowsAtOnce / options.window(), 1, MOST_WINDOWS_AT_ONCE);
    }

    /**
     * Scores {@code text} as one document.
     *
     * @throws IllegalArgumentException if there is no token to score, or the options do not fit the model or the tokenizer
     */
    public static PerplexityResult evaluate(LanguageModel model, Tokenizer tokenizer, String text, PerplexityOptions options) {
        return evaluate(model, tokenizer, List.of(TokenDocument.of(text, tokenizer)), options, Progress.SILENT);
    }

    /**
     * Scores documents each by itself: no window reaches from one into the next.
     *
     * @param documents read once, one at a time
     * @param progress  hears of the tokens scored so far, now and then
     */
    public static PerplexityResult evaluate(LanguageModel model, Tokenizer tokenizer, Iterable<TokenDocument> documents,
            PerplexityOptions options, Progress progress) {
        return evaluate(model, tokenizer, documents, options, progress, LOGITS_AT_ONCE);
    }

    static PerplexityResult evaluate(LanguageModel model, Tokenizer tokenizer, Iterable<TokenDocument> documents,
            PerplexityOptions options, Progress progress, int logitsAtOnce) {
        return new Perplexity(model, tokenizer, options, progress, logitsAtOnce).score(documents);
    }

    private PerplexityResult score(Iterable<TokenDocument> documents) {
        long bytes = 0;
        try {
            for (TokenDocument document : documents) {
                cut(document.sequence(tokenizer, options.bos()), this::add);
                bytes += document.scoredBytes(tokenizer, options.bos());
            }
            run();
        } finally {
            caches.forEach(KvCache::close);
        }
        return new PerplexityResult(new TokenLoss(nll, tokens, bytes), new PerplexityResult.Windows(windowNll.build().toArray(),
                windowTokens.build().toArray()), options);
    }

    private void cut(int[] sequence, Consumer<Window> windows) {
        int count = sequence.length - 1;
        int scored = 0;
        for (int start = 0; scored < count; start += options.stride()) {
            int end = Math.min(start + options.window(), count);
            int[] inputs = Arrays.copyOfRange(sequence, start, end);
            if (options.bos()) {
                inputs[0] = sequence[0];
            }
            windows.accept(new Window(inputs, Arrays.copyOfRange(sequence, start + 1, end + 1), scored - start));
            scored = end;
        }
    }

    private void add(Window window) {
        pending.add(window);
        if (pending.size() == windowsAtOnce) {
            run();
        }
    }

    private void run() {
        while (caches.size() < pending.size()) {
            caches.add(model.newCache(options.window()));
        }
        var context = new ArrayList<Span>();
        for (int i = 0; i < pending.size(); i++) {
            Window window = pending.get(i);
            caches.get(i).truncate(0);
            if (window.from > 0) {
                // read, but not scored again
                context.add(new Span(caches.get(i), Arrays.copyOf(window.inputs, window.from), Logits.NONE));
            }
        }
        if (!context.isEmpty()) {
            model.forward(context);
        }
        double[][] losses = new double[pending.size()][];
        int rows = Math.max(1, rowsAtOnce / Math.max(1, pending.size()));
        boolean more = !pending.isEmpty();
        for (int done = 0; more; done += rows) {
            more = predict(done, rows, losses);
        }
        // Summed a window after the other, so that the result does not depend on how many ran at once.
        for (double[] window : losses) {
            double before = nll;
            for (double loss : window) {
                nll += loss;
            }
            tokens += window.length;
            windowNll.add(nll - before);
            windowTokens.add(window.length);
        }
        pending.clear();
        progress.at("evaluate", tokens, 0, "tokens");
    }

    /** Scores up to {@code rows} further targets of each pending window after the {@code done} first; false when none is left. */
    private boolean predict(int done, int rows, double[][] losses) {
        var spans = new ArrayList<Span>();
        var of = new ArrayList<Integer>();
        boolean more = false;
        for (int i = 0; i < pending.size(); i++) {
            Window window = pending.get(i);
            int from = window.from + done;
            int end = Math.min(from + rows, window.inputs.length);
            if (from < end) {
                spans.add(new Span(caches.get(i), Arrays.copyOfRange(window.inputs, from, end)));
                of.add(i);
                more |= end < window.inputs.length;
            }
        }
        List<float[]> logits = model.forward(spans, true);
        for (int j = 0; j < spans.size(); j++) {
            int i = of.get(j);
            Window window = pending.get(i);
            if (losses[i] == null) {
                losses[i] = new double[window.inputs.length - window.from];
            }
            double[] found = losses(logits.get(j), window.targets, window.from + done, spans.get(j).ids().length);
            System.arraycopy(found, 0, losses[i], done, found.length);
        }
        return more;
    }

    private double[] losses(float[] logits, int[] targets, int from, int count) {
        int width = model.spec().vocabSize();
        int vocab = Math.min(width, tokenizer.vocabSize());
        return IntStream.range(0, count).parallel()
                .mapToDouble(row -> LogSoftmax.nll(logits, row * width, vocab, targets[from + row]))
                .toArray();
    }
}
