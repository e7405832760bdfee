package dev.zhulong.formats;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;

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
 * @param scales        constants that the stream is multiplied by
 */
public record Stack(int hiddenSize, List<Layer> layers, Norm norm, double normEpsilon, NormPlace place, Positions positions, int contextLength, Scales scales) {

    /** @throws IllegalArgumentException where mixtures of several layers choose differently: what is reckoned over all of them has one shape */
    public Stack {
        layers = List.copyOf(layers);
        List<String> mixtures = layers.stream().map(Layer::mlp).filter(Mlp.Experts.class::isInstance).map(Mlp.Experts.class::cast)
                .map(mixture -> mixture.chosen() + " of " + mixture.count() + " experts").distinct().toList();
        if (mixtures.size() > 1) {
            throw new IllegalArgumentException("expected the same choice in all layers, found " + String.join(" and ", mixtures));
        }
    }

    /** One whose stream is multiplied by nothing. */
    public Stack(int hiddenSize, List<Layer> layers, Norm norm, double normEpsilon, NormPlace place, Positions positions, int contextLength) {
        this(hiddenSize, layers, norm, normEpsilon, place, positions, contextLength, Scales.NONE);
    }

    /** With other layers. */
    public Stack withLayers(List<Layer> others) {
        return new Stack(hiddenSize, others, norm, normEpsilon, place, positions, contextLength, scales);
    }

    /** With other positions. */
    public Stack withPositions(Positions other) {
        return new Stack(hiddenSize, layers, norm, normEpsilon, place, other, contextLength, scales);
    }

    /** With a context of {@code tokens}. */
    public Stack withContextLength(int tokens) {
        return new Stack(hiddenSize, layers, norm, normEpsilon, place, positions, tokens, scales);
    }

    /** What turns the queries and keys of a layer; null where nothing does. */
    public Rope rope(int layer) {
        Turn turn = layers.get(layer).attention().turn();
        return switch (turn) {
            case Turn.AsStack as -> positions instanceof Positions.Rotary(Rope rope) ? rope : null;
            case Turn.None none -> null;
            case Turn.Own(Rope rope) -> rope;
        };
    }

    /** The longest sequence in which the angles of a position, and with them its keys, are those of short ones; empty where they never change. */
    public OptionalInt anglesChangeAfter() {
        return IntStream.range(0, layers.size()).mapToObj(this::rope).filter(rope -> rope != null).map(RotaryFrequencies::changesAfter)
                .filter(OptionalInt::isPresent).mapToInt(OptionalInt::getAsInt).min();
    }

    /** Whether the norm of this role is there without a weight: the stack's norms have none, and stand before attention and MLP and at the end. */
    public boolean hasPlainNorm(Role role) {
        return norm == Norm.LAYER_PLAIN && (role == Role.NORM1 || role == Role.NORM2 || role == Role.FINAL_NORM);
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
        AFTER,
        /** {@code x + result_norm(f(norm(x)))}: Gemma 2, GLM-4. */
        AROUND,
        /** {@code x + result_norm(f(x))}: OLMo 2. */
        RESULT,
        /**
         * {@code x + attention(norm1(x)) + mlp(norm2(x))}, and one norm after the last layer: GPT-J, Falcon, Phi. Where a layer has no second norm, the
         * MLP is given what the attention is given.
         */
        PARALLEL
    }

    /**
     * Constants that the stream is multiplied by.
     *
     * @param embedding what embeddings are multiplied by: √hidden in Gemma
     * @param residual  what the results of attention and MLP are multiplied by before they are added (Granite)
     * @param logits    what logits are multiplied by (Cohere, Granite)
     * @param softcap   logits become {@code softcap · tanh(logits / softcap)} (Gemma 2); 0 for none
     */
    public record Scales(double embedding, double residual, double logits, double softcap) {
        /** Nothing is changed. */
        public static final Scales NONE = new Scales(1, 1, 1, 0);
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

        /**
         * Attention sees how far two tokens are apart: queries meet a table of distances as well as keys do (DeBERTa, He et al. 2021).
         *
         * @param buckets  distances on each side, those further off in buckets that grow like the logarithm; 0 where each has its own
         * @param furthest distance that is told from others
         * @param shared   whether distances pass the projections of queries and keys, rather than ones of their own
         * @param keys     whether queries meet the distances as keys ("c2p")
         * @param queries  whether keys meet the distances as queries ("p2c")
         * @param normed   whether the table is normalised before use
         * @param learned  whether rows of a table of positions are added to the embedding besides
         */
        record Distances(int buckets, int furthest, boolean shared, boolean keys, boolean queries, boolean normed, boolean learned) implements Positions {
            /** Distances on each side, as the table has them. */
            public int span() {
                return buckets > 0 ? buckets : furthest;
            }

