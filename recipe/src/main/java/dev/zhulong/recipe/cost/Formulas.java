package dev.zhulong.recipe.cost;

import dev.zhulong.distribute.Parts;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Positions;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * The formulas of what training costs, each with its unit and its source. All are of shapes alone; what is measured or assumed is an argument.
 *
 * <p>Sizes are in bytes, work in floating-point operations (a multiplication and an addition are two), time in seconds unless a name says otherwise.
 */
public final class Formulas {
    /** A multiplication and an addition for each weight in forward, and twice that in backward: Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1. */
    private static final int WORK_A_WEIGHT = 6;
    /** Of these, forward's. */
    private static final int FORWARD_A_WEIGHT = 2;
    /** Backward's, of which weights that are not trained have half. */
    private static final double FROZEN = 2.0 / 3;

    private Formulas() {}

    // ---- Parameters

    /** The layers of a network; of an encoder–decoder the encoder's, then the decoder's. */
    public static List<Layer> layers(NetworkSpec spec) {
        return spec instanceof EncoderDecoderSpec both ? Stream.concat(both.encoder().layers().stream(), both.decoder().layers().stream()).toList() : spec.stack().layers();
    }

    /** Parameters that a token is multiplied with: all but tables that are looked up and experts that it is not given to. A tied embedding is the head's matrix. */
    public static double active(NetworkSpec spec) {
        double idle = layers(spec).stream().mapToLong(layer -> layer.mlp().weights(spec.stack().hiddenSize()) - layer.mlp().activeWeights(spec.stack().hiddenSize())).sum();
        return sum(Parameters.of(spec), p -> !isTable(spec, p)) - idle;
    }

    private static boolean isTable(NetworkSpec spec, Parameter p) {
        return switch (p.role()) {
            case EMBED -> !spec.tiedEmbeddings();
            case POSITIONS, SEGMENTS, ENCODER_EMBED, ENCODER_POSITIONS, SOUND_POSITIONS -> true;
            default -> false;
        };
    }

    /** Parameters of the head over the vocabulary, which is not computed again with the blocks; 0 where there is none. */
    private static double head(NetworkSpec spec) {
        return sum(Parameters.of(spec), p -> p.role() == Role.HEAD || p.role() == Role.EMBED && spec.tiedEmbeddings());
    }

    private static double sum(Parameters parameters, Predicate<Parameter> which) {
        return parameters.all().stream().filter(which).mapToDouble(Parameter::count).sum();
    }

    /**
     * The most values that one of {@code ranks} has when each tensor is cut into parts at multiples of 64 values ({@link Parts}): 1/N of them, but for what does not
     * divide.
     *
     * @param sizes how many tensors there are of each number of values
     */
    public static long largestShare(Map<Long, Long> sizes, int ranks) {
        return LongStream.range(0, ranks).map(rank -> sizes.entrySet().stream().mapToLong(e -> e.getValue() * new Parts(e.getKey(), ranks).length((int) rank)).sum())
                .max().orElseThrow();
    }

    // ---- Work

    /**
     * Operations of a token's forward and backward: {@code 6} for each {@linkplain #active active} parameter, and attention's {@code 12 · heads · head dim · seq} a layer
     * (Chowdhery et al. 2022, "PaLM", appendix B), where a window or a block stands for {@code seq} if it is shorter. Of an encoder–decoder, the mean of a source token and a
     * target token of texts of equal length: each meets its own half.
     *
     * @param seq tokens a row
     */
    public static double flopsPerToken(NetworkSpec spec, int seq) {
        return flopsPerToken(spec, seq, learnt(spec), false);
    }

    /**
     * The same where not every token is learnt and an adapter may stand for the weights: frozen weights have no gradient of their own, a third of the work, and only learnt
     * tokens meet the head.
     *
     * @param learnt share of the tokens
     */
    public static double flopsPerToken(NetworkSpec spec, int seq, double learnt, boolean adapter) {
        double head = WORK_A_WEIGHT * head(spec);
        double inside = WORK_A_WEIGHT * active(spec) - head;
        double share = spec instanceof EncoderDecoderSpec ? 0.5 : 1;
        return share * ((adapter ? FROZEN : 1) * (inside + learnt * head) + attention(spec, seq));
    }

