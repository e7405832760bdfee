package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Runs a model on tokens without meaning, until the JIT compiler has seen what a server does: so those who ask first wait no longer than others. */
public final class WarmUp {
    /** Tokens of a prompt, of one whose beginning is known, and sequences that are written together. */
    private static final int PROMPT = 200;
    private static final int TAIL = 20;
    private static final int TOGETHER = 8;

    private final LanguageModel model;
    private final SplittableRandom random = new SplittableRandom(1);
    private final long end;

    private WarmUp(LanguageModel model, double seconds) {
        this.model = model;
        end = System.nanoTime() + (long) (1e9 * seconds);
    }

    /** For about so many {@code seconds}, and at most as long again as the model takes for a prompt of 200 tokens. Nobody else may use the model. */
    public static void run(LanguageModel model, double seconds) {
        var warmUp = new WarmUp(model, seconds);
        while (warmUp.round()) { }
    }

    /** The same for an encoder: single inputs of two lengths, and many together. */
    public static void run(Encoder encoder, double seconds) {
        long end = System.nanoTime() + (long) (1e9 * seconds);
        var random = new SplittableRandom(1);
        int context = encoder.spec().contextLength();
        while (System.nanoTime() - end < 0) {
            for (int inputs : new int[] {1, TOGETHER}) {
                for (int tokens : new int[] {TAIL, PROMPT}) {
                    encoder.encode(IntStream.range(0, inputs).mapToObj(_ -> Encoder.Input.of(random.ints(Math.min(context, tokens), 0, encoder.spec().vocabSize()).toArray())).toList());
                }
            }
        }
    }

    /** False when time is up. */
    private boolean round() {
        List<KvCache> caches = new ArrayList<>();
        try {
            int context = model.spec().contextLength();
            for (int i = 0; i < TOGETHER; i++) {
                caches.add(newCache(Math.min(context, i == 0 ? PROMPT + 2 * TAIL : TAIL)));
            }
            List<KvCache> first = caches.subList(0, 1);
            return forward(first, TAIL) && forward(first, PROMPT) && forward(first, 1) && forward(first, 1) && forward(caches, TAIL / 2) && forward(caches, 1) && forward(caches, 1)
                    && forward(caches, 1);
        } finally {
            caches.forEach(KvCache::close);
        }
    }

    private KvCache newCache(int capacity) {
        return model instanceof ConditionalModel conditional ? conditional.newCache(capacity, random.ints(capacity, 0, conditional.network().sourceVocab()).toArray())
                : model.newCache(capacity);
    }

    private boolean forward(List<KvCache> caches, int tokens) {
        if (System.nanoTime() - end >= 0) {
            return false;
        }
        List<Span> spans = new ArrayList<>();
        for (KvCache cache : caches) {
            int n = Math.min(tokens, cache.capacity() - cache.length());
            if (n > 0) {
                spans.add(new Span(cache, random.ints(n, 0, model.spec().vocabSize()).toArray()));
            }
        }
        if (!spans.isEmpty()) {
            model.forward(spans);
        }
        return true;
    }
}