            /** What the scores are divided by the root of, for each dimension of a head. */
            public int terms() {
                return 1 + (keys ? 1 : 0) + (queries ? 1 : 0);
            }
        }

        /**
         * Sines, and behind them cosines, of the position are added to the embedding (Vaswani et al. 2017).
         *
         * @param first  row of position 0. Where it is not 0, padding does not count and stands in the row before it, which is zero
         * @param closed whether the slowest angle turns by 1/10000 a position, as tensor2tensor has it, rather than by a little more
         */
        record Sinusoidal(int first, boolean closed) implements Positions {
            /** The row of a position, {@code width} values. */
            public float[] row(long position, int width) {
                int sines = closed ? width / 2 : (width + 1) / 2;
                int cosines = width / 2;
                var row = new float[width];
                if (position == first - 1) {
                    return row;
                }
                for (int i = 0; i < sines; i++) {
                    row[i] = (float) Math.sin(angle(position, i, width));
                }
                for (int i = 0; i < cosines; i++) {
                    row[sines + i] = (float) Math.cos(angle(position, i, width));
                }
                return row;
            }

            /** tensor2tensor's tables are made in F32, others' in F64. */
            private double angle(long position, int i, int width) {
                if (!closed) {
                    return position / Math.pow(10000, 2.0 * i / width);
                }
                float step = (float) -(Math.log(10000) / (width / 2 - 1));
                return (float) position * (float) Math.exp(i * step);
            }
        }

        /**
         * A learned number for each head and each range of distances is added to the scores; near distances have a range each, far ones share them
         * (Raffel et al. 2020). The first layer's table serves all.
         *
         * @param buckets  ranges; where positions see both ways, half of them each way
         * @param farthest distance from which on all are in one range
         */
        record RelativeBias(int buckets, int farthest) implements Positions {
            /**
             * The range of a distance.
             *
             * @param distance position seen, less the position that sees
             * @param bothWays whether positions see what comes after them too
             */
            public int bucket(int distance, boolean bothWays) {
                int count = bothWays ? buckets / 2 : buckets;
                int base = bothWays && distance > 0 ? count : 0;
                int far = bothWays ? Math.abs(distance) : Math.max(-distance, 0);
                int exact = count / 2;
                if (far < exact) {
                    return base + far;
                }
                // in F32, as the tables of those who published it were made: at the edges of ranges it matters
                float share = (float) Math.log((float) far / exact) / (float) Math.log((double) farthest / exact) * (count - exact);
                return base + Math.min(exact + (int) share, count - 1);
            }
        }
    }

    /**
     * One layer: attention, then an MLP.
     *
     * @param cross attention to what an encoder gave, between the two; null for none
     */
    public record Layer(Attention attention, Attention cross, Mlp mlp) {
        /** One that sees its own stack alone. */
        public Layer(Attention attention, Mlp mlp) {
            this(attention, null, mlp);
        }

        /** Weights of its matrices, biases aside. */
        public long weights(int hiddenSize) {
            return attention.weights(hiddenSize) + (cross == null ? 0 : cross.weights(hiddenSize)) + mlp.weights(hiddenSize);
        }
    }

    /** What turns the queries and keys of a layer. */
    public sealed interface Turn {
        /** The same in all layers: the stack's {@link Positions.Rotary}. */
        record AsStack() implements Turn {}

        /** Nothing: the layer does not know where tokens stand (SmolLM 3, Cohere 2). */
        record None() implements Turn {}

        /** Angles of its own: the layers with windows of Gemma 3. */
        record Own(Rope rope) implements Turn {}
    }

    /** What a norm of queries and keys is taken over, before they are turned unless it says otherwise; its kind is the stack's. */
    public enum HeadNorm {
        /** There is none. */
        NONE,
        /** Each head, with the same weight [head dim]: Qwen3, Gemma 3. */
        HEAD,
        /** The same after they are turned: HunYuan. */
        TURNED_HEAD,
        /** Each head, with a weight for each [heads, head dim]: Cohere, StableLM. */
        EACH_HEAD,
        /** All heads together, with a weight [heads * head dim]: OLMo 2. */
        ROW
    }

