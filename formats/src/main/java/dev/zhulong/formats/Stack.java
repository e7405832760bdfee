package dev.zhulong.formats;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import java.util.List;
import java.util.Optional;

/**
 * Layers that one residual stream passes.
 *
 * @param hiddenSize    width of the stream
 * @param layers        first to last; they may differ
 * @param norm          normalisation of the stream
 * @param normEpsilon   added inside the square root
 * @param place         where layers normalise
 * @param positions     how a token's place is told
 * @param contextLength longest sequence the network was made for, in tokens
 */
public record Stack(int hiddenSize, List<Layer> layers, Norm norm, double normEpsilon, NormPlace place, Positions positions, int contextLength) {

    /** @throws IllegalArgumentException where mixtures of several layers choose differently: what is reckoned over all of them has one shape */
    public Stack {
        layers = List.copyOf(layers);
        List<String> mixtures = layers.stream().map(Layer::mlp).filter(Mlp.Experts.class::isInstance).map(Mlp.Experts.class::cast)
                .map(mixture -> mixture.chosen() + " of " + mixture.count() + " experts").distinct().toList();
        if (mixtures.size() > 1) {
            throw new IllegalArgumentException("expected the same choice in all layers, found " + String.join(" and ", mixtures));
        }
    }

    /** The mixture of the first layer that has one. */
    public Optional<Mlp.Experts> experts() {
        return layers.stream().map(Layer::mlp).filter(Mlp.Experts.class::isInstance).map(Mlp.Experts.class::cast).findFirst();
    }

    /** Whether layers differ in their windows alone, which is all that most formats can say. */
    public boolean isUniform() {
        Layer first = layers.getFirst();
        return layers.stream().allMatch(layer -> layer.mlp().equals(first.mlp()) && layer.attention().withWindow(0).equals(first.attention().withWindow(0)));
    }

    /** Where layers normalise. */
    public enum NormPlace {
        /** {@code x + f(norm(x))}, and one norm after the last layer (pre-norm). */
        BEFORE,
        /** {@code norm(x + f(x))} (post-norm). */
        AFTER
    }

    /** How a token's place is told. */
    public sealed interface Positions {
        /** Queries and keys are rotated. */
        record Rotary(Rope rope) implements Positions {}

        /**
         * Rows of a table are added to the embedding.
         *
         * @param first row of position 0
         */
        record Learned(int first) implements Positions {}
    }

    /** One layer: attention, then an MLP. */
    public record Layer(Attention attention, Mlp mlp) {}

    /**
     * Attention with its projections.
     *
     * @param heads      query heads
     * @param kvHeads    key and value heads; divides {@code heads}
     * @param headDim    width of one head
     * @param qkvBias    bias on query, key and value
     * @param outputBias bias on the output projection
     * @param headNorm   RMSNorm over each head of query and key before rotation
     * @param window     tokens each position attends to, itself included; 0 for all
     */
    public record Attention(int heads, int kvHeads, int headDim, boolean qkvBias, boolean outputBias, boolean headNorm, int window) {
        public Attention {
            if (kvHeads <= 0 || heads % kvHeads != 0) {
                throw new IllegalArgumentException("kvHeads " + kvHeads + " does not divide heads " + heads);
            }
            if ((long) heads * headDim > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(heads + " heads of " + headDim + " are wider than any row can be");
            }
        }

        /** With a window of {@code tokens}. */
        public Attention withWindow(int tokens) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, tokens);
        }

        /** Width of the queries. */
        public int width() {
            return heads * headDim;
        }

        /** Width of the keys, and of the values. */
        public int kvWidth() {
            return kvHeads * headDim;
        }
    }

    /** What follows the attention. */
    public sealed interface Mlp {
        /** Width inside; of a mixture, inside one expert. */
        int width();

        /** Weights of its matrices, biases aside. */
        long weights(int hiddenSize);

        /** Those of them that a token is multiplied with: of a mixture the router's and the chosen experts'. */
        long activeWeights(int hiddenSize);

        /** The activation. */
        Activation activation();

        /** {@code down(act(gate(x)) * up(x))} rather than {@code down(act(up(x)))}. */
        boolean gated();

        /** One for all tokens. */
        record Dense(int width, Activation activation, boolean gated, boolean bias) implements Mlp {
            @Override
            public long weights(int hiddenSize) {
                return (gated ? 3L : 2L) * hiddenSize * width;
            }

            @Override
            public long activeWeights(int hiddenSize) {
                return weights(hiddenSize);
            }
        }

        /**
         * A mixture: a router chooses a few experts for each token, whose results are added, weighted by the softmax of the chosen logits
         * (Jiang et al. 2024).
         *
         * @param count   experts
         * @param chosen  of them for a token
         * @param expert  each of them
         * @param balance factor of the loss that keeps their shares equal, in training
         */
        record Experts(int count, int chosen, Dense expert, double balance) implements Mlp {
            public Experts {
                if (chosen < 1 || chosen > count) {
                    throw new IllegalArgumentException("a token is given to 1 to " + count + " experts, not to " + chosen);
                }
            }

            @Override
            public int width() {
                return expert.width;
            }

            @Override
            public long weights(int hiddenSize) {
                return count * (expert.weights(hiddenSize) + hiddenSize);
            }

            @Override
            public long activeWeights(int hiddenSize) {
                return chosen * expert.weights(hiddenSize) + (long) count * hiddenSize;
            }

            @Override
            public Activation activation() {
                return expert.activation;
            }

            @Override
            public boolean gated() {
                return expert.gated;
            }
        }
    }
}
