package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Attention within a window, and to global tokens (Beltagy et al. 2020). All rows are one sequence, which is cut into chunks of queries; a chunk looks at the keys that
 * the window of any of its queries reaches, and at the global keys of its documents, under a mask of these alone. Neighbouring chunks share the memory of their
 * keys. Chunks within one document have the same mask, which is kept once.
 */
final class BandAttention implements LocalAttention {
    /**
     * Chunks one after another.
     *
     * @param count   of them
     * @param globals the global keys of each, [count · most]; empty for none
     * @param mask    [count or 1, 1, chunk, globals of each + span]
     */
    private record Run(int count, int most, Tensor globals, Tensor mask) {}

    /** Of no document. */
    private static final long NONE = -1;

    private final Rows rows;
    private final boolean causal;
    private final int before;
    private final int after;
    /** Queries of a chunk, and its keys but for global ones. */
    private final int chunk;
    private final int span;
    private final int chunks;
    /** Keys before the first chunk's queries. */
    private final int front;
    private final List<Run> runs = new ArrayList<>();
    /** 0 where a token sees nothing, [tokens, 1, 1]; null where none does. */
    private final Tensor sees;
    /** For tokens that see all of their document, by document. */
    private final GlobalRows all;

    /** @param before positions on either side that are seen; in a causal pass on one */
    BandAttention(Rows rows, int before, boolean causal) {
        this.rows = rows;
        this.causal = causal;
        this.before = before;
        this.after = causal ? 0 : before;
        // measured: larger chunks look at more keys in vain, smaller ones cost more calls
        chunk = before < 128 ? 64 : 128;
        // whole vectors in a row of the mask
        front = (before + 15) / 16 * 16;
        span = front + chunk + (after + 15) / 16 * 16;
        chunks = (rows.tokens() + chunk - 1) / chunk;
        boolean[] blind = new boolean[rows.tokens()];
        List<List<Integer>> globals = globals();
        Tensor band = band();
        for (int from = 0; from < chunks;) {
            boolean plain = isPlain(from, globals);
            int to = from + 1;
            while (to < chunks && isPlain(to, globals) == plain && (!plain || globals.get(to).size() == globals.get(from).size())) {
                to++;
            }
            runs.add(run(from, to, plain, globals, band, blind));
            from = to;
        }
        sees = Rows.allBut(blind);
        all = rows.hasGlobal() ? GlobalRows.of(rows, before, causal) : null;
    }

    /** By chunk, the global tokens of the documents that its queries are of. */
    private List<List<Integer>> globals() {
        List<List<Integer>> byChunk = new ArrayList<>();
        List<Integer> sorted = IntStream.range(0, rows.tokens()).filter(rows::isGlobal).boxed().toList();
        int first = 0;
        for (int c = 0; c < chunks; c++) {
            int begin = rows.begin(c * chunk);
            int end = rows.end(Math.min((c + 1) * chunk, rows.tokens()) - 1);
            while (first < sorted.size() && sorted.get(first) < begin) {
                first++;
            }
            int behind = first;
            while (behind < sorted.size() && sorted.get(behind) < (causal ? Math.min(end, (c + 1) * chunk) : end)) {
                behind++;
            }
            byChunk.add(sorted.subList(first, behind));
        }
        return byChunk;
    }

    /** Whether the chunk's keys are all of one document and none is hidden or global, so that the window alone says who is seen. */
    private boolean isPlain(int c, List<List<Integer>> globals) {
        int from = c * chunk - front;
        int to = from + span;
        if (from < 0 || to > rows.tokens() || rows.end(from) < to) {
            return false;
        }
        for (int i = from; i < to; i++) {
            if (rows.isHidden(i) || rows.isBlind(i) || rows.isGlobal(i)) {
                return false;
            }
        }
        return !causal || globals.get(c).isEmpty() || globals.get(c).getLast() < from;
    }

    /** Whether a query sees a key of the band, as far as the window says: BOOL [chunk, span]. */
    private Tensor band() {
        Tensor distance = Tensor.arange(span).add(-front).unsqueeze(0).sub(Tensor.arange(chunk).unsqueeze(1));
        Tensor near = distance.le(Tensor.of(new long[] {after}, 1));
        return distance.gt(Tensor.of(new long[] {-before - 1L}, 1)).and(near);
    }

    private Run run(int from, int to, boolean plain, List<List<Integer>> globals, Tensor band, boolean[] blind) {
        int count = to - from;
        int most = globals.subList(from, to).stream().mapToInt(List::size).max().orElse(0);
        long[] indices = new long[count * most];
        for (int c = from; c < to; c++) {
            for (int g = 0; g < globals.get(c).size(); g++) {
                indices[(c - from) * most + g] = globals.get(c).get(g);
            }
        }
        Tensor visible = plain ? band : visible(from, count, most, globals, band, blind);
        if (plain && most > 0) {
            visible = Tensor.cat(1, Tensor.zeros(DType.BOOL, chunk, most).le(Tensor.zeros(DType.BOOL, 1)), band);
        }
        Tensor hidden = visible.le(Tensor.zeros(DType.BOOL, 1));
        Tensor mask = Tensor.zeros(DType.F32, visible.shape()).maskedFill_(hidden, Double.NEGATIVE_INFINITY);
        return new Run(count, most, most == 0 ? null : Tensor.of(indices, indices.length), mask.view(plain ? 1 : count, 1, chunk, most + span));
    }