    /** Operations of a token that come on top where blocks are run again in backward (Chen et al. 2016): a second forward of all but the head. */
    public static double flopsAgain(NetworkSpec spec, int seq) {
        double share = spec instanceof EncoderDecoderSpec ? 0.5 : 1;
        return share * (FORWARD_A_WEIGHT * (active(spec) - head(spec)) + attention(spec, seq) / 3);
    }

    /** Attention's own work: queries with keys and weights with values, 2 each in forward and 4 in backward; not halved where only earlier positions are seen. */
    private static double attention(NetworkSpec spec, int seq) {
        double work = 0;
        for (Layer layer : layers(spec)) {
            work += attention(layer.attention(), seq) + (layer.cross() == null ? 0 : attention(layer.cross(), seq));
        }
        return work;
    }

    private static double attention(Attention a, int seq) {
        return 6.0 * a.heads() * (a.headDim() + a.valueDim()) * a.reach().most(seq);
    }

    // ---- Activations

    /**
     * Values that one token of a layer leaves for backward: inputs of norms and projections, heads, turned or not, the attention's output and both sides of the activation.
     * Attention whose scores are not written down (Dao et al. 2022) leaves none of them. The counts are of this project's own layers, and measured; Korthikanti et al. 2022,
     * "Reducing Activation Recomputation in Large Transformer Models", count 16 hidden sizes for GPT, without drop-out and scores, where this gives 20.
     */
    public static double keptValues(NetworkSpec spec, Layer layer, int seq) {
        double hidden = spec.stack().hiddenSize();
        Positions positions = spec.stack().positions();
        return 4 * hidden + heads(layer.attention(), positions instanceof Positions.Rotary) + written(positions, layer.attention()) * layer.attention().heads() * layer.attention().reach().most(seq)
                + wide(layer.mlp(), hidden) + (layer.cross() == null ? 0 : 2 * hidden + heads(layer.cross(), false));
    }

    /** Queries, keys, values and what the attention gives; queries and keys once more where they are turned, and keys and values in the order of heads. */
    private static double heads(Attention a, boolean turned) {
        return (turned ? 3.0 : 2.0) * a.width() + (turned ? 4.0 : 2.0) * a.kvWidth();
    }

    /** Scores that are written down for each head and position seen: with distances (DeBERTa) their parts as well. Measured. */
    private static int written(Positions positions, Attention a) {
        return positions instanceof Positions.Distances ? 4 : positions instanceof Positions.RelativeBias || a.softcap() > 0 || a.sinks() ? 2 : 0;
    }

    /** Values that a token has in an MLP: its wide tensors; in a mixture those of its experts, and of each choice the input, the result, and that in the order of the tokens. */
    private static double wide(Mlp mlp, double hidden) {
        double tensors = mlp.gated() ? 4.0 : 3.0;
        return switch (mlp) {
            case Mlp.Dense dense -> tensors * dense.width();
            case Mlp.Experts experts -> experts.chosen() * (tensors * experts.width() + 3.0 * hidden)
                    + (experts.shared() == null ? 0 : tensors * experts.shared().width());
        };
    }

    /** Columns of the logits; 0 where there are none. */
    public static int outputs(NetworkSpec spec) {
        return spec instanceof EncoderSpec encoder ? encoder.outputs() : spec.vocabSize();
    }

    /** Share of the tokens whose logits are computed: of an encoder that learns masked tokens those that are masked, 15 in 100 (Devlin et al. 2019). */
    public static double learnt(NetworkSpec spec) {
        return spec instanceof EncoderSpec encoder && encoder.head() instanceof EncoderSpec.Head.MaskedTokens ? 0.15 : 1;
    }

