package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;

/**
 * What a forward pass knows besides its input: positions as rotary angles, who may see whom, and the cache. Made once a pass and shared by all parts.
 */
public final class Pass {
    private final DecoderSpec spec;
    private final Tensor positions;
    private final Tensor cos;
    private final Tensor sin;
    private final Map<Integer, Tensor> masks = new HashMap<>();
    private final KeyValues cache;
    private final int seq;
    private final int keys;
    private final Tensor documents;

    private Pass(DecoderSpec spec, RotaryTable rotary, Tensor positions, Tensor documents, int seq, KeyValues cache) {
        this.spec = spec;
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
        spec.windows().stream().distinct().forEach(w -> masks.put(w, buildMask(effectiveWindow(w))));
    }

    /** Whole sequences from position 0, each row one document. */
    static Pass causal(DecoderSpec spec, RotaryTable rotary, int seq) {
        return new Pass(spec, rotary, Tensor.arange(seq), null, seq, null);
    }

    /**
     * Rows packed with several documents that do not see each other.
     *
     * @param positions I64 [batch, seq], restarting at 0 with each document
     * @param documents I64 [batch, seq], the same number within a document
     */
    static Pass packed(DecoderSpec spec, RotaryTable rotary, Tensor positions, Tensor documents) {
        return new Pass(spec, rotary, positions, documents, (int) positions.size(1), null);
    }

    /** {@code seq} new positions after those in {@code cache}. */
    static Pass cached(DecoderSpec spec, RotaryTable rotary, int seq, KeyValues cache) {
        Tensor positions = Tensor.arange(cache.length() + (long) seq).narrow(0, cache.length(), seq);
        return new Pass(spec, rotary, positions, null, seq, cache);
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
        if (cache != null) {
            KeyValues.Pair all = cache.append(layer, k, v);
            k = all.k();
            v = all.v();
        }
        Tensor mask = masks.get(spec.windows().get(layer));
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
