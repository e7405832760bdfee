package dev.zhulong.infer.search;

import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Texts that an encoder–decoder writes, a cache for each: rows of one source read its keys and values together. */
public final class CachedContinuation implements Continuation {
    private final ConditionalModel model;
    private List<KvCache> caches = new ArrayList<>();

    /** @param sources ids of any lengths above 0 */
    public CachedContinuation(ConditionalModel model, List<int[]> sources) {
        this.model = model;
        try {
            sources.forEach(source -> caches.add(model.newCache(model.spec().contextLength(), source)));
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    @Override
    public float[][] append(int[] tokens) {
        return model.forward(spans(tokens)).toArray(float[][]::new);
    }

    /** What {@link #append} runs. */
    List<Span> spans(int[] tokens) {
        List<KvCache> rows = caches;
        return IntStream.range(0, tokens.length).mapToObj(row -> new Span(rows.get(row), new int[] {tokens[row]})).toList();
    }

    /** Cuts all rows. */
    void truncate(int length) {
        caches.forEach(cache -> cache.truncate(length));
    }

    @Override
    public void choose(int[] rows) {
        boolean[] taken = new boolean[caches.size()];
        List<KvCache> chosen = new ArrayList<>(rows.length);
        for (int row : rows) {
            chosen.add(taken[row] ? model.fork(caches.get(row)) : caches.get(row));
            taken[row] = true;
        }
        for (int row = 0; row < taken.length; row++) {
            if (!taken[row]) {
                caches.get(row).close();
            }
        }
        caches = chosen;
    }

    @Override
    public void close() {
        caches.forEach(KvCache::close);
        caches = List.of();
    }
}
