package dev.zhulong.model;

import dev.zhulong.formats.Reach;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Positions.Distances;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a forward pass knows besides its input: positions as rotary angles, who may see whom, and the cache. Made once a pass and shared by all parts.
 */
public final class Pass {
    /** Longest row whose pairs have a mask of their own, in tokens: little is gained below. */
    public static final int SHORT = 256;

    private final Stack stack;
    /** Added to the scores of an encoder's keys, F32 [batch, 1, 1, seq]; null where all are seen, and of a decoder. */
    private final Tensor padding;
    private final boolean causal;
    private final Tensor positions;
    /** By layer; null where nothing turns. */
    private final RotaryTables.Angles[] angles;
    /** By reach: a mask of all pairs; null where plain causal attention says the same. */
    private final Map<Reach, Tensor> masks = new HashMap<>();
    /** By reach, where no mask of all pairs is made. */
    private final Map<Reach, LocalAttention> local = new HashMap<>();
    /** By reach, the first of the cached keys that are looked at, but for the first tokens that all see. */
    private final Map<Reach, Integer> firstKeys = new HashMap<>();
    /** By reach, padding that sees nothing; transformers has it look at all tokens of its row alike. */
    private final Map<Reach, Tensor> lost = new HashMap<>();
    private final KeyValues cache;
    private final int seq;
    private final int keys;
    private final Tensor documents;
    /** Of relative biases, the range of each distance, I64 [seq, keys]; else null. */
    private final Tensor ranges;
    private Mixing mixing = Mixing.PLAIN;
    private Pass source;
    private Tensor sourcePadding;
    private CrossKeys crossKeys;
    private Tensor distances;
    private Tensor seen;
    private Tensor hidden;

    private Pass(Stack stack, RotaryTables rotary, Tensor positions, Tensor documents, int seq, KeyValues cache) {
        this.stack = stack;
        this.causal = true;
        this.padding = null;
        this.positions = positions;
        this.documents = documents;
        this.cache = cache;
        this.seq = seq;
        this.keys = seq + (cache == null ? 0 : cache.length());
        // where angles change with length, the longest document's counts, not the row's
        boolean packed = documents != null && stack.anglesChangeAfter().isPresent();
        this.angles = rotary.at(packed ? 1 + (int) Arrays.stream(positions.toLongs()).max().orElse(0) : keys, positions);
        this.ranges = BiasedAttention.ranges(stack, seq, keys, false);
        // made before the blocks run, so that no mask belongs to the scope of the block that asked first
        stack.layers().stream().map(layer -> layer.attention().reach()).distinct().forEach(this::prepare);
    }

    private void prepare(Reach reach) {
        boolean first = cache == null || cache.length() == 0;
        boolean sparse = isShorter(reach, keys);
        if (first && (documents != null || sparse) && !isMaskedWell(reach)) {
            // where rows are alike, one of them stands for all
            Rows rows = documents == null ? Rows.whole(1, seq) : Rows.packed((int) documents.size(0), seq, documents.toLongs());
            local.put(reach, LocalAttention.of(reach, rows, true));
        } else if (sparse && !first) {
            firstKeys.put(reach, reach.first(keys - seq));
            masks.put(reach, seq == 1 ? null : cachedMask(reach));
        } else {
            masks.put(reach, buildMask(sparse && reach instanceof Reach.Window(int tokens) ? tokens : 0));
        }
    }

    /** Whole sequences from position 0, each row one document. */
    static Pass causal(Stack stack, RotaryTables rotary, int seq) {
        return new Pass(stack, rotary, Tensor.arange(seq), null, seq, null);
    }

    /**
     * Rows packed with several documents that do not see each other.
     *
     * @param positions I64 [batch, seq], restarting at 0 with each document
     * @param documents I64 [batch, seq], the same number within a document
     */
    static Pass packed(Stack stack, RotaryTables rotary, Tensor positions, Tensor documents) {
        return new Pass(stack, rotary, positions, documents, (int) positions.size(1), null);
    }

    /** {@code seq} new positions after those in {@code cache}. */
    static Pass cached(Stack stack, RotaryTables rotary, int seq, KeyValues cache) {
        Tensor positions = Tensor.arange(cache.length() + (long) seq).narrow(0, cache.length(), seq);
        return new Pass(stack, rotary, positions, null, seq, cache);
    }

    private Pass(Stack stack, RotaryTables rotary, Tensor positions, boolean[] visible, boolean[] globals) {
        this.stack = stack;
        this.positions = positions;
        this.padding = visible == null ? null : padding(visible, positions.shape());
        this.causal = false;
        this.cache = null;
        this.seq = (int) positions.size(1);
        this.keys = seq;
        this.documents = null;
        this.angles = rotary.at(keys, positions);
        this.ranges = BiasedAttention.ranges(stack, seq, keys, true);
        if (stack.positions() instanceof Distances apart) {
            distances = DisentangledAttention.rowsOfPairs(apart, seq);
            if (visible != null) {
                seen = DisentangledAttention.seen(visible, positions.shape());
                hidden = DisentangledAttention.hidden(seen);
            }
        }
        Rows rows = Rows.whole((int) positions.size(0), seq);
        // padding of a network with global tokens attends to nothing
        Rows told = globals == null ? rows : rows.global(globals);
        Rows all = visible == null ? told : told.visible(visible, globals != null);
        stack.layers().stream().map(layer -> layer.attention().reach()).distinct().filter(reach -> !(reach instanceof Reach.Whole))
                .forEach(reach -> local.put(reach, LocalAttention.of(reach, all, false)));
        if (visible != null && globals == null) {
            local.keySet().stream().filter(Reach.Window.class::isInstance).forEach(reach -> lost.put(reach, lost(((Reach.Window) reach).tokens() / 2, visible)));
        }
    }

