package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.cpu.EncoderPass.Sequence;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.FullAttention;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * An encoder on the CPU kernels: weights packed in memory, attention in F32. The rows of all sequences of a pass go through the products together.
 *
 * <pre>{@code
 * try (var directory = ModelDirectory.open(Path.of("all-MiniLM-L6-v2")); var encoder = CpuEncoder.load(directory, Optional.empty(), 8)) {
 *     float[] states = encoder.encode(List.of(Encoder.Input.of(ids))).getFirst().states();
 * }
 * }</pre>
 */
public final class CpuEncoder implements Encoder {
    private final EncoderSpec spec;
    private final Arena arena;
    private final ThreadPool pool;
    private final CpuLayer[] layers;
    private final EncoderAttention[] attentions;
    private final StoredMatrix embedding;
    /** Learned positions [rows, hidden]; null where there are none. */
    private final float[] positions;
    /** Of segments [segments, hidden]; null where there are none. */
    private final float[] segments;
    private final Norm embeddingNorm;
    /** Whether padding begins as zeros. */
    private final boolean clearsPadding;
    /** After the last layer; null where there is none. */
    private final Norm finalNorm;
    private final Optional<EncoderHead> head;
    private final long weightBytes;
    private EncoderPass pass;

    private CpuEncoder(DecoderWeights weights, EncoderSpec spec, int threads) {
        VectorSupport.require();
        this.spec = spec;
        arena = Arena.ofShared();
        pool = new ThreadPool(threads);
        layers = new CpuLayer[spec.layers()];
        attentions = new EncoderAttention[spec.layers()];
        try {
            var loader = new CpuLayer.Loader(weights, arena, pool, null);
            for (int l = 0; l < layers.length; l++) {
                layers[l] = loader.layer(l);
            }
            EncoderAttentions.load(spec, loader, layers, pool, attentions);
            Parameters table = Parameters.of(spec);
            embedding = loader.rows(table.get(Role.EMBED).name());
            positions = table.find(Role.POSITIONS).map(p -> loader.vector(p.name())).orElse(null);
            segments = table.find(Role.SEGMENTS).map(p -> loader.vector(p.name())).orElse(null);
            embeddingNorm = loader.norm(Role.EMBED_NORM, -1);
            finalNorm = loader.normIfAny(Role.FINAL_NORM, -1);
            clearsPadding = spec.stack().positions() instanceof Positions.Distances;
            head = EncoderHead.load(spec, loader);
            weightBytes = Arrays.stream(layers).mapToLong(CpuLayer::bytes).sum() + Arrays.stream(attentions).mapToLong(EncoderAttention::bytes).sum() + embedding.data().byteSize() + head.map(EncoderHead::bytes).orElse(0L);
        } catch (RuntimeException | Error e) {
            release();
            throw e;
        }
    }

    /**
     * Of a directory in Hugging Face's layout, which may be closed afterwards.
     *
     * @param type    what matrices are quantised to while they are loaded: {@code Q8_0}, {@code Q4_0} or {@code INT4}; empty for as stored. A matrix
     *                whose rows the blocks do not divide stays as it is stored
     * @param threads that compute
     * @throws FormatException where the directory holds no encoder, or a weight is missing or wrong
     */
    public static CpuEncoder load(ModelDirectory directory, Optional<WeightType> type, int threads) {
        if (!(directory.network() instanceof EncoderSpec spec)) {
            throw new FormatException(directory.path(), "expected an encoder such as BERT, found a " + directory.network().family().title() + (directory.network() instanceof DecoderSpec ? " decoder" : ""));
        }
        return new CpuEncoder(new DecoderWeights.OfDirectory(directory, type), spec, threads);
    }

    /**
     * Of a GGUF file, which may be closed afterwards.
     *
     * @throws FormatException where the file holds no encoder, or a weight cannot be taken
     */
    public static CpuEncoder load(GgufModel file, int threads) {
        if (!(file.network() instanceof EncoderSpec spec)) {
            throw new FormatException(file.file().path(), "expected an encoder such as BERT, found a " + file.network().family().title());
        }
        return new CpuEncoder(new DecoderWeights.OfGguf(file), spec, threads);
    }

    @Override
    public EncoderSpec spec() {
        return spec;
    }

    /** Bytes the weights take in memory. */
    public long weightBytes() {
        return weightBytes;
    }

