package dev.zhulong.infer;

import dev.zhulong.formats.EncoderSpec;
import java.util.List;

/**
 * A network that reads all of a sequence at once, each position seeing every other. {@code EncoderContract} among the tests states what an engine owes.
 *
 * <pre>{@code
 * try (Encoder encoder = CpuEncoder.load(directory, Optional.empty(), 8)) {
 *     Encoder.Output output = encoder.encode(List.of(Encoder.Input.of(ids))).getFirst();
 *     output.states();        // [n, hidden]
 * }
 * }</pre>
 */
public interface Encoder extends AutoCloseable {
    /** The network's shape; its head says what the logits are of. */
    EncoderSpec spec();

    /**
     * Encodes sequences of any lengths together. What is returned of one does not depend on the others, to the bit.
     *
     * @return for each input, in order
     * @throws IllegalArgumentException if an input is longer than the context, an id is outside the vocabulary, or a segment outside the table
     */
    List<Output> encode(List<Input> inputs);

    /** Frees the weights. Closing it again does nothing. */
    @Override
    void close();

    /**
     * A sequence, special tokens included.
     *
     * @param ids      at least one
     * @param segments of each token; empty where all are in the first, or the network has none
     * @param seen     whether each token is seen by others: padding is not. Empty where all are, which is how to encode without padding
     * @param globals  which tokens see all others and are seen by all, in a network that has such tokens; empty for those that its head needs
     * @param logits   whether logits are wanted, where the network has a head
     */
    record Input(int[] ids, int[] segments, boolean[] seen, boolean[] globals, boolean logits) {
        /** With the global tokens that the network's head needs. */
        public Input(int[] ids, int[] segments, boolean[] seen, boolean logits) {
            this(ids, segments, seen, new boolean[0], logits);
        }

        public Input {
            if (ids.length == 0) {
                throw new IllegalArgumentException("an input needs at least one token id");
            }
            if (segments.length != 0 && segments.length != ids.length || seen.length != 0 && seen.length != ids.length) {
                throw new IllegalArgumentException("an input of " + ids.length + " tokens has " + segments.length + " segments and a mask of " + seen.length
                        + ": expected as many, or none");
            }
            if (globals.length != 0 && globals.length != ids.length) {
                throw new IllegalArgumentException("an input of " + ids.length + " tokens is told of " + globals.length + " whether they are global: expected as many, or none");
            }
            boolean any = seen.length == 0;
            for (boolean one : seen) {
                any |= one;
            }
            if (!any) {
                throw new IllegalArgumentException("an input in which no token is seen has nothing to attend to");
            }
        }

        /** Tokens of one segment, all of them seen; logits where the network has a head. */
        public static Input of(int[] ids) {
            return new Input(ids, new int[0], new boolean[0], true);
        }

        /** The same with the segment of each token. */
        public static Input of(int[] ids, int[] segments) {
            return new Input(ids, segments, new boolean[0], true);
        }

        /** @throws IllegalArgumentException as {@link Encoder#encode} */
        public void requireFits(EncoderSpec spec) {
            if (ids.length > spec.contextLength()) {
                throw new IllegalArgumentException("a sequence of " + ids.length + " tokens is longer than the model's context of " + spec.contextLength()
                        + "; cut it, or read it in windows");
            }
            for (int i = 0; i < ids.length; i++) {
                if (ids[i] < 0 || ids[i] >= spec.vocabSize()) {
                    throw new IllegalArgumentException("token id " + ids[i] + " is outside the vocabulary of " + spec.vocabSize());
                }
                int segment = segments.length == 0 ? 0 : segments[i];
                if (segment < 0 || segment >= Math.max(1, spec.segments())) {
                    throw new IllegalArgumentException("segment " + segment + " of token " + i + ": the model has " + Math.max(1, spec.segments()));
                }
            }
        }

        /** Without logits. */
        public Input statesAlone() {
            return new Input(ids, segments, seen, globals, false);
        }
    }

    /**
     * What an encoder makes of a sequence.
     *
     * @param states of the last layer {@code [n, hidden]}
     * @param logits for each token {@code [n, outputs]}, for classes {@code [outputs]}; empty where none are wanted or the network has no head
     */
    record Output(float[] states, float[] logits) {}
}
