package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A decoder on the CPU kernels: weights packed in memory, keys and values in f16 pages.
 *
 * <pre>{@code
 * try (GgufModel file = GgufModel.open(Path.of("model.Q8_0.gguf")); var model = CpuEngine.load(file, 2)) {
 *     Generation text = new Generator(model, tokenizer).generate(...);
 * }
 * }</pre>
 *
 * <p>A call runs the rows of all its spans together, at most {@value #MOST_ROWS} at a time.
 */
public final class CpuEngine implements LanguageModel {
    private static final int MOST_ROWS = 256;

    private final DecoderSpec spec;
    private final Arena arena;
    private final ThreadPool pool;
    private final MatMul matMul;
    private final List<CpuLayer> layers = new ArrayList<>();
    private final Norm finalNorm;
    private final PackedWeights head;
    private final StoredMatrix embedding;
    /** GPT-2's learned positions [context, hidden]; null where positions are rotary. */
    private final float[] positions;
    private final Rotary rotary;
    private final Attention attention;
    private final long weightBytes;
    private Buffers buffers;

    /** What rows pass through, for so many of them. */
    private final class Buffers {
        final int rows;
        final float[] x;
        final float[] normed;
        final float[] q;
        final float[] k;
        final float[] v;
        final float[] attended;
        final float[] gate;
        final float[] up;
        final float[] delta;
        final Activations activations;

        Buffers(int rows) {
            int hidden = spec.hiddenSize();
            int width = spec.heads() * spec.headDim();
            int kv = spec.kvHeads() * spec.headDim();
            this.rows = rows;
            x = new float[rows * hidden];
            normed = new float[rows * hidden];
            // GPT-2's one projection gives all three
            q = new float[rows * (spec.family() == DecoderSpec.Family.GPT2 ? 3 * hidden : width)];
            k = new float[rows * kv];
            v = new float[rows * kv];
            attended = new float[rows * width];
            gate = new float[rows * spec.intermediateSize()];
            up = new float[rows * spec.intermediateSize()];
            delta = new float[rows * hidden];
            activations = new Activations(rows, Math.max(Math.max(hidden, width), spec.intermediateSize()));
        }
    }

    private CpuEngine(DecoderWeights weights, int threads) {
        VectorSupport.require();
        spec = weights.spec();
        arena = Arena.ofShared();
        pool = new ThreadPool(threads);
        matMul = new MatMul(pool);
        try {
            var loader = new CpuLayer.Loader(weights, arena, pool);
            boolean gpt2 = spec.family() == DecoderSpec.Family.GPT2;
            for (int l = 0; l < spec.layers(); l++) {
                layers.add(loader.layer(l));
            }
            finalNorm = loader.norm(gpt2 ? "transformer.ln_f" : "model.norm");
            String embeddings = gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight";
            head = loader.packed(spec.tiedEmbeddings() ? embeddings : "lm_head.weight");
            embedding = kept(weights, embeddings);
            positions = gpt2 ? weights.vector("transformer.wpe.weight") : null;
            rotary = spec.rope() == null ? null : new Rotary(spec.rope());
            attention = new Attention(spec);
            buffers = new Buffers(1);
            weightBytes = loader.bytes() + embedding.data().byteSize();
        } catch (RuntimeException | Error e) {
            pool.close();
            arena.close();
            throw e;
        }
    }

    /** Rows of the embedding are looked up, not multiplied: they stay as they are stored. */
    private StoredMatrix kept(DecoderWeights weights, String name) {
        try (Arena scratch = Arena.ofShared()) {
            StoredMatrix stored = weights.matrix(name, scratch);
            MemorySegment copy = arena.allocate(stored.rows() * stored.type().rowBytes(stored.columns()), 64);
            MemorySegment.copy(stored.data(), 0, copy, 0, copy.byteSize());
            return new StoredMatrix(stored.type(), copy, stored.rows(), stored.columns());
        }
    }

    /**
     * Of a GGUF file, weights as they are stored there. The file may be closed afterwards.
     *
     * @throws dev.zhulong.formats.FormatException where a tensor is of a type without a kernel
     */
    public static CpuEngine load(GgufModel file, int threads) {
        return new CpuEngine(new DecoderWeights.OfGguf(file), threads);
    }

    /**
     * Of a directory in Hugging Face's layout, which may be closed afterwards.
     *
     * @param type what matrices are quantised to while they are loaded: {@code Q8_0}, {@code Q4_0} or {@code INT4}; empty for as stored. A matrix
     *             whose rows the blocks do not divide stays as it is stored
     */
    public static CpuEngine load(ModelDirectory directory, Optional<WeightType> type, int threads) {
        return new CpuEngine(new DecoderWeights.OfDirectory(directory, type), threads);
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    /** Bytes the weights take in memory. */
    public long weightBytes() {
        return weightBytes;
    }

    /** Bytes a token takes in a cache. */
    public long cacheBytesPerToken() {
        return PagedCache.bytesPerToken(spec.layers(), spec.kvHeads(), spec.headDim());
    }

    @Override
    public KvCache newCache(int capacity) {
        return new PagedCache(capacity, spec.layers(), spec.kvHeads(), spec.headDim());
    }

    /** A piece of a span that is run with pieces of others. */
    private record Piece(int span, int from, int count) {}

    @Override
    public synchronized List<float[]> forward(List<Span> spans, boolean all) {
        int longest = 0;
        for (Span span : spans) {
            check(span);
            longest = Math.max(longest, span.cache().length() + span.ids().length);
        }
        if (rotary != null) {
            rotary.reach(longest);
        }
        List<float[]> logits = new ArrayList<>();
        for (Span span : spans) {
            logits.add(new float[(all ? span.ids().length : 1) * spec.vocabSize()]);
        }
        List<Piece> batch = new ArrayList<>();
        int rows = 0;
        for (int s = 0; s < spans.size(); s++) {
            int n = spans.get(s).ids().length;
            for (int from = 0; from < n; ) {
                int count = Math.min(MOST_ROWS - rows, n - from);
                batch.add(new Piece(s, from, count));
                rows += count;
                from += count;
                if (rows == MOST_ROWS) {
                    run(spans, batch, rows, all, logits);
                    batch.clear();
                    rows = 0;
                }
            }
        }
        if (rows > 0) {
            run(spans, batch, rows, all, logits);
        }
        return logits;
    }

    private void check(Span span) {
        var cache = (PagedCache) span.cache();
        if (positions != null && cache.length() + span.ids().length > spec.contextLength()) {
            throw new IllegalArgumentException("a sequence of " + (cache.length() + span.ids().length) + " tokens is longer than the model's context of "
                    + spec.contextLength());
        }
        for (int id : span.ids()) {
            if (id < 0 || id >= spec.vocabSize()) {
                throw new IllegalArgumentException("token id " + id + " is outside the vocabulary of " + spec.vocabSize());
            }
        }
        if (cache.length() + span.ids().length > cache.capacity()) {
            throw new IllegalArgumentException("a cache of " + cache.capacity() + " tokens that holds " + cache.length() + " has no room for "
                    + span.ids().length + " more");
        }
    }

    private void run(List<Span> spans, List<Piece> batch, int rows, boolean all, List<float[]> logits) {
        if (buffers.rows < rows) {
            buffers = new Buffers(rows <= 8 ? 8 : MOST_ROWS);
        }
        var runs = new Attention.Run[batch.size()];
        int[] row = {0};
        for (int i = 0; i < runs.length; i++) {
            Piece piece = batch.get(i);
            var cache = (PagedCache) spans.get(piece.span).cache();
            cache.reserve(piece.count);
            runs[i] = new Attention.Run(cache, row[0], piece.count, cache.length());
            for (int j = 0; j < piece.count; j++) {
                embed(spans.get(piece.span).ids()[piece.from + j], cache.length() + j, row[0]++);
            }
        }
        for (int l = 0; l < layers.size(); l++) {
            block(l, layers.get(l), runs, rows);
        }
        for (int i = 0; i < runs.length; i++) {
            Piece piece = batch.get(i);
            runs[i].cache().append(piece.count);
            int ids = spans.get(piece.span).ids().length;
            boolean last = piece.from + piece.count == ids;
            if (all) {
                head(runs[i].first(), piece.count, logits.get(piece.span), piece.from * spec.vocabSize());
            } else if (last) {
                // after the loop: the last rows of all spans in one product
                System.arraycopy(buffers.x, (runs[i].first() + piece.count - 1) * spec.hiddenSize(), buffers.delta, i * spec.hiddenSize(),
                        spec.hiddenSize());
            }
        }
        if (!all) {
            lastRows(spans, batch, logits);
        }
    }

    /** One product of the head for the spans that end in this batch; their rows stand in {@code delta} at the number of their piece. */
    private void lastRows(List<Span> spans, List<Piece> batch, List<float[]> logits) {
        int hidden = spec.hiddenSize();
        int n = 0;
        int[] of = new int[batch.size()];
        for (int i = 0; i < batch.size(); i++) {
            Piece piece = batch.get(i);
            if (piece.from + piece.count == spans.get(piece.span).ids().length) {
                finalNorm.apply(buffers.delta, i * hidden, buffers.normed, n * hidden);
                of[n++] = piece.span;
            }
        }
        if (n == 0) {
            return;
        }
        buffers.activations.set(buffers.normed, 0, n, hidden);
        if (n == 1) {
            matMul.multiply(buffers.activations, head, logits.get(of[0]), 0);
            return;
        }
        float[] together = new float[n * spec.vocabSize()];
        matMul.multiply(buffers.activations, head, together, 0);
        for (int i = 0; i < n; i++) {
            System.arraycopy(together, i * spec.vocabSize(), logits.get(of[i]), 0, spec.vocabSize());
        }
    }

    private void head(int first, int count, float[] to, int at) {
        int hidden = spec.hiddenSize();
        for (int i = 0; i < count; i++) {
            finalNorm.apply(buffers.x, (first + i) * hidden, buffers.normed, i * hidden);
        }
        buffers.activations.set(buffers.normed, 0, count, hidden);
        matMul.multiply(buffers.activations, head, to, at);
    }

    private void embed(int id, int position, int row) {
        int hidden = spec.hiddenSize();
        float[] values = buffers.normed;
        WeightRows.decode(embedding.type(), embedding.data(), id, hidden, values);
        System.arraycopy(values, 0, buffers.x, row * hidden, hidden);
        if (positions != null) {
            for (int i = 0; i < hidden; i++) {
                buffers.x[row * hidden + i] += positions[position * hidden + i];
            }
        }
    }

    private void block(int index, CpuLayer layer, Attention.Run[] runs, int rows) {
        Buffers b = buffers;
        int hidden = spec.hiddenSize();
        eachRow(rows, row -> layer.inputNorm().apply(b.x, row * hidden, b.normed, row * hidden));
        b.activations.set(b.normed, 0, rows, hidden);
        project(layer, rows);
        for (Attention.Run run : runs) {
            for (int i = 0; i < run.count(); i++) {
                heads(layer, run.first() + i, run.position() + i);
                int kv = spec.kvHeads() * spec.headDim();
                run.cache().put(index, run.position() + i, b.k, (run.first() + i) * kv, b.v, (run.first() + i) * kv);
            }
        }
        attention.apply(index, runs, b.q, b.attended, pool);
        b.activations.set(b.attended, 0, rows, spec.heads() * spec.headDim());
        layer.out().apply(matMul, b.activations, b.delta);
        add(b.x, b.delta, rows * hidden);
        eachRow(rows, row -> layer.postNorm().apply(b.x, row * hidden, b.normed, row * hidden));
        b.activations.set(b.normed, 0, rows, hidden);
        mlp(layer, rows);
        layer.down().apply(matMul, b.activations, b.delta);
        add(b.x, b.delta, rows * hidden);
    }

    private void project(CpuLayer layer, int rows) {
        Buffers b = buffers;
        if (layer.qkv().size() == 3) {
            layer.qkv().get(0).apply(matMul, b.activations, b.q);
            layer.qkv().get(1).apply(matMul, b.activations, b.k);
            layer.qkv().get(2).apply(matMul, b.activations, b.v);
            return;
        }
        layer.qkv().getFirst().apply(matMul, b.activations, b.q);
        int hidden = spec.hiddenSize();
        for (int row = 0; row < rows; row++) {
            System.arraycopy(b.q, (row * 3 + 1) * hidden, b.k, row * hidden, hidden);
            System.arraycopy(b.q, (row * 3 + 2) * hidden, b.v, row * hidden, hidden);
        }
        for (int row = 1; row < rows; row++) {
            System.arraycopy(b.q, row * 3 * hidden, b.q, row * hidden, hidden);
        }
    }

    /** Norms of heads and rotation of one row's query and key. */
    private void heads(CpuLayer layer, int row, int position) {
        heads(buffers.q, row * spec.heads() * spec.headDim(), spec.heads(), layer.qNorm(), position);
        heads(buffers.k, row * spec.kvHeads() * spec.headDim(), spec.kvHeads(), layer.kNorm(), position);
    }

    private void heads(float[] x, int at, int heads, float[] weight, int position) {
        Norm norm = weight == null ? null : new Norm(DecoderSpec.Norm.RMS, weight, null, spec.normEpsilon());
        for (int head = 0; head < heads; head++) {
            if (norm != null) {
                norm.apply(x, at + head * spec.headDim(), x, at + head * spec.headDim());
            }
            if (rotary != null) {
                rotary.rotate(x, at + head * spec.headDim(), position);
            }
        }
    }

    /** Leaves the inner activations of the MLP set. */
    private void mlp(CpuLayer layer, int rows) {
        Buffers b = buffers;
        int inner = spec.intermediateSize();
        layer.up().apply(matMul, b.activations, b.up);
        if (layer.gate() != null) {
            layer.gate().apply(matMul, b.activations, b.gate);
            eachRow(rows, row -> ActivationFunction.gated(spec.activation(), b.gate, b.up, row * inner, inner));
        } else {
            eachRow(rows, row -> ActivationFunction.apply(spec.activation(), b.up, row * inner, inner));
        }
        b.activations.set(b.up, 0, rows, inner);
    }

    private void eachRow(int rows, ThreadPool.Task task) {
        if (rows < 4) {
            for (int row = 0; row < rows; row++) {
                task.run(row);
            }
        } else {
            pool.run(task, rows);
        }
    }

    private static void add(float[] to, float[] delta, int n) {
        for (int i = 0; i < n; i++) {
            to[i] += delta[i];
        }
    }

    @Override
    public void close() {
        pool.close();
        arena.close();
    }
}