    /**
     * Keys and values of all heads are made from one narrow row of a token, which alone is kept (multi-head latent attention, DeepSeek-AI 2024). A head's
     * last {@code rotaryDim} dimensions turn; of the keys these are the same for all heads and are kept beside the row.
     *
     * @param queryRank width of the row that queries are made from; 0 where they are made from the stream
     * @param rank      width of the row that keys and values are made from
     * @param rotaryDim dimensions of a head that turn
     * @param valueDim  width of a head of the values
     */
    public record Latent(int queryRank, int rank, int rotaryDim, int valueDim) {
        /** Of the norms of the narrow rows, whatever that of the stream's is. */
        public static final double EPSILON = 1e-6;
    }

    /**
     * Attention with its projections.
     *
     * @param heads      query heads
     * @param kvHeads    key and value heads; divides {@code heads}
     * @param headDim    width of one head
     * @param qkvBias    bias on query, key and value
     * @param outputBias bias on the output projection
     * @param headNorm   norm of queries and keys before rotation
     * @param window     tokens each position attends to, itself included; 0 for all. Where positions see both ways, half of it on each side
     * @param turn       rotation
     * @param scale      what scores are multiplied by; 0 for 1/√headDim
     * @param softcap    scores become {@code softcap · tanh(scores / softcap)} (Gemma 2); 0 for none
     * @param sinks      whether each head has one more logit that takes its share of the attention and gives nothing (gpt-oss)
     * @param latent     how keys and values are made from a narrow row; null where they are projected from the stream
     * @param pattern    which positions are seen, where the family's window does not say it; null where it does
     * @param clip       what queries, keys and values are held within on either side, before they are turned (OLMo); 0 for no limit
     */
    public record Attention(int heads, int kvHeads, int headDim, boolean qkvBias, boolean outputBias, HeadNorm headNorm, int window, Turn turn, double scale,
            double softcap, boolean sinks, Latent latent, Reach pattern, double clip) {
        public Attention {
            if (kvHeads <= 0 || heads % kvHeads != 0) {
                throw new IllegalArgumentException("kvHeads " + kvHeads + " does not divide heads " + heads);
            }
            if ((long) heads * headDim > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(heads + " heads of " + headDim + " are wider than any row can be");
            }
        }

        /** As most have it. */
        public Attention(int heads, int kvHeads, int headDim, boolean qkvBias, boolean outputBias, boolean headNorm, int window) {
            this(heads, kvHeads, headDim, qkvBias, outputBias, headNorm ? HeadNorm.HEAD : HeadNorm.NONE, window, new Turn.AsStack(), 0, 0, false, null, null, 0);
        }

        /** With a window of {@code tokens}. */
        public Attention withWindow(int tokens) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, tokens, turn, scale, softcap, sinks, latent, pattern, clip);
        }

        /** With fewer or more heads of the same width. */
        public Attention withHeads(int queries, int keys) {
            return new Attention(queries, keys, headDim, qkvBias, outputBias, headNorm, window, turn, scale, softcap, sinks, latent, pattern, clip);
        }

        /** With other norms of queries and keys. */
        public Attention withHeadNorm(HeadNorm other) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, other, window, turn, scale, softcap, sinks, latent, pattern, clip);
        }

        /** With another rotation. */
        public Attention withTurn(Turn other) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, window, other, scale, softcap, sinks, latent, pattern, clip);
        }

        /** With scores multiplied by {@code factor} and held under a cap, each 0 where it is as usual. */
        public Attention withScores(double factor, double cap) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, window, turn, factor, cap, sinks, latent, pattern, clip);
        }

        /** With sinks. */
        public Attention withSinks() {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, window, turn, scale, softcap, true, latent, pattern, clip);
        }

        /** With keys and values made from a narrow row. */
        public Attention withLatent(Latent row) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, window, turn, scale, softcap, sinks, row, pattern, clip);
        }

        /** With positions seen as {@code other} says; null for as the window says. */
        public Attention withPattern(Reach other) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, window, turn, scale, softcap, sinks, latent, other, clip);
        }

        /** With queries, keys and values held within ±{@code limit}; 0 for no limit. */
        public Attention withClip(double limit) {
            return new Attention(heads, kvHeads, headDim, qkvBias, outputBias, headNorm, window, turn, scale, softcap, sinks, latent, pattern, limit);
        }

        /** Which positions are seen. */
        public Reach reach() {
            return pattern != null ? pattern : window == 0 ? Reach.WHOLE : new Reach.Window(window);
        }

        /** What scores are multiplied by. */
        public double scoreScale() {
            return scale == 0 ? 1 / Math.sqrt(headDim) : scale;
        }

        /** Heads of what is kept of a token's keys and values. */
        public int keptHeads() {
            return latent == null ? kvHeads : 1;
        }

        /** Width of each of them: with latent keys, the narrow row and what turns. */
        public int keptDim() {
            return latent == null ? headDim : latent.rank() + latent.rotaryDim();
        }

        /** Width of a head of the values, and of what the attention gives. */
        public int valueDim() {
            return latent == null ? headDim : latent.valueDim();
        }

        /** Weights of its matrices, biases aside. */
        public long weights(int hiddenSize) {
            if (latent == null) {
                return 2L * hiddenSize * (width() + kvWidth());
            }
            long queries = latent.queryRank == 0 ? (long) hiddenSize * width() : (long) latent.queryRank * (hiddenSize + width());
            long keys = (long) hiddenSize * (latent.rank + latent.rotaryDim) + (long) latent.rank * heads * (headDim - latent.rotaryDim + latent.valueDim);
            return queries + keys + (long) heads * latent.valueDim * hiddenSize;
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

        /** How wide a row is inside, of what all rows are given to: of a mixture, its shared expert; 0 where it has none. */
        default int commonWidth() {
            return width();
        }

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
         * A mixture: a router chooses a few experts for each token, whose weighted results are added (Jiang et al. 2024).
         *
         * @param count       experts
         * @param chosen      of them for a token
         * @param expert      each of them
         * @param balance     factor of the loss that keeps their shares equal, in training
         * @param routing     how they are chosen and weighted
         * @param shared      an expert that every token is given to besides, whose weights have no expert's number; null for none
         * @param sharedScale whether the shared expert's result is multiplied by the sigmoid of a product with the token (Qwen2-MoE)
         */
        record Experts(int count, int chosen, Dense expert, double balance, Routing routing, Dense shared, boolean sharedScale) implements Mlp {
            public Experts {
                if (chosen < 1 || chosen > count) {
                    throw new IllegalArgumentException("a token is given to 1 to " + count + " experts, not to " + chosen);
                }
                int groups = routing.groups;
                if (groups < 1 || count % groups != 0 || routing.chosenGroups < 1 || routing.chosenGroups > groups
                        || groups > 1 && (routing.best < 1 || routing.best > count / groups) || chosen > count / groups * routing.chosenGroups) {
                    throw new IllegalArgumentException(count + " experts in " + groups + " groups, of which " + routing.chosenGroups + " with " + routing.best
                            + " rated scores each are chosen, hold no " + chosen + " to choose");
                }
            }

            /** As Mixtral has it. */
            public Experts(int count, int chosen, Dense expert, double balance) {
                this(count, chosen, expert, balance, Routing.SOFTMAX, null, false);
            }

            /** With fewer or more experts to choose from. */
            public Experts withCount(int experts) {
                return new Experts(experts, chosen, expert, balance, routing, shared, sharedScale);
            }

            private long sharedWeights(int hiddenSize) {
                return (shared == null ? 0 : shared.weights(hiddenSize)) + (sharedScale ? hiddenSize : 0);
            }

            @Override
            public int width() {
                return expert.width;
            }

            @Override
            public int commonWidth() {
                return shared == null ? 0 : shared.width;
            }

            @Override
            public long weights(int hiddenSize) {
                return count * (expert.weights(hiddenSize) + hiddenSize) + sharedWeights(hiddenSize);
            }

            @Override
            public long activeWeights(int hiddenSize) {
                return chosen * expert.weights(hiddenSize) + (long) count * hiddenSize + sharedWeights(hiddenSize);
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

        /**
         * How a router's logits choose experts and weight their results.
         *
         * @param score        what is made of the logits
         * @param normalised   whether the weights of the chosen are divided by their sum
         * @param bias         whether the router's product has a bias (gpt-oss)
         * @param correction   whether a vector is added to the scores for the choice alone, which balances without a loss (DeepSeek-V3)
         * @param groups       that the experts stand in, of which a few are chosen first; 1 for no groups
         * @param chosenGroups of them
         * @param best         how many of a group's highest scores are added to rate it: 1 in DeepSeek-V2, 2 in V3
         * @param scale        what the weights are multiplied by at last
         */
        record Routing(Score score, boolean normalised, boolean bias, boolean correction, int groups, int chosenGroups, int best, double scale) {
            /** The softmax over the chosen, which is the softmax over all made to sum to one again. */
            public static final Routing SOFTMAX = new Routing(Score.SOFTMAX, true, false, false, 1, 1, 1, 1);

            /** Without a bias, a correction, groups or a scale. */
            public static Routing softmax(boolean normalised) {
                return new Routing(Score.SOFTMAX, normalised, false, false, 1, 1, 1, 1);
            }

            /** What is made of the logits. */
            public enum Score {
                /** Softmax over all experts. */
                SOFTMAX,
                /** A sigmoid each. */
                SIGMOID
            }
        }
    }
}
