package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.text.Tokenizer;
import java.util.Arrays;
import java.util.List;

/** Guesses with a smaller model of the same vocabulary: its likeliest tokens. Reads what the sequence has gained since the last guess first. */
public final class ModelDrafter implements Drafter {
    private final LanguageModel model;
    private final KvCache cache;
    /** What the cache holds. */
    private int[] held = new int[64];

    private ModelDrafter(LanguageModel model) {
        this.model = model;
        cache = model.newCache(model.spec().contextLength());
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
                for (int id = 0; id < Math.min(of.vocabSize(), tokenizer.vocabSize()); id++) {
                    if (!Arrays.equals(of.bytes(id), tokenizer.bytes(id))) {
                        throw new IllegalArgumentException("the draft model has another vocabulary than the model (token " + id
                                + " is another): take one of the same family");
                    }
                }
            }
        };
    }

    @Override
    public int draft(int[] ids, int count, int most, int[] out) {
        int room = Math.min(most, cache.capacity() - count);
        if (room <= 0) {
            return 0;
        }
        int same = 0;
        // the last token is read again, for its logits
        int limit = Math.min(cache.length(), count - 1);
        while (same < limit && held[same] == ids[same]) {
            same++;
        }
        cache.truncate(same);
        if (held.length < count + room) {
            held = Arrays.copyOf(held, 2 * (count + room));
        }
        System.arraycopy(ids, same, held, same, count - same);
        int[] next = Arrays.copyOfRange(ids, same, count);
        for (int n = 0; n < room; n++) {
            out[n] = likeliest(model.forward(List.of(new Span(cache, next)), false).getFirst());
            next = new int[] {out[n]};
            held[count + n] = out[n];
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