    // ---- Traffic

    /**
     * Bytes that a rank sends in a step (Rajbhandari et al. 2020, section 7). A ring's all-reduce of the gradients is 2 (N−1)/N of their size, once a step. In stage 1 they go to
     * their owners, and weights come back: 2 (N−1)/N in all. From stage 2 on nobody keeps whole gradients, so that they go to their owners after each micro-batch; in
     * stage 3 the weights are gathered for each forward and again for each backward: with one micro-batch 3 (N−1)/N.
     *
     * @param gradients    bytes of all gradients
     * @param trained      bytes of all weights that are trained
     * @param weights      bytes of all weights
     * @param microBatches a step
     */
    public static double traffic(Sharing sharing, double gradients, double trained, double weights, long microBatches) {
        double others = (sharing.ranks() - 1.0) / sharing.ranks();
        return others * switch (sharing.stage()) {
            case 0 -> 2 * gradients;
            case 1 -> gradients + trained;
            case 2 -> microBatches * gradients + trained;
            default -> microBatches * (gradients + 2 * weights);
        };
    }

    /**
     * Values that are gathered in a step of stage 3 as it is run here: each layer before forward and before backward of each micro-batch, but for the two that are still there where
     * layers are gone through the other way, and once what lies outside of layers.
     */
    public static double gathered(Counts counts, long microBatches) {
        double turn = Math.min(2.0 * counts.layer(), counts.layers());
        return microBatches * 2.0 * counts.layers() - (2 * microBatches - 1) * turn + counts.all() - counts.layers();
    }

    // ---- Time, energy, money

    /** Bytes of memory traffic for each value that a layer keeps, beside products: norms, rotations, softmax and activations, forward and backward. Measured, docs/plan.md. */
    private static final double BYTES_A_VALUE = 95;
    /** AdamW reads weight, gradient and both moments, and writes all but the gradient; before that its norm is read and it is set to 0: nine values. */
    private static final double BYTES_AN_UPDATE = 36;
    /** Of the memory traffic beside products, what a second forward adds. */
    private static final double TRAFFIC_AGAIN = 0.25;

    /**
     * Seconds of a step of a processor whose speeds were measured: products at the speed of matrices, and what stands between them at that of memory. Sharing of work with other
     * processes is not in it.
     *
     * @param tokens       of all micro-batches
     * @param flops        of products, a token
     * @param values       that layers keep, a token
     * @param trained      parameters
     * @param again        whether blocks are run again, whose products are among {@code flops}
     * @param matrixSpeed  measured, FLOP/s
     * @param memorySpeed  measured, bytes a second
     */
    public static double measuredSeconds(double tokens, double flops, double values, double trained, boolean again, double matrixSpeed, double memorySpeed) {
        return tokens * flops / matrixSpeed + (tokens * values * BYTES_A_VALUE * (again ? 1 + TRAFFIC_AGAIN : 1) + trained * BYTES_AN_UPDATE) / memorySpeed;
    }

    /**
     * Seconds of computing.
     *
     * @param flops       of all devices together
     * @param utilization share of the peak that is reached, 0 to 1
     */
    public static double seconds(double flops, double peakFlops, int devices, double utilization) {
        return flops / (peakFlops * devices * utilization);
    }

    /** Hours of all devices together. */
    public static double deviceHours(double seconds, int devices) {
        return seconds / 3600 * devices;
    }

    /**
     * Kilowatt-hours.
     *
     * @param watts of one device
     * @param pue   energy of the whole building over that of the devices
     */
    public static double kilowattHours(double deviceHours, double watts, double pue) {
        return deviceHours * watts * pue / 1000;
    }

    /** Kilograms of CO₂ equivalents; {@code gramsPerKilowattHour} is the grid's, which no formula knows. */
    public static double kilogramsOfCo2(double kilowattHours, double gramsPerKilowattHour) {
        return kilowattHours * gramsPerKilowattHour / 1000;
    }
}