    @Override
    public synchronized List<Output> encode(List<Input> inputs) {
        inputs.forEach(input -> input.requireFits(spec));
        List<Output> outputs = new ArrayList<>(inputs.size());
        for (int first = 0; first < inputs.size(); ) {
            int places = 0;
            int end = first;
            while (end < inputs.size() && (end == first || places + FullAttention.places(inputs.get(end).ids().length) <= EncoderPass.ROWS)) {
                places += FullAttention.places(inputs.get(end++).ids().length);
            }
            run(inputs.subList(first, end), places, outputs);
            first = end;
        }
        return outputs;
    }

    private void run(List<Input> inputs, int places, List<Output> outputs) {
        if (pass == null || pass.maxRows() < places) {
            closePass();
            pass = new EncoderPass(spec.stack(), places, pool);
        }
        int hidden = spec.hiddenSize();
        var sequences = new Sequence[inputs.size()];
        int rows = 0;
        int at = 0;
        for (int i = 0; i < sequences.length; i++) {
            Input input = inputs.get(i);
            int n = input.ids().length;
            sequences[i] = new Sequence(rows, n, at, input.seen().length == 0 ? null : input.seen(), globals(input));
            rows += n;
            at += FullAttention.places(n);
        }
        pool.run(i -> embed(inputs.get(i), sequences[i].from()), sequences.length);
        pass.run(layers, attentions, sequences, rows);
        if (finalNorm != null) {
            pool.runShort(row -> finalNorm.apply(pass.x, row * hidden, pass.x, row * hidden), rows);
        }
        for (int i = 0; i < sequences.length; i++) {
            int from = sequences[i].from() * hidden;
            outputs.add(new Output(Arrays.copyOfRange(pass.x, from, from + sequences[i].length() * hidden), logits(inputs.get(i), sequences[i])));
        }
    }

    private boolean[] globals(Input input) {
        boolean[] globals = input.globals().length == 0 ? spec.family().globals(spec, input.ids()) : input.globals();
        boolean any = false;
        for (boolean each : globals) {
            any |= each;
        }
        return any ? globals : null;
    }

    private float[] logits(Input input, Sequence sequence) {
        if (!input.logits() || head.isEmpty()) {
            return new float[0];
        }
        int n = spec.head() instanceof Head.Classes ? 1 : sequence.length();
        float[] logits = new float[Math.multiplyExact(n, spec.outputs())];
        if (spec.head() instanceof Head.Classes classes && classes.mean()) {
            head.get().apply(pass.products(), mean(sequence), 0, 1, logits);
        } else {
            head.get().apply(pass.products(), pass.x, sequence.from(), n, logits);
        }
        return logits;
    }

    /** The mean of the states that are seen. */
    private float[] mean(Sequence sequence) {
        int hidden = spec.hiddenSize();
        double[] sum = new double[hidden];
        int count = 0;
        for (int i = 0; i < sequence.length(); i++) {
            if (sequence.seen() == null || sequence.seen()[i]) {
                count++;
                for (int d = 0; d < hidden; d++) {
                    sum[d] += pass.x[(sequence.from() + i) * hidden + d];
                }
            }
        }
        float[] mean = new float[hidden];
        for (int d = 0; d < hidden; d++) {
            mean[d] = (float) (sum[d] / count);
        }
        return mean;
    }

    private void embed(Input input, int from) {
        int hidden = spec.hiddenSize();
        int[] rows = spec.positions(input.ids());
        for (int i = 0; i < rows.length; i++) {
            int at = (from + i) * hidden;
            WeightRows.decode(embedding.type(), embedding.data(), input.ids()[i], hidden, pass.x, at);
            if (segments != null) {
                DecoderOps.add(pass.x, at, segments, (input.segments().length == 0 ? 0 : input.segments()[i]) * hidden, hidden);
            }
            if (positions != null) {
                DecoderOps.add(pass.x, at, positions, rows[i] * hidden, hidden);
            }
            embeddingNorm.apply(pass.x, at, pass.x, at);
            if (clearsPadding && input.seen().length > 0 && !input.seen()[i]) {
                Arrays.fill(pass.x, at, at + hidden, 0);
            }
        }
    }

    private void closePass() {
        if (pass != null) {
            pass.close();
            pass = null;
        }
    }

    @Override
    public synchronized void close() {
        if (arena.scope().isAlive()) {
            closePass();
            release();
        }
    }

    private void release() {
        for (int l = 0; l < layers.length; l++) {
            if (layers[l] != null) {
                layers[l].close();
            }
            if (attentions[l] != null) {
                attentions[l].close();
            }
        }
        pool.close();
        arena.close();
    }
}
