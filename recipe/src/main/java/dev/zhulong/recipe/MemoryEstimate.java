package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.model.Architecture;
import dev.zhulong.model.QuantizedMatrix;
import java.util.Locale;
import java.util.Optional;

/**
 * What a fine-tuning step needs, in bytes, above what the process needs anyway.
 *
 * @param weights     the base as it is held
 * @param optimizer   weights of the adapter, gradients and both moments: 12 bytes a trained weight, 16 an adapter's
 * @param activations kept for backward, with what one block and the head need while they are computed
 */
record MemoryEstimate(long weights, long optimizer, long activations) {
    /** Chunks of logits, their gradient and its product. */
    private static final long HEAD = 96L << 20;

    /**
     * Of a run.
     *
     * @param trained weights that are trained
     * @param tokens  of a batch
     */
    static MemoryEstimate of(FinetuneRecipe.Method method, QuantizedMatrix.Format format, DecoderSpec spec, long trained, long tokens,
            boolean recompute) {
        long all = Architecture.of(spec).count();
        long projections = spec.layers() * spec.blockWeights();
        long weights = method == FinetuneRecipe.Method.QLORA ? 4 * (all - projections) + format.bytes(projections) : 4 * all;
        long optimizer = (method == FinetuneRecipe.Method.FULL ? 12 : 16) * trained;
        long kv = (long) spec.kvHeads() * spec.headDim();
        long q = (long) spec.heads() * spec.headDim();
        // inputs of the norms and projections, rotated heads, the attention's output, and the four wide tensors of a gated MLP
        long perToken = 4L * spec.hiddenSize() + 3 * q + 4 * kv + (spec.gatedMlp() ? 4L : 3L) * spec.intermediateSize();
        long block = 4 * tokens * perToken;
        long kept = recompute ? 4 * tokens * spec.hiddenSize() * spec.layers() + 2 * block : block * spec.layers() + block;
        long whole = method == FinetuneRecipe.Method.QLORA ? 8 * projections / spec.layers() : 0;
        // an adapter merged into its projection for the step lives until backward, where that takes no more than the activations do
        boolean adapter = method == FinetuneRecipe.Method.LORA || method == FinetuneRecipe.Method.DPO;
        long merged = adapter ? Math.min(4 * projections, block * spec.layers()) / (recompute ? spec.layers() : 1) : 0;
        return new MemoryEstimate(weights, optimizer, kept + whole + merged + HEAD);
    }

    long total() {
        return weights + optimizer + activations;
    }

    /** One line. */
    String text() {
        return String.format(Locale.ROOT, "estimated peak %s: weights %s, gradients and moments %s, activations %s", size(total()), size(weights),
                size(optimizer), size(activations));
    }

    static String size(long bytes) {
        return bytes >= 1_000_000_000 ? String.format(Locale.ROOT, "%.1f GB", bytes * 1e-9) : String.format(Locale.ROOT, "%.0f MB", bytes * 1e-6);
    }

    /**
     * What would make a run fit that does not: the first of recompute, batches of one row, an adapter, a quantized base.
     *
     * @param adapter weights of the adapter the recipe describes
     */
    static Optional<String> advice(FinetuneRecipe recipe, DecoderSpec spec, long adapter, int seq, long available) {
        QuantizedMatrix.Format format = recipe.model().quantize();
        int rows = recipe.method() == FinetuneRecipe.Method.DPO ? 2 : 1;
        long trained = recipe.method() == FinetuneRecipe.Method.FULL ? Architecture.of(spec).count() : adapter;
        long tokens = (long) recipe.train().batch() * rows * seq;
        if (of(recipe.method(), format, spec, trained, tokens, true).total() <= available) {
            return Optional.of("set train.recompute=true");
        }
        long one = (long) rows * seq;
        int accumulation = recipe.train().batch() * recipe.train().accumulation();
        String single = "train.recompute=true, train.batch=1 and train.accumulation=" + accumulation;
        if (of(recipe.method(), format, spec, trained, one, true).total() <= available) {
            return Optional.of("set " + single);
        }
        if (recipe.method() == FinetuneRecipe.Method.FULL && of(FinetuneRecipe.Method.LORA, format, spec, adapter, one, true).total() <= available) {
            return Optional.of("train an adapter instead (--method lora) with " + single);
        }
        if (recipe.method() != FinetuneRecipe.Method.DPO && of(FinetuneRecipe.Method.QLORA, format, spec, adapter, one, true).total() <= available) {
            return Optional.of("quantize the base (--method qlora) with " + single);
        }
        return Optional.empty();
    }
}
