package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.FastProducts;
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
    /** Queries and keys whose scores are few. */
    private static final int SHORT = 256;
    /** Of those, queries at a time: later ones are not multiplied with keys that they do not see. */
    private static final int SHORT_CHUNK = 128;

    /**
     * Attention. Where there is no cap and no sink, scores are not written down, but for those of short rows in training.
     *
     * @param q      [batch, heads, seq, d]
     * @param k      [batch, kv heads, keys, d]; kv heads divide heads
     * @param v      as {@code k}
     * @param mask   added to the scores, broadcast to [batch, heads, seq, keys]; at least one key of each query is visible; null for none
     * @param causal position i sees no keys after i, which a mask says as well, if there is one
     * @return [batch, heads, seq, d]
     */
    public Tensor attend(Tensor q, Tensor k, Tensor v, Tensor mask, boolean causal) {
        double plain = 1 / Math.sqrt(q.size(-1));
        Tensor fitting = mask == null ? null : mask.to(q.dtype());
        boolean tiled = cap == 0 && sinks == null;
        if (tiled && !isBetterWritten(q, k)) {
            return Tensor.attention(scale == 0 || scale == plain ? q : q.mul(scale / plain), k, v, fitting, causal && mask == null);
        }
        Tensor scaled = q.mul(scale == 0 ? plain : scale);
        if (!causal || mask != null && !tiled) {
            return written(scaled, k, v, fitting);
        }
        int chunk = tiled ? SHORT_CHUNK : CHUNK;
        List<Tensor> parts = new ArrayList<>();
        for (int from = 0; from < q.size(2); from += chunk) {
            int count = (int) Math.min(chunk, q.size(2) - from);
            int keys = from + count;
            Tensor near = fitting == null ? triangle(count, keys).to(q.dtype()) : fitting.narrow(-2, from, count).narrow(-1, 0, keys);
            parts.add(written(scaled.narrow(2, from, count), k.narrow(2, 0, keys), v.narrow(2, 0, keys), near));
        }
        // laid down as what follows wants them, position by position
        return parts.size() == 1 ? parts.getFirst() : Tensor.cat(1, parts.stream().map(part -> part.transpose(1, 2)).toArray(Tensor[]::new)).transpose(1, 2);
    }

    /** Whether scores that nothing forces to be written down are so few that writing them down is faster than tiles of them, one small product each. */
    private static boolean isBetterWritten(Tensor q, Tensor k) {
        return FastProducts.areOn() && q.size(2) <= SHORT && k.size(2) <= SHORT && q.size(2) > 1 && q.device().equals(Device.CPU);
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
        if (heads == groups && cap == 0 && sinks == null && mask != null && mask.dim() == 2) {
            // one pass less: the product is added to the mask
            Tensor scores = mask.expand(batch * heads, seq, k.size(2)).baddbmm(q.reshape(batch * heads, seq, q.size(3)), k.reshape(batch * heads, k.size(2), k.size(3)).transpose(1, 2));
            return scores.softmax(-1).bmm(v.reshape(batch * heads, v.size(2), v.size(3))).view(batch, heads, seq, v.size(3));
        }
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
