package dev.zhulong.infer.cpu;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Positions.RelativeBias;
import dev.zhulong.infer.cpu.EncoderPass.Sequence;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.FullAttention;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightRows;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** The encoder of an encoder–decoder on the CPU kernels: sources of any lengths go through the products together, in F32 between them. */
final class SourceEncoder implements AutoCloseable {
    private final EncoderDecoderSpec spec;
    private final Stack stack;
    private final ThreadPool pool;
    private final CpuLayer[] layers;
    private final EncoderAttention[] attentions;
    private final StoredMatrix embedding;
    /** Null where nothing is added. */
    private final PositionRows positions;
    /** Null where there is none. */
    private final Norm embeddingNorm;
    private final Norm finalNorm;
    private EncoderPass pass;

    /** @param shared the decoder's embedding, where the encoder reads it too; else null */
    SourceEncoder(EncoderDecoderSpec spec, CpuLayer.Loader loader, ThreadPool pool, StoredMatrix shared) {
        this.spec = spec;
        this.pool = pool;
        stack = spec.encoder();
        layers = new CpuLayer[stack.layers().size()];
        attentions = new EncoderAttention[layers.length];
        Parameters table = Parameters.of(spec);
        try {
            RangeBias bias = bias(spec, stack, 0, true, loader);
            for (int l = 0; l < layers.length; l++) {
                layers[l] = loader.layer(l);
                Stack.Attention shape = stack.layers().get(l).attention();
                attentions[l] = bias == null ? new EncoderAttention(shape, null) : new RangesAttention(shape, bias);
            }
            embedding = shared != null ? shared : loader.rows(table.get(Role.ENCODER_EMBED).name());
            positions = PositionRows.of(stack, table.find(Role.ENCODER_POSITIONS).map(p -> loader.vector(p.name())).orElse(null));
            embeddingNorm = loader.normIfAny(Role.ENCODER_EMBED_NORM, -1);
            finalNorm = loader.normIfAny(Role.ENCODER_NORM, -1);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** What is added to the scores of a stack whose first layer has the number {@code first}; null for nothing. */
    static RangeBias bias(EncoderDecoderSpec spec, Stack stack, int first, boolean bothWays, CpuLayer.Loader loader) {
        return stack.positions() instanceof RelativeBias ranges ? new RangeBias(ranges, loader.vector(Parameters.of(spec).get(Role.RELATIVE_BIAS, first).name()),
                stack.layers().getFirst().attention().heads(), bothWays) : null;
    }

    /** What the encoder gives for a source [tokens, hidden]. @param seen of each token, whether it is seen; null for all */
    float[] encode(int[] source, boolean[] seen) {
        run(List.of(source), Collections.singletonList(seen), FullAttention.places(source.length));
        return Arrays.copyOf(pass.x, source.length * stack.hiddenSize());
    }

    /** Encodes those that have not been read, as many at once as a pass has room for, and keeps in {@code pages} what the decoder's layers make of them. */
    void read(List<CachedSource> all, CpuLayer[] decoder, PagePool pages) {
        List<CachedSource> sources = all.stream().filter(source -> !source.isRead()).toList();
        try {
            for (int first = 0; first < sources.size(); ) {
                int places = 0;
                int end = first;
                while (end < sources.size() && (end == first || places + FullAttention.places(sources.get(end).length()) <= EncoderPass.ROWS)) {
                    places += FullAttention.places(sources.get(end++).length());
                }
                List<CachedSource> some = sources.subList(first, end);
                run(some.stream().map(CachedSource::ids).toList(), Collections.nCopies(some.size(), null), places);
                keep(some, decoder, pages);
                first = end;
            }
        } catch (RuntimeException | Error e) {
            sources.forEach(CachedSource::forget);
            throw e;
        }
    }

    private void keep(List<CachedSource> sources, CpuLayer[] decoder, PagePool pages) {
        sources.forEach(CachedSource::reserve);
        int rows = sources.stream().mapToInt(CachedSource::length).sum();
        int width = spec.decoder().layers().getFirst().cross().kvWidth();
        float[][] keysAndValues = new float[2][rows * width];
        for (int l = 0; l < decoder.length; l++) {
            KvPages layer = pages.layer(l);
            decoder[l].cross().kv().apply(pass.products(), pass.x, rows, keysAndValues);
            int first = 0;
            for (CachedSource source : sources) {
                int from = first;
                pool.run(i -> layer.put(source.table()[i / KvPages.PAGE], i % KvPages.PAGE, keysAndValues[0], (from + i) * width, keysAndValues[1], (from + i) * width),
                        source.length());
                first += source.length();
            }
        }
    }

    private void run(List<int[]> sources, List<boolean[]> seen, int places) {
        if (pass == null || pass.maxRows() < places) {
            closePass();
            pass = new EncoderPass(stack, places, pool);
        }
        int hidden = stack.hiddenSize();
        var sequences = new Sequence[sources.size()];
        int rows = 0;
        int at = 0;
        for (int i = 0; i < sequences.length; i++) {
            int n = sources.get(i).length;
            sequences[i] = new Sequence(rows, n, at, seen.get(i), null);
            rows += n;
            at += FullAttention.places(n);
        }
        pool.run(i -> embed(sources.get(i), sequences[i].from()), sequences.length);
        pass.run(layers, attentions, sequences, rows);
        if (finalNorm != null) {
            pool.runShort(row -> finalNorm.apply(pass.x, row * hidden, pass.x, row * hidden), rows);
        }
    }

    private void embed(int[] ids, int from) {
        int hidden = stack.hiddenSize();
        int[] rows = spec.positions(stack, ids, 0);
        for (int i = 0; i < ids.length; i++) {
            int at = (from + i) * hidden;
            WeightRows.decode(embedding.type(), embedding.data(), ids[i], hidden, pass.x, at);
            if (stack.scales().embedding() != 1) {
                DecoderOps.scale(pass.x, at, hidden, (float) stack.scales().embedding());
            }
            if (positions != null) {
                positions.add(rows[i], pass.x, at);
            }
            if (embeddingNorm != null) {
                embeddingNorm.apply(pass.x, at, pass.x, at);
            }
        }
    }

    /** Bytes its weights take, a shared embedding aside. */
    long bytes() {
        return Arrays.stream(layers).mapToLong(CpuLayer::bytes).sum() + (spec.shared() ? 0 : embedding.data().byteSize());
    }

    private void closePass() {
        if (pass != null) {
            pass.close();
            pass = null;
        }
    }

    @Override
    public void close() {
        closePass();
        for (CpuLayer layer : layers) {
            if (layer != null) {
                layer.close();
            }
        }
    }
}
