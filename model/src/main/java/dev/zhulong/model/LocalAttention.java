package dev.zhulong.model;

import dev.zhulong.formats.Reach;
import dev.zhulong.tensor.Tensor;

/**
 * Attention in which a token sees part of the others, in time and memory linear in the number of tokens, for any reach shorter than the documents. It gives what attention
 * with a mask of all pairs gives. Made once for all layers of a pass that reach alike.
 *
 * <pre>{@code
 * var attention = LocalAttention.of(new Reach.Window(256), Rows.packed(batch, seq, documents), true);
 * Tensor y = attention.attend(q, k, v, Scoring.PLAIN, null);
 * }</pre>
 */
public sealed interface LocalAttention permits PieceAttention, BandAttention {

    /**
     * What global tokens attend with, where a checkpoint has projections of their own for that (Longformer).
     *
     * @param q of {@link #rowsToAll}, in their order [n, heads, d]
     * @param k of all tokens [batch, kv heads, seq, d]
     * @param v as {@code k}
     */
    record Own(Tensor q, Tensor k, Tensor v) {}

    /**
     * Attention over rows.
     *
     * @param causal whether nobody sees what follows
     */
    static LocalAttention of(Reach reach, Rows rows, boolean causal) {
        return switch (reach) {
            case Reach.Whole whole -> new PieceAttention(rows, rows.longest(), causal);
            case Reach.Block block -> new PieceAttention(rows, block.tokens(), causal);
            case Reach.Window window -> window(rows, window.tokens(), causal);
            case Reach.Global global -> window(rows.firstGlobal(global.first()), global.tokens(), causal);
        };
    }

    private static LocalAttention window(Rows rows, int tokens, boolean causal) {
        int before = causal ? tokens - 1 : tokens / 2;
        if (before >= rows.longest() - 1 && !rows.hasGlobal()) {
            return new PieceAttention(rows, rows.longest(), causal);
        }
        return new BandAttention(rows, Math.min(before, rows.longest() - 1), causal);
    }

    /**
     * Attends.
     *
     * @param q   [batch, heads, seq, d]
     * @param k   [batch, kv heads, seq, d]; kv heads divide heads
     * @param v   as {@code k}
     * @param own what global tokens attend with; null for the same
     * @return [batch, heads, seq, d]; 0 where a token sees nothing
     */
    Tensor attend(Tensor q, Tensor k, Tensor v, Scoring scoring, Own own);

    /** The tokens that see all of their document, I64 [n], counted over all rows; null for none. Where a window and what comes before hold all anyhow, it is none. */
    Tensor rowsToAll();

    /** Heads [batch, heads, seq, d] as rows of tokens [batch · seq, heads, d], and the way back. */
    static Tensor flat(Tensor x) {
        return x.transpose(1, 2).reshape(x.size(0) * x.size(2), x.size(1), x.size(3));
    }

    /** The way back. */
    static Tensor heads(Tensor x, Rows rows) {
        return x.view(rows.batch(), rows.seq(), x.size(1), x.size(2)).transpose(1, 2);
    }
}
