package dev.zhulong.formats;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Positions;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/**
 * The shape of an encoder: layers in which each position attends to all others, and a head on the last one (BERT and its descendants).
 *
 * <p>Which weights there are besides (a norm of the embeddings, a dense layer before the head), {@link Parameters} says by their roles.
 *
 * @param family    the published architecture it is of
 * @param stack     its layers; its context is the longest sequence that the table of positions has rows for
 * @param vocabSize rows of the embedding
 * @param segments  rows of the table of segments (token types); 0 where there is none
 * @param padId     id of padding. In training no gradient comes to its embedding, nor to the row of its position
 * @param head      what turns the last layer's states into logits
 */
public record EncoderSpec(EncoderFamily family, Stack stack, int vocabSize, int segments, int padId, Head head) implements NetworkSpec {

    /** What turns the last layer's states [n, hidden] into logits. */
    public sealed interface Head {
        /** What stands between the last layer and the head; empty where the states go straight into it. */
        default Optional<Dense> dense() {
            return Optional.empty();
        }

        /** Names of the outputs; empty where they are no labels. */
        default List<String> labels() {
            return List.of();
        }

        /** Nothing: the states are what is asked for. */
        record None() implements Head {}

        /**
         * Logits of the vocabulary for each token.
         *
         * @param before what stands before the head
         * @param tied   whether the head shares the embedding's weight; its bias is its own
         * @param bias   whether it has one
         */
        record MaskedTokens(Dense before, boolean tied, boolean bias) implements Head {
            /** With a bias. */
            public MaskedTokens(Dense before, boolean tied) {
                this(before, tied, true);
            }

            @Override
            public Optional<Dense> dense() {
                return Optional.of(before);
            }
        }

        /**
         * Logits of labels for the sequence.
         *
         * @param mean whether they are made from the mean of the states that are seen, rather than from the first one
         */
        record Classes(Optional<Dense> dense, List<String> labels, Problem problem, boolean mean) implements Head {
            public Classes {
                labels = distinct(labels);
            }

            /** From the first token. */
            public Classes(Optional<Dense> dense, List<String> labels, Problem problem) {
                this(dense, labels, problem, false);
            }
        }

        /** Logits of labels for each token. */
        record Tags(Optional<Dense> dense, List<String> labels) implements Head {
            public Tags {
                labels = distinct(labels);
            }

            /** Straight from the states. */
            public Tags(List<String> labels) {
                this(Optional.empty(), labels);
            }
        }

        /** Two logits for each token: an answer begins here, it ends here. */
        record Spans(Optional<Dense> dense) implements Head {
            /** Straight from the states. */
            public Spans() {
                this(Optional.empty());
            }
        }

        private static List<String> distinct(List<String> labels) {
            if (labels.isEmpty() || new HashSet<>(labels).size() < labels.size()) {
                throw new IllegalArgumentException("expected one label or more, each another, found " + labels);
            }
            return List.copyOf(labels);
        }
    }

    /**
     * A dense layer [hidden, hidden].
     *
     * @param activation after it
     * @param norm       whether a norm follows
     * @param bias       whether it has a bias
     */
    public record Dense(Activation activation, boolean norm, boolean bias) {
        /** With a bias. */
        public Dense(Activation activation, boolean norm) {
            this(activation, norm, true);
        }
    }

    /** What logits of classes mean. */
    public enum Problem {
        /** One label is right: softmax and cross-entropy. */
        SINGLE_LABEL,
        /** Any number of them is right: a sigmoid and a binary cross-entropy each. */
        MULTI_LABEL,
        /** They are numbers: squared error. */
        REGRESSION
    }

    public int hiddenSize() {
        return stack.hiddenSize();
    }

    public int layers() {
        return stack.layers().size();
    }

    @Override
    public Layer layer(int index) {
        return stack.layers().get(index);
    }

    /** Longest sequence, in tokens. */
    public int contextLength() {
        return stack.contextLength();
    }

    /** Activation of the MLPs. */
    public Activation activation() {
        Mlp mlp = layer(0).mlp();
        return mlp.activation();
    }

    /** Row of the table of positions where position 0 stands. */
    public int firstPosition() {
        return stack.positions() instanceof Positions.Learned(int first) ? first : 0;
    }

    /** Rows of the table of positions. */
    public int positionRows() {
        return contextLength() + firstPosition();
    }

    /**
     * The row of the table of positions for each token. Where the first row is not 0 (RoBERTa), padding does not count and stands in the row before
     * the first.
     */
    public int[] positions(int[] ids) {
        var rows = new int[ids.length];
        int next = firstPosition();
        for (int i = 0; i < ids.length; i++) {
            rows[i] = firstPosition() > 0 && ids[i] == padId ? firstPosition() - 1 : next++;
        }
        return rows;
    }

    /** Columns of the logits; 0 where there is no head. */
    public int outputs() {
        return switch (head) {
            case Head.None none -> 0;
            case Head.MaskedTokens tokens -> vocabSize;
            case Head.Classes classes -> classes.labels().size();
            case Head.Tags tags -> tags.labels().size();
            case Head.Spans spans -> 2;
        };
    }

    @Override
    public boolean tiedEmbeddings() {
        return head instanceof Head.MaskedTokens tokens && tokens.tied();
    }

    @Override
    public EncoderSpec withOwnHead() {
        return head instanceof Head.MaskedTokens tokens ? with(new Head.MaskedTokens(tokens.before(), false, tokens.bias())) : this;
    }

    /** With no head. */
    public EncoderSpec withoutHead() {
        return with(new Head.None());
    }

    /** With a head over masked tokens, tied to the embedding. */
    public EncoderSpec withMaskedTokens() {
        return with(new Head.MaskedTokens(family.denseOfTokens(activation()), true));
    }

    /** With a head over classes of sequences. */
    public EncoderSpec withClasses(List<String> labels, Problem problem) {
        return with(new Head.Classes(family.denseOfClasses(), labels, problem));
    }

    /** With a head over labels of tokens. */
    public EncoderSpec withTags(List<String> labels) {
        return with(new Head.Tags(family.denseOfTags(), labels));
    }

    /** With a head that finds where an answer begins and ends. */
    public EncoderSpec withSpans() {
        return with(new Head.Spans(family.denseOfTags()));
    }

    /**
     * With another reach in all layers, whatever windows the family's configuration says.
     *
     * @param reach null for as the family's configuration says
     * @throws IllegalArgumentException where the family's attention is more than scores of queries and keys, and has a reach of its own
     */
    public EncoderSpec withReach(Reach reach) {
        if (stack.positions() instanceof Positions.Distances || Parameters.of(this).find(Role.Q_GLOBAL, 0).isPresent()) {
            throw new IllegalArgumentException(family.modelType() + " has an attention of its own, which has no other reach");
        }
        List<Layer> others = stack.layers().stream().map(layer -> new Layer(layer.attention().withPattern(reach), layer.mlp())).toList();
        return withLayers(others);
    }

    /** With other layers. */
    public EncoderSpec withLayers(List<Layer> others) {
        return new EncoderSpec(family, stack.withLayers(others), vocabSize, segments, padId, head);
    }

    private EncoderSpec with(Head other) {
        return new EncoderSpec(family, stack, vocabSize, segments, padId, other);
    }
}
