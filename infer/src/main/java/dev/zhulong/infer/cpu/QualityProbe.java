package dev.zhulong.infer.cpu;

import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What a model loses to another of the same vocabulary, over a text: exp(d) - 1, with d the mean over the text's positions of the Kullback-Leibler
 * divergence from the reference's next-token distribution, in nats. It is by how much perplexity rises on text that the reference itself would write,
 * never below 0, and a text of 256 tokens tells it; a difference of two perplexities over so short a text is chance.
 */
final class QualityProbe {
    private static final int TOKENS = 256;
    /** Floats of logits that are kept; fewer tokens are read where the vocabulary is large. */
    private static final int LOGITS = 1 << 24;

    private final int vocab;
    private final int[] ids;
    private final float[] expected;

    /** @param text ids, of which at most {@value #TOKENS} are read; empty for ids at random */
    QualityProbe(CpuEngine reference, int[] text) {
        vocab = reference.spec().vocabSize();
        int most = Math.min(Math.min(TOKENS, reference.spec().contextLength()), Math.max(1, LOGITS / vocab));
        ids = text.length > 0 ? Arrays.copyOf(text, Math.min(text.length, most)) : new SplittableRandom(1).ints(most, 0, vocab).toArray();
        expected = logits(reference);
    }

    /** The rise that {@code model} brings, as a share of 1; not a number where its logits are not finite. */
    double rise(CpuEngine model) {
        float[] found = logits(model);
        double sum = 0;
        for (int at = 0; at < found.length; at += vocab) {
            sum += divergence(expected, found, at, vocab);
        }
        return Math.expm1(Math.max(0, sum) / ids.length);
    }

    private float[] logits(CpuEngine model) {
        try (KvCache cache = model.newCache(ids.length)) {
            return model.forward(List.of(new Span(cache, ids)), true).getFirst();
        }
    }

    /** In nats, of two rows of logits. */
    static double divergence(float[] expected, float[] found, int at, int count) {
        double p = logSum(expected, at, count);
        double q = logSum(found, at, count);
        double sum = 0;
        for (int i = at; i < at + count; i++) {
            double log = expected[i] - p;
            sum += Math.exp(log) * (log - (found[i] - q));
        }
        return sum;
    }

    private static double logSum(float[] logits, int at, int count) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = at; i < at + count; i++) {
            largest = Math.max(largest, logits[i]);
        }
        double sum = 0;
        for (int i = at; i < at + count; i++) {
            sum += Math.exp(logits[i] - largest);
        }
        return largest + Math.log(sum);
    }
}
