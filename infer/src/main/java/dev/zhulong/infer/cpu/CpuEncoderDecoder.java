package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import java.util.List;
import java.util.Optional;

/**
 * An encoder–decoder on the CPU kernels. The decoder is a {@link CpuEngine}; sources that have not been read are encoded before a step, those of all its
 * sequences together, and what the decoder's layers make of them is kept in pages that all sequences of a source share.
 */
public final class CpuEncoderDecoder implements ConditionalModel {
    private final EncoderDecoderSpec network;
    private final CpuEngine decoder;

    private CpuEncoderDecoder(EncoderDecoderSpec network, CpuEngine decoder) {
        this.network = network;
        this.decoder = decoder;
    }

    /**
     * Of a directory in Hugging Face's layout, which may be closed afterwards.
     *
     * @param type what matrices are quantised to while they are loaded, as with {@link CpuEngine#load(ModelDirectory, Optional, CpuOptions)}
     * @throws FormatException where the directory holds no encoder–decoder, or a weight is missing or wrong
     */
    public static CpuEncoderDecoder load(ModelDirectory directory, Optional<WeightType> type, CpuOptions options) {
        if (!(directory.network() instanceof EncoderDecoderSpec spec)) {
            throw new FormatException(directory.path(), "expected an encoder–decoder such as T5, found a " + directory.network().family().title());
        }
        spec.requireReads(directory.path());
        return load(spec, new DecoderWeights.OfDirectory(directory, type), options);
    }

    /**
     * Of a GGUF file, which may be closed afterwards.
     *
     * @throws FormatException where the file holds no encoder–decoder, or a weight cannot be taken
     */
    public static CpuEncoderDecoder load(GgufModel file, CpuOptions options) {
        if (!(file.network() instanceof EncoderDecoderSpec spec)) {
            throw new FormatException(file.file().path(), "expected an encoder–decoder such as T5, found a " + file.network().family().title());
        }
        return load(spec, new DecoderWeights.OfGguf(file), options);
    }

    private static CpuEncoderDecoder load(EncoderDecoderSpec spec, DecoderWeights weights, CpuOptions options) {
        if (options.route() != Route.LATENCY) {
            throw new IllegalArgumentException("the throughput route is not implemented for encoder–decoders: choose the latency route");
        }
        return new CpuEncoderDecoder(spec, CpuEngine.load(weights, options));
    }

    @Override
    public EncoderDecoderSpec network() {
        return network;
    }

    @Override
    public DecoderSpec spec() {
        return decoder.spec();
    }

    /** Bytes the weights take in memory. */
    public long weightBytes() {
        return decoder.weightBytes();
    }

    /** Pages of keys and values that sequences and sources hold; {@value KvPages#PAGE} tokens each. */
    public int pagesUsed() {
        return decoder.pagesUsed();
    }

    /** @throws IllegalArgumentException always: sequences are written of a source */
    @Override
    public KvCache newCache(int capacity) {
        throw new IllegalArgumentException(network.family().title() + " is an encoder–decoder, which writes of a source: give one");
    }

    @Override
    public KvCache newCache(int capacity, int[] source) {
        require(network, source);
        return new PagedCache(decoder.pages(), capacity, new CachedSource(decoder.pages(), source));
    }

    /** @throws IllegalArgumentException as {@link ConditionalModel#newCache(int, int[])} */
    private static void require(EncoderDecoderSpec network, int[] source) {
        if (source.length == 0) {
            throw new IllegalArgumentException("there is no text to read: it has no tokens");
        }
        if (source.length > network.longest()) {
            throw new IllegalArgumentException("a text of " + source.length + " tokens is longer than this model can read: " + network.longest());
        }
        for (int id : source) {
            if (id < 0 || id >= network.sourceVocab()) {
                throw new IllegalArgumentException("token id " + id + " is outside the vocabulary of " + network.sourceVocab());
            }
        }
    }

    @Override
    public KvCache fork(KvCache other) {
        if (!(other instanceof PagedCache cache) || cache.pool() != decoder.pages()) {
            throw new IllegalArgumentException("the cache belongs to another model");
        }
        return cache.fork();
    }

    @Override
    public int sourceTokens(int length) {
        return (length + KvPages.PAGE - 1) / KvPages.PAGE * KvPages.PAGE;
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        return decoder.forward(spans);
    }

    /**
     * What the encoder gives for a source [tokens, hidden].
     *
     * @param seen of each token, whether it is seen: padding is not; null for all
     */
    public float[] encode(int[] source, boolean[] seen) {
        require(network, source);
        return decoder.encode(source, seen);
    }

    @Override
    public void close() {
        decoder.close();
    }
}
