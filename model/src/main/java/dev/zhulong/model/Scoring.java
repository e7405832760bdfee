package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * How queries and keys become weights: {@code softmax(cap · tanh(scale · q·kᵀ / cap) + mask)}, with a sink in the softmax's denominator.
 *
 * @param scale of the products; 0 for {@code 1/√d}
 * @param cap   the largest magnitude that a product may have (Gemma 2); 0 for any
 * @param sinks an additional logit for each head, whose weight goes to nothing (gpt-oss); [heads], or null
 */
public record Scoring(double scale, double cap, Tensor sinks) {
    /** {@code softmax(q·kᵀ/√d + mask)}. */
    public static final Scoring PLAIN = new Scoring(0, 0, null);

    /** Queries at a time where scores are written down. */
    private static final int CHUNK = 256;

    /**
     * Attention. Where there is no cap and no sink, scores are never written down.
     *
     * @param q      [batch, heads, seq, d]
     * @param k      [batch, kv heads, keys, d]; kv heads divide heads
     * @param v      as {@code k}
     * @param mask   added to the scores, broadcast to [batch, heads, seq, keys]; at least one key of each query is visible; null for none
     * @param causal position i sees keys 0…i; not together with a mask
     * @return [batch, heads, seq, d]
     */
    public Tensor attend(Tensor q, Tensor k, Tensor v, Tensor mask, boolean causal) {
        double plain = 1 / Math.sqrt(q.size(-1));
        Tensor fitting = mask == null ? null : mask.to(q.dtype());
        if (cap == 0 && sinks == null) {
            return Tensor.attention(scale == 0 || scale == plain ? q : q.mul(scale / plain), k, v, fitting, causal);
        }
        Tensor scaled = q.mul(scale == 0 ? plain : scale);
        if (!causal) {
            return written(scaled, k, v, fitting);
        }
        List<Tensor> parts = new ArrayList<>();
        for (int from = 0; from < q.size(2); from += CHUNK) {
            int count = (int) Math.min(CHUNK, q.size(2) - from);
            int keys = from + count;
            parts.add(written(scaled.narrow(2, from, count), k.narrow(2, 0, keys), v.narrow(2, 0, keys), triangle(count, keys).to(q.dtype())));
        }
        return parts.size() == 1 ? parts.getFirst() : Tensor.cat(2, parts.toArray(Tensor[]::new));
    }

    /** The last {@code count} of {@code keys} positions see no later ones: [count, keys]. */
    static Tensor triangle(int count, int keys) {
        Tensor later = Tensor.arange(keys).unsqueeze(0).gt(Tensor.arange(keys).narrow(0, keys - count, count).unsqueeze(1));
        return Tensor.zeros(DType.F32, count, keys).maskedFill_(later, Double.NEGATIVE_INFINITY);
    }

    private Tensor written(Tensor q, Tensor k, Tensor v, Tensor mask) {
        long batch = q.size(0);
        long heads = q.size(1);
        long seq = q.size(2);
        long groups = k.size(1);
        // the queries of a group one after another: its keys are not copied for each head
        Tensor scores = q.reshape(batch, groups, heads / groups * seq, q.size(3)).matmul(k.transpose(2, 3)).view(batch, heads, seq, k.size(2));
        if (cap > 0) {
            scores = scores.mul(1 / cap).tanh().mul(cap);
        }
        scores = mask == null ? scores : scores.add(mask);
        Tensor weights;
        if (sinks == null) {
            weights = scores.softmax(-1);
        } else {
            Tensor sink = sinks.to(q.dtype()).view(1, heads, 1, 1).expand(batch, heads, seq, 1);
            weights = Tensor.cat(3, scores, sink).softmax(-1).narrow(3, 0, k.size(2));
        }
        return weights.reshape(batch, groups, heads / groups * seq, k.size(2)).matmul(v).view(batch, heads, seq, v.size(3));
    }
}
