package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.ModelDirectory;

/**
 * What a model takes in memory, told from its files' headers before anything is loaded. Mapped files are not counted: the system takes them back
 * when it needs the memory.
 *
 * @param weights       bytes of the weights, those held for a moment while they are loaded included
 * @param cachePerToken bytes of keys and values for each token of each sequence; 0 where none are kept
 * @param buffers       bytes of what rows of a prompt pass through
 */
public record MemoryEstimate(long weights, long cachePerToken, long buffers) {
    /** Rows of a prompt that are reckoned to run together. */
    private static final long ROWS = 256;

    /** On libtorch, all in F32. */
    public static MemoryEstimate ofTorch(ModelDirectory directory) {
        DecoderSpec spec = directory.spec();
        long weights = directory.plain().weights().values().stream().mapToLong(tensor -> tensor.elements() * Float.BYTES).sum();
        return new MemoryEstimate(weights, cachePerToken(spec, Float.BYTES), buffers(spec));
    }

    /** Keys and values of a token in all layers, {@code bytes} for each number. */
    public static long cachePerToken(DecoderSpec spec, long bytes) {
        return 2L * spec.layers() * spec.kvHeads() * spec.headDim() * bytes;
    }

    /** F32 rows between the matrices of a layer, and a row of logits; of a mixture also its router's, and for each choice a row inside the expert and its result. */
    public static long buffers(DecoderSpec spec) {
        long row = 4L * spec.hiddenSize() + 2L * spec.stack().layers().stream().mapToInt(layer -> layer.mlp().commonWidth()).max().orElse(0) + 2L * spec.heads() * spec.headDim() + 2L * spec.kvHeads() * spec.headDim();
        row += spec.stack().experts().map(mixture -> mixture.count() + mixture.chosen() * (spec.hiddenSize() + 2L * mixture.width() + 6)).orElse(0L);
        return Float.BYTES * (ROWS * row + spec.vocabSize());
    }

    /** With so many more bytes of weights. */
    public MemoryEstimate plus(long more) {
        return new MemoryEstimate(weights + more, cachePerToken, buffers);
    }

    /** Bytes with {@code tokens} in the cache, over all sequences. */
    public long total(long tokens) {
        return weights + cachePerToken * tokens + buffers;
    }

    /** Tokens whose keys and values fit beside the rest into {@code bytes}; 0 where not even the rest does. */
    public long tokens(long bytes) {
        return cachePerToken == 0 ? Long.MAX_VALUE : Math.max(0, bytes - weights - buffers) / cachePerToken;
    }
}
