package dev.zhulong.infer.cpu;

import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.LogSumExp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What a model loses to a more precise one of the same vocabulary: exp(d) - 1, with d the mean Kullback-Leibler divergence, in nats a token, of its
 * next-token distributions from the reference's, over text that the reference writes from nothing at temperature 1. It is by how much perplexity rises
 * on such text, as its cross entropy is the reference's entropy and d.
 *
 * <p>A difference of two measured perplexities would need a hundred times the text to tell 1 % from chance, and a text from elsewhere tells little of a
 * model that was trained for something else.
 */
final class QualityProbe {
    private static final int TEXTS = 4;
    /** Of each text. */
    private static final int TOKENS = 64;
    /** Floats of logits that are kept; texts are shorter where the vocabulary is large. */
    private static final int LOGITS = 1 << 24;

    private final int vocab;
    private final int[][] texts;
    /** Logits after each token of each text. */
    private final float[][] expected;

    /** Lets {@code reference} write. */
    QualityProbe(CpuEngine reference) {
        vocab = reference.spec().vocabSize();
        int tokens = Math.min(Math.min(TOKENS, reference.spec().contextLength()), Math.max(1, LOGITS / TEXTS / vocab));
        texts = new int[TEXTS][tokens];
        expected = new float[TEXTS][tokens * vocab];
        int bos = reference.spec().bosId();
        var random = new SplittableRandom(1);
        List<KvCache> caches = new ArrayList<>();
        for (int[] text : texts) {
            text[0] = bos >= 0 && bos < vocab ? bos : reference.spec().eosIds().stream().filter(id -> id < vocab).findFirst().orElse(0);
            caches.add(reference.newCache(tokens));
        }
        for (int t = 0; t < tokens; t++) {
            List<Span> step = new ArrayList<>();
            for (int i = 0; i < TEXTS; i++) {
                step.add(new Span(caches.get(i), new int[] {texts[i][t]}));
            }
            List<float[]> logits = reference.forward(step, false);
            for (int i = 0; i < TEXTS; i++) {
                System.arraycopy(logits.get(i), 0, expected[i], t * vocab, vocab);
                if (t + 1 < tokens) {
                    texts[i][t + 1] = drawn(logits.get(i), random.nextDouble());
                }
            }
        }
        caches.forEach(KvCache::close);
    }

    private int drawn(float[] logits, double point) {
        double all = LogSumExp.of(logits, 0, vocab);
        double sum = 0;
        for (int id = 0; id < vocab; id++) {
            sum += Math.exp(logits[id] - all);
            if (sum > point) {
                return id;
            }
        }
        return vocab - 1;
    }

    /** The rise that {@code model} brings, as a share of 1; not a number where its logits are not finite. */
    double rise(CpuEngine model) {
        double sum = 0;
        for (int i = 0; i < TEXTS; i++) {
            try (KvCache cache = model.newCache(texts[i].length)) {
                float[] found = model.forward(List.of(new Span(cache, texts[i])), true).getFirst();
                for (int at = 0; at < found.length; at += vocab) {
                    sum += divergence(expected[i], found, at, vocab);
                }
            }
        }
        return Math.expm1(Math.max(0, sum) / Arrays.stream(texts).mapToInt(text -> text.length).sum());
    }

    /** In nats, of the {@code count} logits from {@code at} on. */
    static double divergence(float[] expected, float[] found, int at, int count) {
        double p = LogSumExp.of(expected, at, count);
        double q = LogSumExp.of(found, at, count);
        double sum = 0;
        for (int i = at; i < at + count; i++) {
            double log = expected[i] - p;
            sum += Math.exp(log) * (log - (found[i] - q));
        }
        return sum;
    }
}