    /** 1 for padding whose window holds nothing but padding: F32 [batch, 1, seq, 1]; null where there is none. */
    private Tensor lost(int half, boolean[] visible) {
        float[] lost = new float[visible.length];
        boolean any = false;
        for (int i = 0; i < lost.length; i++) {
            int row = i / seq * seq;
            boolean sees = false;
            for (int j = Math.max(row, i - half); j <= Math.min(row + seq - 1, i + half); j++) {
                sees |= visible[j];
            }
            lost[i] = sees ? 0 : 1;
            any |= !sees;
        }
        return any ? Tensor.of(lost, positions.size(0), 1, seq, 1) : null;
    }

    private static Tensor padding(boolean[] visible, long[] shape) {
        float[] mask = new float[visible.length];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = visible[i] ? 0 : Float.NEGATIVE_INFINITY;
        }
        return Tensor.of(mask, shape[0], 1, 1, shape[1]);
    }

    /**
     * Whole sequences whose positions see each other, as far as windows reach.
     *
     * @param positions I64 [batch, seq], rows of the table of positions
     * @param visible   whether a position is seen, [batch · seq]; null where all are
     * @param globals   which positions all see and which see all, [batch · seq]; null for a network that has none
     */
    static Pass full(Stack stack, RotaryTables rotary, Tensor positions, boolean[] visible, boolean[] globals) {
        return new Pass(stack, rotary, positions, visible, globals);
    }

    /** Rows of the table of distances for each pair of positions, I64 [seq, seq]. */
    Tensor distances() {
        return distances;
    }

    /** 1 where a token is seen and 0 where it is padding, F32 [batch, seq, 1], in a network that clears the embeddings of padding; null elsewhere. */
    Tensor seen() {
        return seen;
    }

    /** Which pairs have a hidden position, BOOL [batch, 1, seq, seq]; null where none is. */
    Tensor hidden() {
        return hidden;
    }

    /** Attention of a layer with a short reach. */
    LocalAttention local(int layer) {
        return local.get(stack.layers().get(layer).attention().reach());
    }

    /**
     * Of a decoder over an encoder's output.
     *
     * @param positions I64 [batch, seq]
     * @param cache     null where whole texts are read
     * @param visible   which of the encoder's positions are seen, [batch · their number]; null for all
     * @param kept      keys and values of the encoder's output; null where they are made anew
     */
    static Pass over(Stack stack, RotaryTables rotary, Tensor positions, KeyValues cache, boolean[] visible, CrossKeys kept) {
        var pass = new Pass(stack, rotary, positions, null, (int) positions.size(1), cache);
        pass.sourcePadding = visible == null ? null : padding(visible, new long[] {positions.size(0), visible.length / positions.size(0)});
        pass.crossKeys = kept;
        return pass;
    }

    /** The same pass, behind that of an encoder in one network. */
    Pass behind(Pass encoder) {
        source = encoder;
        sourcePadding = encoder.padding;
        return this;
    }

    /** Of a network of both, the encoder's pass. */
    Pass source() {
        return source;
    }

    /** What is added to the scores of the encoder's positions; null for nothing. */
    Tensor sourcePadding() {
        return sourcePadding;
    }

    /** Keys and values of the encoder's output from earlier steps; null where they are made anew. */
    CrossKeys crossKeys() {
        return crossKeys;
    }

    /** Of relative biases, the range of each distance, I64 [seq, keys]. */
    Tensor ranges() {
        return ranges;
    }

    /** What is added to the scores of all pairs of a layer that sees everything before it, or of an encoder's; null for nothing. */
    Tensor mask() {
        return !causal ? padding : seq == 1 ? null : masks.get(Reach.WHOLE) != null ? masks.get(Reach.WHOLE) : Scoring.triangle(seq, keys);
    }

    /** I64 positions, [seq] or [batch, seq]. */
    public Tensor positions() {
        return positions;
    }

    /** How mixtures of experts are run in training. */
    public Mixing mixing() {
        return mixing;
    }

    /** The same pass, in which mixtures of experts are run so. */
    public Pass with(Mixing other) {
        mixing = other;
        return this;
    }

    /** Heads of queries or keys of a layer [batch, seq, heads, head dim], turned to their positions where the layer turns them. */
    Tensor turned(int layer, Tensor heads) {
        return angles[layer] == null ? heads : angles[layer].rotate(heads);
    }

    /** Null unless decoding step by step. */
    public KeyValues cache() {
        return cache;
    }

    /** Attention for one layer of which no head has a sink. */
    Tensor attend(int layer, Tensor q, Tensor k, Tensor v) {
        return attend(layer, q, k, v, null);
    }

    /**
     * Attention for one layer under this pass's mask.
     *
     * @param q     [batch, heads, seq, d]
     * @param sinks of its heads [heads]; null for none
     * @return [batch, heads, seq, d]
     */
    Tensor attend(int layer, Tensor q, Tensor k, Tensor v, Tensor sinks) {
        Attention shape = stack.layers().get(layer).attention();
        var scoring = new Scoring(shape.scale(), shape.softcap(), sinks);
        Reach reach = shape.reach();
        LocalAttention sparse = local.get(reach);
        if (cache != null) {
            KeyValues.Pair all = cache.append(layer, k, v);
            k = sparse == null ? all.k() : k;
            v = sparse == null ? all.v() : v;
        }
        if (sparse != null) {
            Tensor y = documents == null && causal ? eachRow(sparse, q, k, v, scoring) : sparse.attend(q, k, v, scoring, null);
            return lost.get(reach) == null ? y : y.add(alike(q, k, v, scoring).mul(lost.get(reach)));
        }
        if (!causal) {
            return scoring.attend(q, k, v, padding, false);
        }
        Integer from = firstKeys.get(reach);
        if (from != null) {
            k = seen(reach, from, k);
            v = seen(reach, from, v);
        }
        Tensor mask = masks.get(reach);
        return scoring.attend(q, k, v, mask, seq > 1 && (mask == null || cache == null));
    }

    /**
     * What queries that look at all keys alike are given, the mean of the values. Scores that a mask has swallowed leave no trace in it, but transformers'
     * gradient goes through them all the same: a softmax's where all shares are equal, which is linear in the scores.
     */
    private static Tensor alike(Tensor q, Tensor k, Tensor v, Scoring scoring) {
        Tensor mean = v.mean(2, true);
        if (!q.requiresGrad() && !k.requiresGrad()) {
            return mean;
        }
        double scale = scoring.scale() > 0 ? scoring.scale() : 1 / Math.sqrt(q.size(3));
        Tensor apart = v.sub(mean).detach();
        Tensor slope = q.matmul(k.transpose(2, 3).matmul(apart)).mul(scale / k.size(2));
        return mean.add(slope.sub(slope.detach()));
    }

    /** Whether a mask of all pairs costs little, and no more than looking at what is near alone. */
    private boolean isMaskedWell(Reach reach) {
        return switch (reach) {
            case Reach.Whole whole -> seq <= SHORT;
            // chunks of queries see more than the window: where it is over half a row, measured, the mask is no slower
            case Reach.Window(int tokens) -> seq <= SHORT || documents == null && seq <= 4 * SHORT && tokens > seq / 2;
            case Reach.Block block -> false;
            case Reach.Global global -> false;
        };
    }

    private static Tensor eachRow(LocalAttention row, Tensor q, Tensor k, Tensor v, Scoring scoring) {
        int batch = (int) q.size(0);
        if (batch == 1) {
            return row.attend(q, k, v, scoring, null);
        }
        long[] ones = new long[batch];
        Arrays.fill(ones, 1);
        List<Tensor> queries = q.split(0, ones);
        List<Tensor> keys = k.split(0, ones);
        List<Tensor> values = v.split(0, ones);
        Tensor[] results = new Tensor[batch];
        for (int i = 0; i < batch; i++) {
            results[i] = row.attend(queries.get(i), keys.get(i), values.get(i), scoring, null);
        }
        return Tensor.cat(0, results);
    }

    /** Whether it leaves out something of {@code length} positions. */
    private static boolean isShorter(Reach reach, int length) {
        return switch (reach) {
            case Reach.Whole whole -> false;
            case Reach.Window(int tokens) -> tokens < length;
            case Reach.Global(int tokens, int first) -> (long) tokens + first < length;
            case Reach.Block(int tokens) -> tokens < length;
        };
    }

    /** Of cached keys or values those that some new position sees. */
    private Tensor seen(Reach reach, int from, Tensor all) {
        Tensor near = all.narrow(2, from, (long) keys - from);
        int global = Math.min(reach.global(), from);
        return global == 0 ? near : Tensor.cat(2, all.narrow(2, 0, global), near);
    }

    /** Of new positions, over the keys that {@link #seen} gives: [1, 1, seq, keys]. */
    private Tensor cachedMask(Reach reach) {
        int from = firstKeys.get(reach);
        int global = Math.min(reach.global(), from);
        int width = global + keys - from;
        float[] mask = new float[seq * width];
        for (int i = 0; i < seq; i++) {
            int position = keys - seq + i;
            int first = reach.first(position);
            for (int column = 0; column < width; column++) {
                int key = column < global ? column : from + column - global;
                boolean visible = key <= position && (key >= first || key < reach.global());
                mask[i * width + column] = visible ? 0 : Float.NEGATIVE_INFINITY;
            }
        }
        return Tensor.of(mask, 1, 1, seq, width);
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
