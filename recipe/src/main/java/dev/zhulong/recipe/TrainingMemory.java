package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.model.Pass;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.cost.Counts;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.recipe.cost.Precision;
import dev.zhulong.recipe.cost.Sharing;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.StreamedState;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The memory that a rank of a training needs, in bytes, above what the process needs anyway: an estimate from the shapes alone, before anything is loaded.
 * Going on from a checkpoint takes no more than training: its copy of the weights is gone before there are gradients, which are as large.
 *
 * @param method    of what is trained; pretraining is {@link Method#FULL}
 * @param format    of the base, where it is quantized
 * @param model     its parameters
 * @param adapter   weights of the adapter; 0 where none is spoken of
 * @param rows      a batch
 * @param seq       tokens a row; of an encoder–decoder, of either text
 * @param masked    whether documents share a row, so that what they see of one another is a mask where rows are short
 * @param recompute whether blocks are run again in backward
 * @param sharing   of the state among ranks
 */
public record TrainingMemory(Method method, QuantizedMatrix.Format format, Counts model, long adapter, long rows, int seq, boolean masked,
        boolean recompute, Sharing sharing) {
    private static final int FLOAT = Float.BYTES;
    /** A mask in F32, and the three of booleans that it is made from. */
    private static final int MASK = 7;
    /** What libtorch keeps for itself. */
    private static final double BASE = 16 << 20;
    /** What stays of what was freed where it is kept, whatever the model. Measured with one of almost nothing. */
    private static final double FREED = 24 << 20;
    /** The least that gradients go in ({@code dev.zhulong.train.Windows}). */
    private static final double WINDOW = 1 << 20;
    /** Bytes of logits in a chunk, and the fewest rows of it where the vocabulary is large. */
    private static final double CHUNK = 16 << 20;
    private static final int CHUNK_ROWS = 256;
    /** Queries whose keys within a window have a gradient of their own before the gradients of neighbours are added up. */
    private static final int CHUNK_OF_QUERIES = 64;
    /** What all layers leave takes more than it is: between it stays memory that was freed and fits nothing else. Measured: 1.3 over 2, 6 and 12 layers of a decoder, 1.1 of an encoder. */
    private static final double HOLES = 1.2;
    /** Blocks that are there together where one is run again: its own, its gradients, and what malloc has freed between and cannot give out again. Measured. */
    private static final double RUN_AGAIN = 3.5;
    /** The same in an encoder–decoder, whose source has keys, values and gradients besides. Measured. */
    private static final double RUN_AGAIN_OF_BOTH = 4.5;
    /** The same in a decoder where what is freed is not kept. Measured. */
    private static final double STREAMED = 1.4;
    /** The same beyond those that are kept. */
    private static final double LAST = 1.5;
    /** Shorter rows are no remedy. */
    private static final int SHORTEST = 32;

    /** Of pretraining, or of training all weights further. */
    public static TrainingMemory pretraining(NetworkSpec spec, long rows, int seq, boolean masked, boolean recompute) {
        return new TrainingMemory(Method.FULL, QuantizedMatrix.Format.NF4, Counts.of(spec), 0, rows, seq, masked, recompute, Sharing.NONE);
    }

    private boolean quantized() {
        return method == Method.QLORA;
    }

    /** The shape of the model. */
    public NetworkSpec spec() {
        return model.spec();
    }

    /** Values that a rank has of the model. */
    private double ofModel(int ranks) {
        return ranks == 1 ? model.all() : Formulas.largestShare(model.sizes(), ranks);
    }

    /** Values that a rank has of what is trained. */
    private double trained(int ranks) {
        return method == Method.FULL ? ofModel(ranks) : Formulas.largestShare(Map.of(adapter, 1L), ranks);
    }

    /** The model as it is held, without an adapter. */
    public long weights() {
        int bytes = sharing.precision().weights();
        double all = ofModel(sharing.parts(3));
        double share = all / model.all();
        return bytes(quantized() ? bytes * (all - share * model.projections()) + share * format.bytes((long) model.projections()) : bytes * all);
    }

    /** An adapter's own weights, in F32. */
    public long adapterWeights() {
        return bytes(method == Method.FULL ? 0 : (double) FLOAT * trained(sharing.parts(3)));
    }

    /** Gradients of what is trained. */
    public long gradients() {
        return bytes((method == Method.FULL ? sharing.precision().gradients() : FLOAT) * trained(sharing.parts(2)));
    }

    /** F32 copies of weights in 16 bits, which the optimizer moves. */
    public long masters() {
        return bytes(method == Method.FULL ? sharing.precision().masters() * trained(sharing.parts(1)) : 0);
    }

    /** Both moments of what is trained. */
    public long moments() {
        return bytes(Precision.MOMENTS * trained(sharing.parts(1)));
    }

    /** Whole blocks beside a rank's own parts: in stage 3 the weights of one and of the next, from stage 2 on the gradients of one. */
    public long gathered() {
        double block = sharing.ranks() == 1 || sharing.stage() < 2 ? 0 : model.largestBlock();
        return bytes((sharing.stage() == 3 ? 2.0 * sharing.precision().weights() * block : 0) + (method == Method.FULL ? sharing.precision().gradients() * block : 0));
    }

    /** Embedding, head and last norm, which in stage 3 stay whole beside a rank's own part of them, as they are used outside of layers too. */
    public long outside() {
        if (sharing.ranks() == 1 || sharing.stage() < 3) {
            return 0;
        }
        double all = model.outside().entrySet().stream().mapToDouble(e -> (double) e.getKey() * e.getValue()).sum();
        return bytes(sharing.precision().weights() * (all - Formulas.largestShare(model.outside(), sharing.ranks())));
    }

    /** What gradients are exchanged through: of whole states buckets as large as they are, of shared ones two windows for the largest tensor. */
    public long exchanged() {
        if (sharing.ranks() == 1) {
            return 0;
        }
        double gradient = method == Method.FULL ? sharing.precision().gradients() : FLOAT;
        double largest = method == Method.FULL ? model.largest() : Math.min(adapter, model.largest());
        return bytes(sharing.stage() == 0 ? gradient * trained(1) : 2 * Math.max(WINDOW, gradient * largest));
    }

    /** Of these what is as large as the model; what is {@link #gathered} counts an embedding as a layer, which is more than windows and {@link #outside} take where it is not the largest tensor by far. */
    private long buckets() {
        return sharing.stage() == 0 ? exchanged() : 0;
    }

    /** The windows that layers are gathered into in stage 3: one for the present layer, one for the next. */
    public long windows() {
        return sharing.ranks() == 1 || sharing.stage() < 3 ? 0 : bytes(2.0 * sharing.precision().weights() * model.layer());
    }

    /** Gradients, masters and moments of what is trained, and an adapter's own weights. */
    long optimizer() {
        return bytes((double) adapterWeights() + gradients() + masters() + moments());
    }

    private double tokens() {
        return (double) rows * seq;
    }

    /** Bytes of a value that is kept. */
    private int wide() {
        return sharing.precision().weights();
    }

    /** Bytes that one layer leaves for backward. */
    private double block(Layer layer) {
        return wide() * tokens() * Formulas.keptValues(spec(), layer, seq);
    }

    private double largest() {
        return Formulas.layers(spec()).stream().mapToDouble(this::block).max().orElseThrow();
    }

    /** What all layers leave for backward: their values, or where they are run again their inputs. */
    public long kept() {
        double hidden = wide() * tokens() * spec().stack().hiddenSize();
        List<Layer> layers = Formulas.layers(spec());
        double values = recompute ? hidden * (layers.size() + 2.0) : HOLES * layers.stream().mapToDouble(this::block).sum();
        return bytes(values);
    }

    /** What is there besides while the largest layer is run backward: its values, its gradients, what is merged or made whole for it, masks, and what was freed and is kept. */
    public long working() {
        double block = largest();
        double whole = quantized() ? 2.0 * FLOAT * Formulas.layers(spec()).stream().mapToLong(layer -> layer.weights(spec().stack().hiddenSize())).max().orElseThrow() : 0;
        int layers = Formulas.layers(spec()).size();
        // an adapter merged into its projection for the step lives until backward, where that takes no more than the activations do
        boolean merging = method == Method.LORA || method == Method.DPO;
        double merged = merging ? Math.min(wide() * model.projections(), block * layers) / (recompute ? layers : 1) : 0;
        double mask = masked ? (double) MASK * tokens() * Math.min(seq, Math.max(Pass.SHORT, window())) : 0;
        Attention first = spec().layer(0).attention();
        double spans = 2.0 * FLOAT * tokens() * first.kvWidth() * Math.min(seq, window()) / CHUNK_OF_QUERIES;
        return bytes((!recompute ? LAST : spec() instanceof EncoderDecoderSpec ? RUN_AGAIN_OF_BOTH : RUN_AGAIN) * block + whole + merged + mask + spans + FREED);
    }

    /** Logits and their gradient, a part of the rows at a time where they are of a vocabulary, and what libtorch keeps for itself. */
    public long head() {
        double outputs = Formulas.outputs(spec());
        double part = Math.clamp(CHUNK / (FLOAT * Math.max(1, outputs)), Math.min(CHUNK_ROWS, tokens()), tokens());
        return bytes(BASE + 2.0 * FLOAT * outputs * (spec() instanceof EncoderSpec ? Formulas.learnt(spec()) * tokens() : part));
    }

    /** Kept for backward, with what one block and the head need while they are computed. */
    long activations() {
        return bytes((double) kept() + working() + head());
    }

    /** The same where a decoder's layers are streamed: blocks are run again, and what is freed goes back to the system at once. */
    long streamed() {
        TrainingMemory again = withRecompute();
        return bytes((double) again.kept() + again.working() - FREED - (RUN_AGAIN - STREAMED) * largest() + again.head());
    }

    /** The same in forward. */
    long streamedForward() {
        TrainingMemory again = withRecompute();
        return bytes((double) again.kept() + again.head());
    }

    /**
     * What training from the disk takes.
     *
     * @param memory the least that train.memory may be
     * @param disk   in the run's directory
     * @param moved  read and written in a step of one batch
     */
    public record FromDisk(long memory, long disk, long moved) {}

    /** The same training from the disk; nothing where that is not done. */
    public Optional<FromDisk> fromDisk() {
        if (method != Method.FULL || !(spec() instanceof DecoderSpec) || sharing.ranks() > 1 || sharing.precision() != Precision.FP32) {
            return Optional.empty();
        }
        StreamedState.Needs needs = StreamedState.needs(spec(), new AdamW.Settings(0.9, 0.95, 1e-8, 0.1));
        return Optional.of(new FromDisk(TrainingBudget.least(needs, this), needs.disk(), needs.moved()));
    }

    /** The widest window of a layer that has one; 0 for none. */
    private int window() {
        return Formulas.layers(spec()).stream().mapToInt(layer -> switch (layer.attention().reach()) {
            case Reach.Whole whole -> 0;
            case Reach.Window(int tokens) -> tokens;
            case Reach.Global(int tokens, int first) -> tokens;
            case Reach.Block(int tokens) -> 0;
        }).max().orElse(0);
    }

    /** So that three of them add up. */
    private static long bytes(double bytes) {
        return (long) Math.min(bytes, Long.MAX_VALUE / 8);
    }

    /** What stays from step to step. */
    private double state() {
        return (double) weights() + optimizer();
    }

    /** The most while the last layer is run forward: the state and what the layers have left by then. */
    public long forward() {
        return bytes(state() + kept() + (sharing.stage() == 3 ? gathered() : 0) + buckets());
    }

    /** The most while layers are run backward, which is the most of all. */
    public long backward() {
        return bytes(state() + gathered() + buckets() + activations());
    }

    /** While the optimizer moves the weights: sums of whole states lie in the buckets that they came in. */
    public long update() {
        return bytes(state() + windows() + outside() + (sharing.stage() == 0 ? 0 : exchanged()));
    }

    /** The most at any time. */
    public long total() {
        return backward();
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

    /** Training an adapter, or all weights. */
    public TrainingMemory withMethod(Method other, long adapterWeights) {
        return new TrainingMemory(other, format, model, adapterWeights, rows, seq, masked, recompute, sharing);
    }

    private TrainingMemory withRecompute() {
        return new TrainingMemory(method, format, model, adapter, rows, seq, masked, true, sharing);
    }

    /** With a batch of other rows. */
    public TrainingMemory withRows(long others) {
        return new TrainingMemory(method, format, model, adapter, others, seq, masked, recompute, sharing);
    }

    private TrainingMemory withSeq(int shorter) {
        return new TrainingMemory(method, format, model, adapter, rows, shorter, masked, recompute, sharing);
    }

    /** With the state shared otherwise. */
    public TrainingMemory with(Sharing other) {
        return new TrainingMemory(method, format, model, adapter, rows, seq, masked, recompute, other);
    }
}
