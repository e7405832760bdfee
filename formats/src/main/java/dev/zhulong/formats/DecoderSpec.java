package dev.zhulong.formats;

import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The shape of a decoder-only Transformer.
 *
 * <p>Read from either generation of Hugging Face's {@code config.json} or from GGUF's metadata; both engines are driven by it. Its layers may
 * differ; {@link #heads()} and the like are those of the first.
 *
 * @param family         the published architecture it is of
 * @param stack          its layers
 * @param vocabSize      rows of the embedding and columns of the logits, padding rows included
 * @param tiedEmbeddings whether the head shares the embedding's weight
 * @param bosId          id of the beginning-of-sequence token, or -1
 * @param eosIds         ids that end a sequence; may be empty
 */
public record DecoderSpec(Family family, Stack stack, int vocabSize, boolean tiedEmbeddings, int bosId, List<Integer> eosIds) implements NetworkSpec {

    /**
     * Normalisation layers: RMSNorm, RMSNorm whose weight is stored less one (Gemma), LayerNorm, LayerNorm whose weight is stored less one (Nemotron), LayerNorm
     * without a weight (OLMo).
     */
    public enum Norm { RMS, RMS_LESS_ONE, LAYER, LAYER_LESS_ONE, LAYER_PLAIN }

    /**
     * Activations: SiLU, exact GELU, GELU by tanh ({@code gelu_new}, {@code gelu_pytorch_tanh}), what stands before heads of encoders, ReLU squared (So et al.
     * 2021), and gpt-oss's:
     * {@code g·σ(1.702 g)·(u + 1)} of a gate g held under 7 and a way up u held within ±7.
     */
    public enum Activation {
        SILU, GELU, GELU_TANH, RELU, TANH, CLAMPED_SWIGLU, RELU_SQUARED,
        /** {@code x · sigmoid(1.702 x)} (CLIP). */
        QUICK_GELU;

        /** Of {@link #CLAMPED_SWIGLU} and {@link #QUICK_GELU}, what the gate is multiplied by in the sigmoid. */
        public static final double STEEPNESS = 1.702;
        /** Of {@link #CLAMPED_SWIGLU}, what gate and way up are held under. */
        public static final double LIMIT = 7;
    }

    /**
     * Rotary position embedding.
     *
     * @param theta      base of the angles
     * @param rotaryDims leading dimensions of a head that rotate (even, at most {@code headDim})
     * @param scaling    how angles are stretched past the original context
     * @param neighbours whether dimensions 2i and 2i+1 turn together (GPT-J, GLM, Cohere), rather than i and i + rotaryDims/2
     */
    public record Rope(double theta, int rotaryDims, Scaling scaling, boolean neighbours) {
        /** One that turns halves, as most do. */
        public Rope(double theta, int rotaryDims, Scaling scaling) {
            this(theta, rotaryDims, scaling, false);
        }

        /** One whose neighbours turn together, or not. */
        public Rope withNeighbours(boolean together) {
            return new Rope(theta, rotaryDims, scaling, together);
        }
    }

    /** The published ways to stretch rotary angles. */
    public sealed interface Scaling {
        /** As trained. */
        record None() implements Scaling {}

        /** Positions divided by {@code factor} (Chen et al. 2023). */
        record Linear(double factor) implements Scaling {}

        /** NTK-aware base change once a sequence passes {@code originalContext}. */
        record Dynamic(double factor, int originalContext) implements Scaling {}

        /** Llama 3.1: low frequencies divided, high kept, a ramp between. */
        record Llama3(double factor, double lowFrequency, double highFrequency, int originalContext) implements Scaling {}

        /** YaRN (Peng et al. 2023), with the attention factor already resolved. */
        record Yarn(double factor, int originalContext, double betaFast, double betaSlow, double attentionFactor, boolean truncate)
                implements Scaling {}

        /**
         * LongRoPE (Ding et al. 2024): a divisor for each frequency, one set up to {@code originalContext} and another in longer sequences.
         *
         * @param shortFactors    [rotaryDims / 2]
         * @param longFactors     [rotaryDims / 2]
         * @param attentionFactor already resolved
         */
        record LongRope(List<Double> shortFactors, List<Double> longFactors, int originalContext, double attentionFactor) implements Scaling {
            public LongRope {
                shortFactors = List.copyOf(shortFactors);
                longFactors = List.copyOf(longFactors);
            }
        }
    }

    public DecoderSpec {
        eosIds = List.copyOf(eosIds);
    }

    /**
     * A decoder whose layers differ in their windows alone.
     *
     * @param hiddenSize       width of the residual stream
     * @param layers           number of layers
     * @param heads            query heads
     * @param kvHeads          key and value heads; divides {@code heads}
     * @param headDim          width of one head; not always {@code hiddenSize / heads}
     * @param intermediateSize width inside the MLP
     * @param contextLength    longest sequence the model was made for, in tokens
     * @param norm             normalisation of the residual stream
     * @param normEpsilon      added inside the square root
     * @param activation       of the MLP
     * @param gatedMlp         {@code down(act(gate(x)) * up(x))} rather than {@code down(act(up(x)))}
     * @param rope             rotary positions, or null where positions are learned (GPT-2)
     * @param qkvBias          bias on query, key and value
     * @param outputBias       bias on the attention's output projection
     * @param mlpBias          bias in the MLP
     * @param qkNorm           RMSNorm over each head of query and key before rotation (Qwen3)
     * @param windows          per layer: number of tokens each position attends to, itself included; 0 for all
     */
    public DecoderSpec(Family family, int vocabSize, int hiddenSize, int layers, int heads, int kvHeads, int headDim, int intermediateSize,
            int contextLength, Norm norm, double normEpsilon, Activation activation, boolean gatedMlp, Rope rope, boolean tiedEmbeddings,
            boolean qkvBias, boolean outputBias, boolean mlpBias, boolean qkNorm, List<Integer> windows, int bosId, List<Integer> eosIds) {
        this(family, new Stack(hiddenSize,
                layers(layers, new Attention(heads, kvHeads, headDim, qkvBias, outputBias, qkNorm, 0), windows,
                        new Mlp.Dense(intermediateSize, activation, gatedMlp, mlpBias)),
                norm, normEpsilon, NormPlace.BEFORE, rope == null ? new Positions.Learned(0) : new Positions.Rotary(rope), contextLength),
                vocabSize, tiedEmbeddings, bosId, eosIds);
    }

    private static List<Layer> layers(int count, Attention attention, List<Integer> windows, Mlp mlp) {
        if (windows.size() != count) {
            throw new IllegalArgumentException("windows has " + windows.size() + " entries for " + count + " layers");
        }
        var layers = new ArrayList<Layer>(count);
        for (int window : windows) {
            layers.add(new Layer(attention.withWindow(window), mlp));
        }
        return layers;
    }

    @Override
    public Layer layer(int index) {
        return stack.layers().get(index);
    }

    private Attention attention() {
        return layer(0).attention();
    }

    private Mlp mlp() {
        return layer(0).mlp();
    }

    public int hiddenSize() {
        return stack.hiddenSize();
    }

    public int layers() {
        return stack.layers().size();
    }

    public int heads() {
        return attention().heads();
    }

    public int kvHeads() {
        return attention().kvHeads();
    }

    public int headDim() {
        return attention().headDim();
    }

    public int intermediateSize() {
        return mlp().width();
    }

    public int contextLength() {
        return stack.contextLength();
    }

    public Norm norm() {
        return stack.norm();
    }

    public double normEpsilon() {
        return stack.normEpsilon();
    }

    public Activation activation() {
        return mlp().activation();
    }

    public boolean gatedMlp() {
        return mlp().gated();
    }

    /** Null where positions are learned. */
    public Rope rope() {
        return stack.positions() instanceof Positions.Rotary(Rope rope) ? rope : null;
    }

    public boolean qkvBias() {
        return attention().qkvBias();
    }

    public boolean outputBias() {
        return attention().outputBias();
    }

    public boolean mlpBias() {
        return mlp() instanceof Mlp.Dense dense && dense.bias();
    }

    public boolean qkNorm() {
        return attention().headNorm() != Stack.HeadNorm.NONE;
    }

    /** Per layer: number of tokens each position attends to, itself included; 0 for all. */
    public List<Integer> windows() {
        return stack.layers().stream().map(layer -> layer.attention().window()).toList();
    }

    /**
     * With another reach in all layers, whatever windows the family's configuration says.
     *
     * @param reach null for as the family's configuration says
     */
    public DecoderSpec withReach(Reach reach) {
        return withAttention(attention -> attention.withPattern(reach));
    }

    /** With the same window in all layers; 0 for none. */
    DecoderSpec withWindow(int tokens) {
        return withAttention(attention -> attention.withWindow(tokens));
    }

    private DecoderSpec withAttention(UnaryOperator<Attention> change) {
        List<Layer> others = stack.layers().stream().map(layer -> new Layer(change.apply(layer.attention()), layer.cross(), layer.mlp())).toList();
        return new DecoderSpec(family, stack.withLayers(others), vocabSize, tiedEmbeddings, bosId, eosIds);
    }

    /** Weights of the matrices of a layer, biases aside. */
    public long layerWeights(int index) {
        return layer(index).weights(hiddenSize());
    }

    /** Those of all layers. */
    public long layerWeights() {
        long sum = 0;
        for (int layer = 0; layer < layers(); layer++) {
            sum += layerWeights(layer);
        }
        return sum;
    }

    /** Those of all layers that a token is not multiplied with: experts that it is not given to. */
    public long idleWeights() {
        return stack.layers().stream().mapToLong(layer -> layer.mlp().weights(hiddenSize()) - layer.mlp().activeWeights(hiddenSize())).sum();
    }

    /** With other rotary positions. */
    public DecoderSpec withRope(Rope rope) {
        return new DecoderSpec(family, stack.withPositions(new Positions.Rotary(rope)), vocabSize, tiedEmbeddings, bosId, eosIds);
    }

    /** With a context of {@code tokens}. */
    public DecoderSpec withContextLength(int tokens) {
        return new DecoderSpec(family, stack.withContextLength(tokens), vocabSize, tiedEmbeddings, bosId, eosIds);
    }

    @Override
    public DecoderSpec withOwnHead() {
        return new DecoderSpec(family, stack, vocabSize, false, bosId, eosIds);
    }

    /** With other ids that end a sequence. */
    public DecoderSpec withEosIds(List<Integer> ids) {
        return new DecoderSpec(family, stack, vocabSize, tiedEmbeddings, bosId, ids);
    }
}
