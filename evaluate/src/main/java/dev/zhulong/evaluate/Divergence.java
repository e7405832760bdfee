package dev.zhulong.evaluate;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * How far a model has moved from another with the same tokens, such as the one it was made smaller from: both predict each token of a text from the same tokens before it, by
 * the protocol of {@link Perplexity}.
 *
 * <p>The Kullback–Leibler divergence of a token is Σ p (ln p − ln q) over the tokenizer's ids, p the reference's and q the model's probabilities, in double. Intervals are
 * bootstraps over windows, which are taken for independent.
 *
 * @param reference   its loss
 * @param model       the other's
 * @param kl          mean divergence, in nats a token
 * @param median      divergence of a token that half of them stay below
 * @param percentile99 that 99 % of them stay below
 * @param most        of any token
 * @param sameTop     share of tokens for which both have the same likeliest id
 * @param rise        mean loss of the model less that of the reference: the logarithm of the perplexities' quotient
 * @param windows     that were read
 */
public record Divergence(TokenLoss reference, TokenLoss model, Estimate kl, double median, double percentile99, double most, Estimate sameTop, Estimate rise, int windows,
        PerplexityOptions options) {
    /** Most tokens of a window where nothing else is asked for: enough windows for an interval even from a short text. */
    public static final int WINDOW = 512;

    /** Logits asked of both models at once, in floats: 64 MiB. */
    private static final int LOGITS_AT_ONCE = 1 << 24;
    private static final int REFERENCE = 0;
    private static final int MODEL = 1;
    private static final int KL = 2;
    private static final int SAME = 3;
    private static final int VALUES = 4;

    /**
     * Compares them.
     *
     * @param tokenizer of both
     * @param documents read once, one at a time
     * @throws IllegalArgumentException if there is no token to score, or the options do not fit a model
     */
    public static Divergence of(LanguageModel reference, LanguageModel model, Tokenizer tokenizer, Iterable<TokenDocument> documents, PerplexityOptions options, Progress progress) {
        List<double[][]> windows = new ArrayList<>();
        int[] widths = {reference.spec().vocabSize(), model.spec().vocabSize()};
        // a head may have more rows than there are ids
        int vocab = Math.min(tokenizer.vocabSize(), Math.min(widths[REFERENCE], widths[MODEL]));
        long bytes = new WindowWalk(List.of(reference, model), tokenizer, options, progress, LOGITS_AT_ONCE,
                (logits, row, target) -> token(logits.get(REFERENCE), row * widths[REFERENCE], logits.get(MODEL), row * widths[MODEL], vocab, target), windows::add).through(documents);
        double[][] sums = windows.stream().map(Divergence::sums).toArray(double[][]::new);
        double[] all = windows.stream().flatMap(Arrays::stream).mapToDouble(token -> token[KL]).sorted().toArray();
        double[] total = sum(sums, all(sums.length));
        long tokens = all.length;
        return new Divergence(new TokenLoss(total[REFERENCE], tokens, bytes), new TokenLoss(total[MODEL], tokens, bytes), estimate(sums, s -> s[KL] / s[VALUES]),
                all[all.length / 2], all[(int) Math.min(all.length - 1L, all.length * 99L / 100)], all[all.length - 1], estimate(sums, s -> s[SAME] / s[VALUES]),
                estimate(sums, s -> (s[MODEL] - s[REFERENCE]) / s[VALUES]), sums.length, options);
    }

    /** Losses of both, the divergence, and whether the likeliest id is the same. */
    private static double[] token(float[] p, int atP, float[] q, int atQ, int vocab, int target) {
        double sumP = LogSoftmax.normalizer(p, atP, vocab);
        double sumQ = LogSoftmax.normalizer(q, atQ, vocab);
        double loss = LogSoftmax.nll(p, atP, vocab, target, sumP);
        double other = LogSoftmax.nll(q, atQ, vocab, target, sumQ);
        double kl = 0;
        int topP = 0;
        int topQ = 0;
        for (int id = 0; id < vocab; id++) {
            double log = p[atP + id] - sumP;
            kl += Math.exp(log) * (log - (q[atQ + id] - sumQ));
            topP = p[atP + id] > p[atP + topP] ? id : topP;
            topQ = q[atQ + id] > q[atQ + topQ] ? id : topQ;
        }
        // of equal models roundings may leave a little less than nothing
        return new double[] {loss, other, Math.max(0, kl), topP == topQ ? 1 : 0};
    }

    /** Of a window, and behind them the number of its tokens. */
    private static double[] sums(double[][] window) {
        double[] sums = new double[VALUES + 1];
        for (double[] token : window) {
            for (int i = 0; i < VALUES; i++) {
                sums[i] += token[i];
            }
        }
        sums[VALUES] = window.length;
        return sums;
    }

    private static double[] sum(double[][] sums, int[] which) {
        double[] total = new double[VALUES + 1];
        for (int window : which) {
            for (int i = 0; i < total.length; i++) {
                total[i] += sums[window][i];
            }
        }
        return total;
    }

    private static int[] all(int count) {
        int[] all = new int[count];
        Arrays.setAll(all, i -> i);
        return all;
    }

    private static Estimate estimate(double[][] sums, ToDoubleFunction<double[]> of) {
        return Bootstrap.DEFAULT.estimate(of.applyAsDouble(sum(sums, all(sums.length))), sums.length, drawn -> of.applyAsDouble(sum(sums, drawn)));
    }

    /** The model's perplexity over the reference's. */
    public Estimate quotient() {
        return rise.exp();
    }

    /** A few lines. */
    public String text() {
        return String.format(Locale.ROOT, """
                KL divergence %.5f nats a token%s; half of the tokens below %.5f, 99 %% below %.4f, none above %.3f
                the same likeliest token for %.2f %% of %,d%s
                perplexity %.4f, that of the reference %.4f: %+.2f %%%s
                in %,d windows of %,d tokens""", kl.value(), interval(kl, 1, "%.5f"), median, percentile99, most, 100 * sameTop.value(), model.tokens(), interval(sameTop, 100, "%.2f"),
                model.perplexity(), reference.perplexity(), 100 * (quotient().value() - 1), interval(shifted(quotient()), 100, "%+.2f"), windows, options.window());
    }

    private static Estimate shifted(Estimate e) {
        return new Estimate(e.value() - 1, e.standardError(), e.low() - 1, e.high() - 1, e.resampleMean() - 1, e.resamples());
    }

    private static String interval(Estimate e, double factor, String format) {
        return Double.isNaN(e.standardError()) ? "" : String.format(Locale.ROOT, " (95 %%: " + format + " to " + format + ")", factor * e.low(), factor * e.high());
    }

    /** The same as JSON: {@code kl}, {@code same_top}, {@code perplexity_quotient}, each with {@code low} and {@code high}; {@code perplexity}, {@code reference_perplexity}, and so on. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        put(json, "kl", kl);
        json.put("kl_median", median).put("kl_99", percentile99).put("kl_most", most);
        put(json, "same_top", sameTop);
        put(json, "perplexity_quotient", quotient());
        json.put("perplexity", model.perplexity()).put("reference_perplexity", reference.perplexity()).put("mean_nll", model.meanNll()).put("reference_mean_nll", reference.meanNll());
        return json.put("tokens", model.tokens()).put("bytes", model.bytes()).put("windows", windows).put("window", options.window()).put("stride", options.stride())
                .put("bos", options.bos());
    }

    private static void put(ObjectNode json, String name, Estimate e) {
        ObjectNode value = json.putObject(name).put("value", e.value());
        if (!Double.isNaN(e.standardError())) {
            value.put("low", e.low()).put("high", e.high());
        }
    }
}
