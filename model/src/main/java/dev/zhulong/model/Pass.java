package dev.zhulong.model;

import dev.zhulong.formats.Stack;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;

/**
 * What a forward pass knows besides its input: positions as rotary angles, who may see whom, and the cache. Made once a pass and shared by all parts.
 */
public final class Pass {
    private final Stack stack;
    /** Added to the scores of an encoder's keys, F32 [batch, 1, 1, seq]; null where all are seen, and of a decoder. */
    private final Tensor padding;
    private final boolean causal;
    private final Tensor positions;
    private final Tensor cos;
    private final Tensor sin;
    private final Map<Integer, Tensor> masks = new HashMap<>();
    private final KeyValues cache;
    private final int seq;
    private final int keys;
    private final Tensor documents;

    private Pass(Stack stack, RotaryTable rotary, Tensor positions, Tensor documents, int seq, KeyValues cache) {
        this.stack = stack;
        this.causal = true;
        this.padding = null;
        this.positions = positions;
        this.documents = documents;
        this.cache = cache;
        this.seq = seq;
        this.keys = seq + (cache == null ? 0 : cache.length());
        if (rotary == null) {
            cos = null;
            sin = null;
        } else {
            // [.., seq, 1, rotary dims]: broadcast over heads
            cos = rotary.cos(keys, positions).unsqueeze(-2);
            sin = rotary.sin(keys, positions).unsqueeze(-2);
        }
        // made before the blocks run, so that no mask belongs to the scope of the block that asked first
        stack.layers().stream().map(layer -> layer.attention().window()).distinct().forEach(w -> masks.put(w, buildMask(effectiveWindow(w))));
    }

    /** Whole sequences from position 0, each row one document. */
    static Pass causal(Stack stack, RotaryTable rotary, int seq) {
        return new Pass(stack, rotary, Tensor.arange(seq), null, seq, null);
    }

    /**
     * Rows packed with several documents that do not see each other.
     *
     * @param positions I64 [batch, seq], restarting at 0 with each document
     * @param documents I64 [batch, seq], the same number within a document
     */
    static Pass packed(Stack stack, RotaryTable rotary, Tensor positions, Tensor documents) {
        return new Pass(stack, rotary, positions, documents, (int) positions.size(1), null);
    }

    /** {@code seq} new positions after those in {@code cache}. */
    static Pass cached(Stack stack, RotaryTable rotary, int seq, KeyValues cache) {
        Tensor positions = Tensor.arange(cache.length() + (long) seq).narrow(0, cache.length(), seq);
        return new Pass(stack, rotary, positions, null, seq, cache);
    }

    private Pass(Stack stack, Tensor positions, Tensor padding) {
        this.stack = stack;
        this.positions = positions;
        this.padding = padding;
        this.causal = false;
        this.cache = null;
        this.seq = (int) positions.size(1);
        this.keys = seq;
        this.documents = null;
        this.cos = null;
        this.sin = null;
    }

    /**
     * Whole sequences whose positions all see each other.
     *
     * @param positions I64 [batch, seq], rows of the table of positions
     * @param visible   whether a position is seen, [batch · seq]; null where all are
     */
    static Pass full(Stack stack, Tensor positions, boolean[] visible) {
        if (visible == null) {
            return new Pass(stack, positions, null);
        }
        float[] mask = new float[visible.length];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = visible[i] ? 0 : Float.NEGATIVE_INFINITY;
        }
        return new Pass(stack, positions, Tensor.of(mask, positions.size(0), 1, 1, positions.size(1)));
    }

    /** I64 positions, [seq] or [batch, seq]. */
    public Tensor positions() {
        return positions;
    }

    /** Cosines [.., seq, 1, rotary dims], or null where positions are learned. */
    Tensor cos() {
        return cos;
    }

    /** Sines with the first half negated, shaped as {@link #cos}. */
    Tensor sin() {
        return sin;
    }

    /** Null unless decoding step by step. */
    public KeyValues cache() {
        return cache;
    }

    /**
     * Attention for one layer under this pass's mask.
     *
     * @param q [batch, heads, seq, d]
     * @return [batch, heads, seq, d]
     */
    Tensor attend(int layer, Tensor q, Tensor k, Tensor v) {
        if (!causal) {
            return Tensor.attention(q, k, v, padding, false);
        }
        if (cache != null) {
            KeyValues.Pair all = cache.append(layer, k, v);
            k = all.k();
            v = all.v();
        }
        Tensor mask = masks.get(stack.layers().get(layer).attention().window());
        return Tensor.attention(q, k, v, mask, mask == null && seq > 1);
    }

    private int effectiveWindow(int window) {
        return window > 0 && window < keys ? window : 0;
    }

    /** Null where plain causal attention (or a single new position that sees everything) says the same. */
    private Tensor buildMask(int window) {
        boolean everything = window == 0 && documents == null && (cache == null || cache.length() == 0 || seq == 1);
        if (everything) {
            return null;
        }
        Tensor keyIndex = Tensor.arange(keys).unsqueeze(0);
        Tensor queryIndex = Tensor.arange(keys).narrow(0, keys - seq, seq).unsqueeze(1);
        Tensor visible = keyIndex.le(queryIndex);
        if (window > 0) {
            visible = visible.and(keyIndex.add(window).gt(queryIndex));
        }
        if (documents != null) {
            visible = documents.unsqueeze(1).unsqueeze(3).eq(documents.unsqueeze(1).unsqueeze(2)).and(visible);
        }
        // as a float mask: the boolean one is turned into this by every layer anew
        Tensor mask = Tensor.zeros(DType.F32, visible.shape());
        return mask.maskedFill_(visible.le(Tensor.zeros(DType.BOOL, 1)), Double.NEGATIVE_INFINITY);
    }
}
