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
         */
        record MaskedTokens(Dense before, boolean tied) implements Head {
            @Override
            public Optional<Dense> dense() {
                return Optional.of(before);
            }
        }

        /** Logits of labels for the sequence, from its first token. */
        record Classes(Optional<Dense> dense, List<String> labels, Problem problem) implements Head {
            public Classes {
                labels = distinct(labels);
            }
        }

        /** Logits of labels for each token. */
        record Tags(List<String> labels) implements Head {
            public Tags {
                labels = distinct(labels);
            }
        }

        /** Two logits for each token: an answer begins here, it ends here. */
        record Spans() implements Head {}

        private static List<String> distinct(List<String> labels) {
            if (labels.isEmpty() || new HashSet<>(labels).size() < labels.size()) {
                throw new IllegalArgumentException("expected one label or more, each another, found " + labels);
            }
            return List.copyOf(labels);
        }
    }

    /**
     * A dense layer [hidden, hidden] with a bias.
     *
     * @param activation after it
     * @param norm       whether a norm follows
     */
    public record Dense(Activation activation, boolean norm) {}

    /** What logits of classes mean. */
    public enum Problem {
        /** One label is right: softmax and cross-entropy. */
        SINGLE_LABEL,
        /** Any number of them is right: a sigmoid and a binary cross-entropy each. */
        MULTI_LABEL,
        /** They are numbers: squared error. */
        REGRESSION
    }

    public EncoderSpec {
        if (!(stack.positions() instanceof Positions.Learned)) {
            throw new IllegalArgumentException("expected an encoder with learned positions, found " + stack.positions());
        }
    }

    public int hiddenSize() {
        return stack.hiddenSize();
    }

    public int layers() {
        return stack.layers().size();
    }

    /** Layer number {@code index}. */
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
        return ((Positions.Learned) stack.positions()).first();
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
        return head instanceof Head.MaskedTokens tokens ? with(new Head.MaskedTokens(tokens.before(), false)) : this;
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
        return with(new Head.Tags(labels));
    }

    /** With a head that finds where an answer begins and ends. */
    public EncoderSpec withSpans() {
        return with(new Head.Spans());
    }

    private EncoderSpec with(Head other) {
        return new EncoderSpec(family, stack, vocabSize, segments, padId, other);
    }
}
