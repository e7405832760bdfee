package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LongRopeTokens;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.KeyStatistics;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.Int8Linear;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * A decoder on the CPU kernels: weights packed in memory, keys and values in pages.
 *
 * <pre>{@code
 * try (GgufModel file = GgufModel.open(Path.of("model.Q8_0.gguf")); var model = CpuEngine.load(file, CpuOptions.of(2))) {
 *     Generation text = new Generator(model, tokenizer).generate(...);
 * }
 * }</pre>
 *
 * <p>A call runs the rows of all its spans together, at most {@value #MOST_ROWS} at a time.
 */
public final class CpuEngine implements LanguageModel {
    private static final int MOST_ROWS = 256;
    /** Rows room is made for while only few are asked for, as when sequences are written. */
    private static final int FEW_ROWS = 8;
    /** Parameters of a model with which a process is rather at its start than at work: the first token comes a tenth sooner where compilers have the other processors. */
    private static final long SMALL = 50_000_000;
    private static final long START_NANOS = 300_000_000;

    private final DecoderSpec spec;
    private final Arena arena;
    private final ThreadPool pool;
    private final CpuLayer[] layers;
    private final Head head;
    private final StoredMatrix embedding;
    private final float embeddingScale;
    private final Norm embeddingNorm;
    /** Null where nothing is added to an embedding for its place. */
    private final PositionRows positions;
    private final int firstPosition;
    private final Rotaries rotaries;
    /** Null where nothing is added to scores. */
    private final RangeBias bias;
    /** What this is the decoder of, and its encoder; null where it stands by itself. */
    private final EncoderDecoderSpec both;
    private final SourceEncoder encoder;
    private final PagePool pages;
    /** What an adapter must have been read for. */
    private final CpuAdapter.Shape adaptable;
    private final long weightBytes;
    private final int[] ids = new int[MOST_ROWS];
    /** Of each row, which row is added for its place. */
    private final int[] places = new int[MOST_ROWS];
    private final ThreadPool.Task embedTask = this::embed;
    private ForwardPass pass;

    private CpuEngine(DecoderWeights weights, CpuOptions options, List<int[]> kept) {
        VectorSupport.require();
        spec = weights.spec();
        both = weights.network() instanceof EncoderDecoderSpec network ? network : null;
        requireComputed(spec);
        arena = Arena.ofShared();
        pool = new ThreadPool(options.threads());
        if (Parameters.of(weights.network()).count() < SMALL) {
            pool.workAlone(START_NANOS);
        }
        layers = new CpuLayer[spec.layers()];
        adaptable = both == null ? CpuAdapter.Shape.of(spec) : null;
        int firstLayer = both == null ? 0 : both.firstDecoderLayer();
        SourceEncoder sources = null;
        try {
            var loader = new CpuLayer.Loader(weights, new WeightArena(arena), pool, kept);
            for (int l = 0; l < layers.length; l++) {
                layers[l] = loader.layer(firstLayer + l);
            }
            head = new Head(loader.normIfAny(Role.FINAL_NORM, -1), loader.packed(headName(weights.network())), loader.logitsBias(), spec.stack().scales());
            Parameters table = Parameters.of(weights.network());
            embedding = loader.rows(table.get(Role.EMBED).name());
            positions = PositionRows.of(spec.stack(), table.find(Role.POSITIONS).map(p -> loader.vector(p.name())).orElse(null));
            firstPosition = spec.stack().positions() instanceof Positions.Learned(int first) ? first : 0;
            embeddingScale = (float) spec.stack().scales().embedding();
            embeddingNorm = loader.normIfAny(Role.EMBED_NORM, -1);
            rotaries = new Rotaries(spec.stack());
            String route = kept == null ? "latency" : "throughput " + Arrays.deepHashCode(kept.toArray());
            pages = new PagePool(spec, options.cache(), route, arena);
            bias = both == null ? null : SourceEncoder.bias(both, spec.stack(), firstLayer, false, loader);
            sources = both == null ? null : new SourceEncoder(both, loader, pool, both.shared() ? embedding : null);
            encoder = sources;
            pass = pass(1);
            weightBytes = Arrays.stream(layers).mapToLong(CpuLayer::bytes).sum() + head.matrix().bytes() + embedding.data().byteSize() + (encoder == null ? 0 : encoder.bytes());
        } catch (RuntimeException | Error e) {
            release(sources);
            throw e;
        }
    }

    /** Refuses what would be computed wrongly. */
    private static void requireComputed(DecoderSpec spec) {
        Stack.Attention first = spec.layer(0).attention();
        for (int l = 0; l < spec.layers(); l++) {
            Stack.Attention attention = spec.layer(l).attention();
            if (spec.stack().rope(l) != null && spec.stack().rope(l).scaling() instanceof Scaling.Dynamic) {
                throw new IllegalArgumentException("rotary scaling 'dynamic' changes cached keys as a sequence grows, which the CPU engine does not support;"
                        + " use the torch engine");
            }
            Stack.Attention cross = spec.layer(l).cross();
            String what = cross != null && (cross.heads() != attention.heads() || cross.kvHeads() != attention.kvHeads() || cross.headDim() != attention.headDim())
                    ? "attention to an encoder with other heads than its own"
                    : cross != null && spec.stack().place() != NormPlace.BEFORE && spec.stack().place() != NormPlace.AFTER
                    ? "attention to an encoder and norms " + spec.stack().place()
                    : attention.heads() != first.heads() || attention.kvHeads() != first.kvHeads() || attention.headDim() != first.headDim()
                            || !Objects.equals(attention.latent(), first.latent())
                            ? "layers with different heads" : null;
            if (what != null) {
                throw new IllegalArgumentException("layer " + l + " has " + what + ", which the CPU engine does not compute; use the torch engine");
            }
        }
    }

    /** The matrix that gives the logits. */
    static String headName(NetworkSpec spec) {
        return Parameters.of(spec).get(spec.tiedEmbeddings() ? Role.EMBED : Role.HEAD).name();
    }

    static CpuEngine load(DecoderWeights weights, CpuOptions options) {
        if (options.route() == Route.LATENCY) {
            return new CpuEngine(weights, options, null).keysFitted(options);
        }
        if (Int8Linear.unavailable() != null) {
            throw new IllegalArgumentException(Int8Linear.unavailable());
        }
        List<int[]> kept;
        try (CpuEngine first = new CpuEngine(weights, options, null)) {
            kept = first.calibrate(options.calibration());
        }
        return new CpuEngine(weights, options, kept).keysFitted(options);
    }

    /** Columns that the throughput route keeps in F32, of each projection in the order in which they are run. */
    private List<int[]> calibrate(int[] text) {
        var calibration = new Calibration();
        read(text, each -> each.watch(calibration));
        return calibration.columns();
    }

    /** Where keys are kept in few bits, has them rounded by what queries and keys of a text are like. A decoder of sources has keys of two kinds, which is left alone. */
    private CpuEngine keysFitted(CpuOptions options) {
        if (options.cache() == KvPages.Format.INT4 && both == null) {
            try {
                var statistics = new KeyStatistics[layers.length];
                Arrays.setAll(statistics, l -> new KeyStatistics(spec.kvHeads(), spec.headDim()));
                read(options.calibration(), each -> each.watch(statistics));
                pages.fit(statistics);
            } catch (RuntimeException | Error e) {
                close();
                throw e;
            }
        }
        return this;
    }

    /** Reads the beginning of a text, or ids at random where it is empty. @param watch told of the pass before */
    private void read(int[] text, Consumer<ForwardPass> watch) {
        int most = Math.min(Calibration.TOKENS, spec.contextLength());
        int[] read = text.length > 0 ? Arrays.copyOf(text, Math.min(text.length, most))
                : new SplittableRandom(1).ints(most, 0, spec.vocabSize()).toArray();
        pass.close();
        pass = pass(read.length <= FEW_ROWS ? FEW_ROWS : MOST_ROWS);
        watch.accept(pass);
        try (KvCache cache = newCache(read.length)) {
            forward(List.of(new Span(cache, read)), false);
        }
        pass.close();
        pass = pass(1);
    }

    /**
     * Of a GGUF file, weights as they are stored there. The file may be closed afterwards.
     *
     * @throws dev.zhulong.formats.FormatException where a tensor is of a type without a kernel
     */
    public static CpuEngine load(GgufModel file, CpuOptions options) {
        return load(new DecoderWeights.OfGguf(file), options);
    }

    /**
     * Of a directory in Hugging Face's layout, which may be closed afterwards.
     *
     * @param type what matrices are quantised to while they are loaded: {@code Q8_0}, {@code Q4_0} or {@code INT4}; empty for as stored. A matrix
     *             whose rows the blocks do not divide stays as it is stored
     */
    public static CpuEngine load(ModelDirectory directory, Optional<WeightType> type, CpuOptions options) {
        // refuses what is no decoder
        directory.spec();
        return load(new DecoderWeights.OfDirectory(directory, type), options);
    }

    private ForwardPass pass(int rows) {
        return new ForwardPass(spec, rows, pages, rotaries, bias, pool);
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    PagePool pages() {
        return pages;
    }

    /** @see CpuEncoderDecoder#encode */
    synchronized float[] encode(int[] source, boolean[] seen) {
        return encoder.encode(source, seen);
    }

    /** Bytes the weights take in memory. */
    public long weightBytes() {
        return weightBytes;
    }

    /** Bytes of the matrices that one token is multiplied with: of a mixture those of as many experts as it is given to. */
    public long bytesOfAToken() {
        return Arrays.stream(layers).mapToLong(CpuLayer::bytesOfAToken).sum() + head.matrix().bytes();
    }

    /** Bytes of keys and values of one sequence of {@code tokens}: whole pages. */
    public static long cacheBytes(DecoderSpec spec, KvPages.Format format, long tokens) {
        return (tokens + KvPages.PAGE - 1) / KvPages.PAGE * PagePool.bytes(spec, format);
    }

    /** Pages of keys and values that sequences and others hold; {@value KvPages#PAGE} tokens each. */
    public int pagesUsed() {
        return pages.used();
    }

    @Override
    public KvCache newCache(int capacity) {
        return new PagedCache(pages, capacity, null, LongRopeTokens.of(spec));
    }

    @Override
    public KvCache newCache(int capacity, Adapter adapter) {
        if (adapter != null && !(adapter instanceof CpuAdapter)) {
            throw new IllegalArgumentException("the adapter belongs to another engine");
        }
        var own = (CpuAdapter) adapter;
        if (own != null) {
            own.requireFits(adaptable);
        }
        return new PagedCache(pages, capacity, own, LongRopeTokens.of(spec));
    }

    /** A piece of a span that is run with pieces of others. */
    private record Piece(int span, int from, int count) {}

    @Override
    public synchronized List<float[]> forward(List<Span> spans) {
        int longest = 0;
        for (Span span : spans) {
            check(span);
            longest = Math.max(longest, span.cache().length() + span.ids().length);
        }
        rotaries.reach(longest);
        if (bias != null) {
            bias.reach(longest);
        }
        if (encoder != null) {
            encoder.read(spans.stream().map(span -> ((PagedCache) span.cache()).source()).distinct().toList(), layers, pages);
        }
        List<Span> again = new ArrayList<>();
        for (Span span : spans) {
            var cache = (PagedCache) span.cache();
            int[] held = cache.longRope() == null ? new int[0] : cache.longRope().noted(cache.length(), span.ids());
            if (held.length > 0) {
                cache.truncate(0);
                again.add(new Span(cache, held, Logits.NONE));
            }
        }
        read(again);
        return read(spans);
    }

    private List<float[]> read(List<Span> spans) {
        List<float[]> logits = new ArrayList<>(spans.size());
        for (Span span : spans) {
            logits.add(new float[span.wanted(spec)]);
        }
        List<Piece> batch = new ArrayList<>(spans.size());
        int rows = 0;
        for (int s = 0; s < spans.size(); s++) {
            int n = spans.get(s).ids().length;
            for (int from = 0; from < n; ) {
                int count = Math.min(MOST_ROWS - rows, n - from);
                batch.add(new Piece(s, from, count));
                rows += count;
                from += count;
                if (rows == MOST_ROWS) {
                    run(spans, batch, rows, logits);
                    batch.clear();
                    rows = 0;
                }
            }
        }
        if (rows > 0) {
            run(spans, batch, rows, logits);
        }
        return logits;
    }

    private void check(Span span) {
        if (!(span.cache() instanceof PagedCache cache) || cache.pool() != pages) {
            throw new IllegalArgumentException("the cache belongs to another model");
        }
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

    private void run(List<Span> spans, List<Piece> batch, int rows, List<float[]> logits) {
        if (pass.maxRows() < rows) {
            pass.close();
            pass = pass(rows <= FEW_ROWS ? FEW_ROWS : MOST_ROWS);
        }
        int row = 0;
        for (Piece piece : batch) {
            var cache = (PagedCache) spans.get(piece.span).cache();
            cache.reserve(piece.count);
            if (both != null) {
                int[] read = Arrays.copyOfRange(spans.get(piece.span).ids(), piece.from, piece.from + piece.count);
                System.arraycopy(both.positions(spec.stack(), read, cache.length()), 0, places, row, piece.count);
            }
            for (int j = 0; j < piece.count; j++, row++) {
                ids[row] = spans.get(piece.span).ids()[piece.from + j];
                pass.caches[row] = cache;
                pass.positions[row] = cache.length() + j;
                places[row] = both == null ? firstPosition + pass.positions[row] : places[row];
            }
        }
        pool.run(embedTask, rows);
        pass.run(layers, rows);
        for (Piece piece : batch) {
            ((PagedCache) spans.get(piece.span).cache()).append(piece.count);
        }
        head(spans, batch, rows, logits);
    }

    /** What spans ask for of the rows of this batch: logits of many rows of a span straight to where they go, of all others in one product. */
    private void head(List<Span> spans, List<Piece> batch, int rows, List<float[]> logits) {
        int vocab = spec.vocabSize();
        int[] of = new int[rows];
        List<Piece> together = new ArrayList<>(batch.size());
        int n = 0;
        int row = 0;
        for (Piece piece : batch) {
            int wanted = rowsWanted(spans.get(piece.span), piece);
            int at = n;
            for (int j = piece.count - wanted; j < piece.count; j++) {
                of[n++] = row + j;
            }
            row += piece.count;
            if (spans.get(piece.span).logits() == Logits.HIDDEN) {
                pass.norm(head.norm(), Arrays.copyOfRange(of, at, n), wanted, logits.get(piece.span), place(spans.get(piece.span), piece));
                n = at;
            } else if (wanted > FEW_ROWS) {
                pass.head(head, Arrays.copyOfRange(of, at, n), wanted, logits.get(piece.span), place(spans.get(piece.span), piece));
                n = at;
            } else if (wanted > 0) {
                together.add(piece);
            }
        }
        if (together.size() == 1) {
            Piece piece = together.getFirst();
            pass.head(head, of, n, logits.get(piece.span), place(spans.get(piece.span), piece));
        } else if (n > 0) {
            float[] all = new float[Math.multiplyExact(n, vocab)];
            pass.head(head, of, n, all, 0);
            int from = 0;
            for (Piece piece : together) {
                Span span = spans.get(piece.span);
                int count = rowsWanted(span, piece) * vocab;
                System.arraycopy(all, from, logits.get(piece.span), place(span, piece), count);
                from += count;
            }
        }
    }

    /** Where what is wanted of a piece begins among what is of its span. */
    private int place(Span span, Piece piece) {
        return switch (span.logits()) {
            case NONE, LAST -> 0;
            case ALL -> piece.from * spec.vocabSize();
            case HIDDEN -> piece.from * spec.hiddenSize();
        };
    }

    /** The last so many rows of a piece. */
    private static int rowsWanted(Span span, Piece piece) {
        return switch (span.logits()) {
            case NONE -> 0;
            case LAST -> piece.from + piece.count == span.ids().length ? 1 : 0;
            case ALL, HIDDEN -> piece.count;
        };
    }

    private void embed(int row) {
        int hidden = spec.hiddenSize();
        WeightRows.decode(embedding.type(), embedding.data(), ids[row], hidden, pass.x, row * hidden);
        if (embeddingScale != 1) {
            DecoderOps.scale(pass.x, row * hidden, hidden, embeddingScale);
        }
        if (positions != null) {
            positions.add(places[row], pass.x, row * hidden);
        }
        if (embeddingNorm != null) {
            embeddingNorm.apply(pass.x, row * hidden, pass.x, row * hidden);
        }
    }

    @Override
    public synchronized void close() {
        if (arena.scope().isAlive()) {
            pass.close();
            release(encoder);
        }
    }

    private void release(SourceEncoder sources) {
        if (sources != null) {
            sources.close();
        }
        for (CpuLayer layer : layers) {
            if (layer != null) {
                layer.close();
            }
        }
        pool.close();
        arena.close();
    }
}
