package dev.zhulong.text;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Text in, token ids out, and back.
 *
 * <p>Text that comes from a user or a document goes through {@link #encode}, which knows no control tokens: {@code "<|im_end|>"} in a
 * message is eleven characters, never an instruction. Neither encoder adds BOS or EOS by itself; whoever builds a sequence does, once.
 * Implementations are safe for use by several threads.
 */
public interface Tokenizer extends AutoCloseable {
    /** Ids of {@code text}, in which control tokens are plain text. */
    int[] encode(String text);

    /** Ids of {@code text}, in which control tokens are recognised: for templates written by the model's maker. */
    int[] encodeWithControl(String text);

    /** {@link #encode} of each text, on all cores; the result is in the order of the texts. */
    List<int[]> encodeAll(List<String> texts);

    /** Text of {@code ids}; control tokens are left out. Malformed UTF-8 becomes U+FFFD. */
    String decode(int[] ids);

    /**
     * The bytes token {@code id} stands for inside a text; empty for control tokens. Concatenated over ids they are the encoded text's
     * bytes (in SentencePiece vocabularies with the space such a text is given at its start).
     */
    byte[] bytes(int id);

    /** True for BOS, EOS, padding and the like, which are never part of a text. */
    boolean isControl(int id);

    /** Spellings of the control tokens, and their ids. */
    default Map<String, Integer> controlTokens() {
        return Map.of();
    }

    /**
     * Spellings that are plain text in {@link #encode}, and the ids they have where a template writes them: the control tokens, and added tokens
     * that look like a mark ({@code <think>}).
     */
    default Map<String, Integer> marks() {
        return controlTokens();
    }

    /**
     * A mark in a text.
     *
     * @param from its first UTF-16 unit
     * @param to   behind its last
     * @param id   of the token it is
     */
    record Mark(int from, int to, int id) {}

    /** Ids of {@code text}, in which {@code marks}, in their order and apart from each other, are tokens and all else is plain text. */
    default int[] encode(String text, List<Mark> marks) {
        IntStream.Builder ids = IntStream.builder();
        int from = 0;
        for (Mark mark : marks) {
            Arrays.stream(encode(text.substring(from, mark.from()))).forEach(ids);
            ids.add(mark.id());
            from = mark.to();
        }
        Arrays.stream(encode(text.substring(from))).forEach(ids);
        return ids.build().toArray();
    }

    /** Largest id plus one. */
    int vocabSize();

    /** Whether there is a token of this id; ids may have holes. */
    default boolean has(int id) {
        return id >= 0 && id < vocabSize();
    }

    /** Id of a token by its spelling in the vocabulary, control tokens included. */
    OptionalInt id(String token);

    /** Beginning of sequence, as {@code tokenizer_config.json} names it. */
    OptionalInt bos();

    /** End of sequence, as {@code tokenizer_config.json} names it. */
    OptionalInt eos();

    /** Padding, as {@code tokenizer_config.json} names it. */
    default OptionalInt pad() {
        return OptionalInt.empty();
    }

    /** Whether this model's sequences start with BOS ({@code add_bos_token}, or a post-processor that puts it there). */
    boolean addsBos();

    /** A decoder that is fed one id at a time and gives text as soon as its characters are whole. */
    StreamingDecoder decoder();

    /**
     * A decoder whose text goes on after {@code prompt}: joined to the prompt, so that the first piece keeps the space that a text's own
     * start would lose.
     */
    default StreamingDecoder decoderAfter(int[] prompt) {
        StreamingDecoder decoder = decoder();
        for (int id : prompt) {
            decoder.next(id);
        }
        return decoder;
    }

    @Override
    void close();
}
