package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Sizes;
import dev.zhulong.model.Pass;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * The memory that training needs, in bytes, above what the process needs anyway: an estimate from the shapes alone, before anything is loaded.
 * Going on from a checkpoint takes no more than training: its copy of the weights is gone before there are gradients, which are as large.
 *
 * @param method    of what is trained; pretraining is {@link Method#FULL}
 * @param format    of the base, where it is quantized
 * @param spec      of the model
 * @param adapter   weights of the adapter; 0 where none is spoken of
 * @param rows      a batch
 * @param seq       tokens a row
 * @param masked    whether documents share a row, so that what they see of one another is a mask where rows are short
 * @param recompute whether blocks are run again in backward
 */
public record TrainingMemory(Method method, QuantizedMatrix.Format format, DecoderSpec spec, long adapter, long rows, int seq, boolean masked,
        boolean recompute) {
    private static final int FLOAT = Float.BYTES;
    /** A mask in F32, and the three of booleans that it is made from. */
    private static final int MASK = 7;
    /** Gradients of the head, and what libtorch keeps for itself. */
    private static final double BASE = 64 << 20;
    /** Bytes of logits in a chunk at least, and its rows at most where the vocabulary is large. */
    private static final double CHUNK = 16 << 20;
    private static final int CHUNK_ROWS = 256;
    /** Queries whose keys within a window have a gradient of their own before the gradients of neighbours are added up. */
    private static final int CHUNK_OF_QUERIES = 64;
    /** Blocks that are there together where one is run again: its own, its gradients, and what malloc has freed between and cannot give out again. Measured. */
    static final double RUN_AGAIN = 3.5;
    /** The same beyond those that are kept. */
    static final double LAST = 1.5;
    /** Shorter rows are no remedy. */
    private static final int SHORTEST = 32;

    /** Of pretraining, or of training all weights further. */
    public static TrainingMemory pretraining(DecoderSpec spec, long rows, int seq, boolean masked, boolean recompute) {
        return new TrainingMemory(Method.FULL, QuantizedMatrix.Format.NF4, spec, 0, rows, seq, masked, recompute);
    }

    private boolean quantized() {
        return method == Method.QLORA;
    }

    private double projections() {
        return (double) spec.layerWeights();
    }

    /** The model as it is held. */
    long weights() {
        double all = Parameters.of(spec).count();
        return bytes(quantized() ? FLOAT * (all - projections()) + format.bytes((long) projections()) : FLOAT * all);
    }

    /** Gradients and both moments of what is trained, and an adapter's own weights. */
    long optimizer() {
        return bytes(method == Method.FULL ? 3.0 * FLOAT * Parameters.of(spec).count() : 4.0 * FLOAT * adapter);
    }

    /** Kept for backward, with what one block and the head need while they are computed. */
    long activations() {
        double tokens = (double) rows * seq;
        double kv = (double) spec.kvHeads() * spec.headDim();
        double q = (double) spec.heads() * spec.headDim();
        // inputs of the norms and projections, rotated heads, the attention's output, and the four wide tensors of a gated MLP
        double perToken = 4.0 * spec.hiddenSize() + 3 * q + 4 * kv + spec.stack().layers().stream().mapToDouble(layer -> wide(layer.mlp())).max().orElseThrow();
        double block = FLOAT * tokens * perToken;
        double kept = recompute ? FLOAT * tokens * spec.hiddenSize() * (spec.layers() + 2.0) + RUN_AGAIN * block : block * (spec.layers() + LAST);
        double whole = quantized() ? 2.0 * FLOAT * IntStream.range(0, spec.layers()).mapToLong(spec::layerWeights).max().orElseThrow() : 0;
        // an adapter merged into its projection for the step lives until backward, where that takes no more than the activations do
        boolean merging = method == Method.LORA || method == Method.DPO;
        double merged = merging ? Math.min(FLOAT * projections(), block * spec.layers()) / (recompute ? spec.layers() : 1) : 0;
        double mask = masked ? (double) MASK * tokens * Math.min(seq, Math.max(Pass.SHORT, window())) : 0;
        double spans = 2.0 * FLOAT * tokens * kv * Math.min(seq, window()) / CHUNK_OF_QUERIES;
        double head = BASE + 2 * Math.max(CHUNK, (double) FLOAT * spec.vocabSize() * Math.min(CHUNK_ROWS, tokens));
        return bytes(kept + whole + merged + mask + spans + head);
    }

    /** Values that a token has in an MLP: its wide tensors; in a mixture those of its experts, and of each choice the input, the result, and that in the order of the tokens. */
    private double wide(Mlp mlp) {
        double tensors = mlp.gated() ? 4.0 : 3.0;
        return switch (mlp) {
            case Mlp.Dense dense -> tensors * dense.width();
            case Mlp.Experts experts -> experts.chosen() * (tensors * experts.width() + 3.0 * spec.hiddenSize())
                    + (experts.shared() == null ? 0 : tensors * experts.shared().width());
        };
    }

    /** The widest window of a layer that has one; 0 for none. */
    private int window() {
        return spec.stack().layers().stream().mapToInt(layer -> switch (layer.attention().reach()) {
            case Reach.Whole whole -> 0;
            case Reach.Window(int tokens) -> tokens;
            case Reach.Global(int tokens, int first) -> tokens;
            case Reach.Block(int tokens) -> 0;
        }).max().orElse(0);
    }

    /** So that three of them add up. */
    private static long bytes(double bytes) {
        return (long) Math.min(bytes, Long.MAX_VALUE / 4);
    }

    /** All of it. */
    public long total() {
        return weights() + optimizer() + activations();
    }

    /** One line. */
    String text() {
        return String.format(Locale.ROOT, "estimated peak %s: weights %s, gradients and moments %s, activations %s", Sizes.memory(total()), Sizes.memory(weights()),
                Sizes.memory(optimizer()), Sizes.memory(activations()));
    }

    /**
     * Refuses what does not fit.
     *
     * @param available bytes
     * @param remedies  what may be changed, and in words how, in the order in which it is to be tried
     * @throws IllegalArgumentException that names the first remedy that suffices
     */
    void require(long available, Supplier<Map<String, TrainingMemory>> remedies) {
        if (total() <= available) {
            return;
        }
        String remedy = remedies.get().entrySet().stream().filter(e -> e.getValue().total() <= available).map(Map.Entry::getKey).findFirst()
                .orElse("no training setting makes it fit: take a smaller model");
        throw new IllegalArgumentException(String.format(Locale.ROOT, "this needs about %s of memory and %s are available; %s", Sizes.memory(total()),
                Sizes.memory(available), remedy));
    }

    /**
     * What a recipe's {@code train} section can do about it: run blocks again, smaller batches, shorter rows.
     *
     * @param batch        of the recipe
     * @param accumulation of the recipe
     * @param others       to be tried before shorter rows, which may no longer hold what is to be learnt; by their words, which go before
     *                     those of the smallest batch
     */
    Map<String, TrainingMemory> remedies(int batch, int accumulation, Map<String, TrainingMemory> others) {
        Map<String, TrainingMemory> all = new LinkedHashMap<>();
        all.put("set train.recompute=true", withRecompute());
        String single = "train.recompute=true, train.batch=1 and train.accumulation=" + (long) batch * accumulation;
        all.put("set " + single, withRecompute().withRows(rows / batch));
        others.forEach((words, other) -> all.put(words + " with " + single, other.withRecompute().withRows(rows / batch)));
        for (int shorter = seq / 2; shorter >= SHORTEST; shorter /= 2) {
            all.put("set train.seq=" + shorter + ", " + single, withRecompute().withRows(rows / batch).withSeq(shorter));
        }
        return all;
    }

    TrainingMemory withMethod(Method other, long adapterWeights) {
        return new TrainingMemory(other, format, spec, adapterWeights, rows, seq, masked, recompute);
    }

    private TrainingMemory withRecompute() {
        return new TrainingMemory(method, format, spec, adapter, rows, seq, masked, true);
    }

    private TrainingMemory withRows(long fewer) {
        return new TrainingMemory(method, format, spec, adapter, fewer, seq, masked, recompute);
    }

    private TrainingMemory withSeq(int shorter) {
        return new TrainingMemory(method, format, spec, adapter, rows, shorter, masked, recompute);
    }
}
