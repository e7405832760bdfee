package dev.zhulong.evaluate;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.Tokenizer;
import java.util.List;
import java.util.stream.DoubleStream;

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

    private Perplexity() {}

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
        var windowNll = DoubleStream.builder();
        var windowTokens = DoubleStream.builder();
        double[] nll = new double[1];
        long[] tokens = new long[1];
        int width = model.spec().vocabSize();
        int vocab = Math.min(width, tokenizer.vocabSize());
        long bytes = new WindowWalk(List.of(model), tokenizer, options, progress, logitsAtOnce,
                (logits, row, target) -> new double[] {LogSoftmax.nll(logits.getFirst(), row * width, vocab, target)}, window -> {
                    double before = nll[0];
                    for (double[] token : window) {
                        nll[0] += token[0];
                    }
                    tokens[0] += window.length;
                    windowNll.add(nll[0] - before);
                    windowTokens.add(window.length);
                }).through(documents);
        return new PerplexityResult(new TokenLoss(nll[0], tokens[0], bytes), new PerplexityResult.Windows(windowNll.build().toArray(), windowTokens.build().toArray()), options);
    }
}
