package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.Vocabularies;
import java.util.Arrays;
import java.util.List;

/** Guesses with a smaller model of the same vocabulary: its likeliest tokens. Reads what the sequence has gained since the last guess first. */
public final class ModelDrafter implements Drafter {
    private final LanguageModel model;
    private final CachedTokens cache;

    private ModelDrafter(LanguageModel model) {
        this.model = model;
        cache = new CachedTokens(model.newCache(model.spec().contextLength()));
    }

    /**
     * Drafts by a model that stays the caller's, and must outlive the sequences.
     *
     * @param tokenizer the smaller model's own
     */
    public static Factory factory(LanguageModel model, Tokenizer tokenizer) {
        return new Factory() {
            @Override
            public Drafter begin() {
                return new ModelDrafter(model);
            }

            @Override
            public void check(Tokenizer of) {
                Vocabularies.difference(of, tokenizer).ifPresent(id -> {
                    throw new IllegalArgumentException("the draft model has another vocabulary than the model (token " + id + " differs): use one of the same family");
                });
            }
        };
    }

    @Override
    public int draft(int[] ids, int count, int most, int[] out) {
        int room = Math.min(most, cache.capacity() - count);
        if (room <= 0) {
            return 0;
        }
        int[] next = Arrays.copyOfRange(ids, cache.keep(ids, count), count);
        for (int n = 0; n < room; n++) {
            out[n] = likeliest(model.forward(List.of(cache.span(next, Logits.LAST))).getFirst());
            cache.ran(next);
            next = new int[] {out[n]};
        }
        return room;
    }

    private static int likeliest(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        return best;
    }

    @Override
    public void close() {
        cache.close();
    }
}