    /** Of chunks that are not plain: BOOL [count, chunk, most + span]. */
    private Tensor visible(int from, int count, int most, List<List<Integer>> globals, Tensor band, boolean[] blind) {
        // what fills up the last chunk is a document of its own
        long[] queries = new long[count * chunk];
        long[] places = new long[count * chunk];
        for (int i = 0; i < queries.length; i++) {
            int token = from * chunk + i;
            places[i] = token;
            queries[i] = token < rows.tokens() ? rows.begin(token) : rows.tokens();
        }
        int first = from * chunk - front;
        long[] keys = new long[(count - 1) * chunk + span];
        for (int i = 0; i < keys.length; i++) {
            int token = first + i;
            keys[i] = token < 0 ? NONE : token >= rows.tokens() ? rows.tokens() : rows.isHidden(token) || rows.isGlobal(token) ? NONE : rows.begin(token);
        }
        long[] globalDocuments = new long[count * most];
        long[] globalPlaces = new long[count * most];
        for (int c = 0; c < count; c++) {
            List<Integer> own = globals.get(from + c);
            for (int g = 0; g < most; g++) {
                globalDocuments[c * most + g] = g < own.size() ? rows.begin(own.get(g)) : NONE;
                globalPlaces[c * most + g] = g < own.size() ? own.get(g) : 0;
            }
        }
        Tensor documents = Tensor.of(queries, count, chunk, 1);
        Tensor visible = Tensor.of(keys, keys.length).unfold(0, span, chunk).unsqueeze(1).eq(documents).and(band);
        if (most > 0) {
            Tensor global = Tensor.of(globalDocuments, count, 1, most).eq(documents);
            global = causal ? global.and(Tensor.of(globalPlaces, count, 1, most).le(Tensor.of(places, count, chunk, 1))) : global;
            visible = Tensor.cat(2, global, visible);
        }
        return withBlind(visible, from, count, blind);
    }

    /** Marks what sees nothing; a softmax over nothing is no number, so it looks at all, and is made 0 afterwards. */
    private Tensor withBlind(Tensor visible, int from, int count, boolean[] blind) {
        int tokens = Math.min(count * chunk, rows.tokens() - from * chunk);
        boolean any = false;
        for (int i = from * chunk; i < from * chunk + tokens; i++) {
            blind[i] = rows.isBlind(i);
            any |= blind[i] || rows.isHidden(i);
        }
        if (!any) {
            return visible;
        }
        float[] seen = visible.to(DType.F32).sum(2, false).toFloats();
        float[] nothing = new float[seen.length];
        for (int i = 0; i < tokens; i++) {
            blind[from * chunk + i] |= seen[i] == 0;
            nothing[i] = blind[from * chunk + i] ? 1 : 0;
        }
        Tensor no = Tensor.zeros(DType.F32, 1);
        return visible.to(DType.F32).add(Tensor.of(nothing, count, chunk, 1)).gt(no);
    }

    @Override
    public Tensor rowsToAll() {
        return all == null ? null : all.indices();
    }

    @Override
    public Tensor attend(Tensor q, Tensor k, Tensor v, Scoring scoring, Own own) {
        Tensor queries = LocalAttention.flat(q);
        Tensor keys = LocalAttention.flat(k);
        Tensor values = LocalAttention.flat(v);
        int padding = chunks * chunk - rows.tokens();
        Tensor fitting = padding == 0 ? queries : Tensor.cat(0, queries, zeros(queries, padding));
        List<Tensor> queriesOf = chunked(fitting.view(chunks, chunk, queries.size(1), queries.size(2)));
        List<Tensor> keysOf = chunked(spans(keys));
        List<Tensor> valuesOf = chunked(spans(values));
        Tensor[] parts = new Tensor[runs.size()];
        for (int i = 0; i < parts.length; i++) {
            Run run = runs.get(i);
            Tensor y = scoring.attend(queriesOf.get(i).transpose(1, 2), withGlobal(run, keys, keysOf.get(i)), withGlobal(run, values, valuesOf.get(i)), run.mask, false);
            parts[i] = LocalAttention.flat(y);
        }
        Tensor y = parts.length == 1 ? parts[0] : Tensor.cat(0, parts);
        y = padding == 0 ? y : y.narrow(0, 0, rows.tokens());
        y = sees == null ? y : y.mul(sees.to(y.dtype()));
        if (all != null) {
            y = all.replace(y, own == null ? queries.indexSelect(0, all.indices()) : own.q(), own == null ? keys : LocalAttention.flat(own.k()),
                    own == null ? values : LocalAttention.flat(own.v()), scoring);
        }
        return LocalAttention.heads(y, rows);
    }

    /** Keys or values of each chunk, [chunks, span, d, kv heads] of [tokens, kv heads, d], as [chunks, kv heads, span, d] that share memory. */
    private Tensor spans(Tensor flat) {
        int behind = (chunks - 1) * chunk + span - front - rows.tokens();
        return Tensor.cat(0, zeros(flat, front), flat, zeros(flat, behind)).unfold(0, span, chunk).transpose(2, 3);
    }

    private static Tensor zeros(Tensor like, long count) {
        return Tensor.zeros(like.dtype(), count, like.size(1), like.size(2));
    }

    /** By run; joined again in one copy on the way back. */
    private List<Tensor> chunked(Tensor x) {
        return runs.size() == 1 ? List.of(x) : x.split(0, runs.stream().mapToLong(Run::count).toArray());
    }

    /** The run's keys or values [count, kv heads, globals + span, d]. */
    private static Tensor withGlobal(Run run, Tensor flat, Tensor own) {
        if (run.most == 0) {
            return own;
        }
        Tensor global = flat.indexSelect(0, run.globals).view(run.count, run.most, flat.size(1), flat.size(2)).transpose(1, 2);
        return Tensor.cat(2, global, own);
    }
}
