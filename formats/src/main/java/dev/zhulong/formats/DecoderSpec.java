package dev.zhulong.formats;

import java.util.List;

/**
 * The shape of a decoder-only Transformer: everything an engine must know to run one, and nothing else.
 *
 * <p>Read from either generation of Hugging Face's {@code config.json}; both engines are driven by it.
 *
 * @param family             which layout the weights have
 * @param vocabSize          rows of the embedding and columns of the logits, padding rows included
 * @param hiddenSize         width of the residual stream
 * @param layers             number of blocks
 * @param heads              query heads
 * @param kvHeads            key and value heads; divides {@code heads}
 * @param headDim            width of one head; not always {@code hiddenSize / heads}
 * @param intermediateSize   width inside the MLP
 * @param contextLength      longest sequence the model was made for, in tokens
 * @param norm               normalisation of the residual stream
 * @param normEpsilon        added inside the square root
 * @param activation         of the MLP
 * @param gatedMlp           {@code down(act(gate(x)) * up(x))} rather than {@code down(act(up(x)))}
 * @param rope               rotary positions, or null where positions are learned (GPT-2)
 * @param tiedEmbeddings     whether the head shares the embedding's weight
 * @param qkvBias            bias on query, key and value
 * @param outputBias         bias on the attention's output projection
 * @param mlpBias            bias in the MLP
 * @param qkNorm             RMSNorm over each head of query and key before rotation (Qwen3)
 * @param windows            per layer: number of tokens each position attends to, itself included; 0 for all
 * @param bosId              id of the beginning-of-sequence token, or -1
 * @param eosIds             ids that end a sequence; may be empty
 */
public record DecoderSpec(
        Family family,
        int vocabSize,
        int hiddenSize,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        int intermediateSize,
        int contextLength,
        Norm norm,
        double normEpsilon,
        Activation activation,
        boolean gatedMlp,
        Rope rope,
        boolean tiedEmbeddings,
        boolean qkvBias,
        boolean outputBias,
        boolean mlpBias,
        boolean qkNorm,
        List<Integer> windows,
        int bosId,
        List<Integer> eosIds) {

    /** Families whose weight names and layouts are known. */
    public enum Family { LLAMA, MISTRAL, QWEN2, QWEN3, GPT2 }

    /** Normalisation layers. */
    public enum Norm { RMS, LAYER }

    /** Activations: SiLU, exact GELU, and GELU by tanh ({@code gelu_new}, {@code gelu_pytorch_tanh}). */
    public enum Activation { SILU, GELU, GELU_TANH }

    /**
     * Rotary position embedding, rotate-half layout.
     *
     * @param theta      base of the angles
     * @param rotaryDims leading dimensions of a head that rotate (even, at most {@code headDim})
     * @param scaling    how angles are stretched past the original context
     */
    public record Rope(double theta, int rotaryDims, Scaling scaling) {}

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
    }

    public DecoderSpec {
        windows = List.copyOf(windows);
        eosIds = List.copyOf(eosIds);
        if (windows.size() != layers) {
            throw new IllegalArgumentException("windows has " + windows.size() + " entries for " + layers + " layers");
        }
        if (kvHeads <= 0 || heads % kvHeads != 0) {
            throw new IllegalArgumentException("kvHeads " + kvHeads + " does not divide heads " + heads);
        }
    }

    /** Weights of the matrices of one block, biases aside. */
    public long blockWeights() {
        long width = (long) heads * headDim;
        long kvWidth = (long) kvHeads * headDim;
        return hiddenSize * (2 * width + 2 * kvWidth + (gatedMlp ? 3L : 2L) * intermediateSize);
    }

    /** With a context of {@code tokens}. */
    public DecoderSpec withContextLength(int tokens) {
        return new DecoderSpec(family, vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize, tokens, norm, normEpsilon,
                activation, gatedMlp, rope, tiedEmbeddings, qkvBias, outputBias, mlpBias, qkNorm, windows, bosId, eosIds);
    }

    /** With a head whose weight is its own. */
    public DecoderSpec withOwnHead() {
        return new DecoderSpec(family, vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize, contextLength, norm, normEpsilon,
                activation, gatedMlp, rope, false, qkvBias, outputBias, mlpBias, qkNorm, windows, bosId, eosIds);
    }

    /** With other ids that end a sequence. */
    public DecoderSpec withEosIds(List<Integer> ids) {
        return new DecoderSpec(family, vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize, contextLength, norm, normEpsilon,
                activation, gatedMlp, rope, tiedEmbeddings, qkvBias, outputBias, mlpBias, qkNorm, windows, bosId, ids);
    }
}
