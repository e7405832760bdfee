package dev.zhulong.serve;

import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.serve.ServedModel.Lane;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Semaphore;

/** Vectors of texts: the mean of what the head would be given of each token, of length 1. One text at a time, piece by piece between the scheduler's steps. */
final class Embedder {
    private static final int PIECE = 128;

    private final Lane lane;
    private final int mostTokens;
    /** One cache of so many tokens is all the memory there is. */
    private final Semaphore turn = new Semaphore(1, true);

    /** @param mostTokens of a text, for whose keys and values there is memory besides the scheduler's */
    Embedder(Lane lane, int mostTokens) {
        this.lane = lane;
        this.mostTokens = Math.min(mostTokens, lane.model().spec().contextLength());
    }

    int mostTokens() {
        return mostTokens;
    }

    int size() {
        return lane.model().spec().hiddenSize();
    }

    /**
     * The vector of {@code ids}.
     *
     * @param adapter null for none
     * @throws ApiException where the text is too long, the caller waits no longer, there is no memory, or the server shuts down
     * @throws Answers.Gone where the caller has left
     */
    float[] embed(int[] ids, LanguageModel.Adapter adapter, Caller caller) {
        if (ids.length > mostTokens) {
            throw ApiException.invalid("input", "context_length_exceeded", "a text has " + ids.length + " tokens, more than the " + mostTokens + " that are accepted");
        }
        double[] sums = new double[size()];
        caller.acquire(turn);
        try {
            read(ids, adapter, sums, caller);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Answers.Gone();
        } catch (IllegalStateException e) {
            throw Answers.problem(e);
        } finally {
            turn.release();
        }
        return unit(sums);
    }

    private void read(int[] ids, LanguageModel.Adapter adapter, double[] sums, Caller caller) throws InterruptedException {
        KvCache cache = lane.scheduler().between(model -> model.newCache(ids.length, adapter));
        try {
            for (int from = 0; from < ids.length; from += PIECE) {
                caller.check();
                int[] piece = Arrays.copyOfRange(ids, from, Math.min(ids.length, from + PIECE));
                add(lane.scheduler().between(model -> hidden(model, cache, piece)), sums);
            }
        } finally {
            lane.scheduler().between(_ -> {
                cache.close();
                return null;
            });
        }
    }

    private static float[] hidden(LanguageModel model, KvCache cache, int[] piece) {
        return model.forward(List.of(new Span(cache, piece, Logits.HIDDEN))).getFirst();
    }

    private static void add(float[] rows, double[] sums) {
        for (int i = 0; i < rows.length; i++) {
            sums[i % sums.length] += rows[i];
        }
    }

    private static float[] unit(double[] sums) {
        double norm = Math.sqrt(Arrays.stream(sums).map(value -> value * value).sum());
        float[] vector = new float[sums.length];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = (float) (norm == 0 ? 0 : sums[i] / norm);
        }
        return vector;
    }
}
