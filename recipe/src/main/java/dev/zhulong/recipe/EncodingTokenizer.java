package dev.zhulong.recipe;

import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;

/**
 * A tokenizer for writing shards: as {@code plain}, but gives documents other ids.
 *
 * @param encoding ids of a document's text
 * @param addsBos  whether BOS comes before them; false where {@code encoding} puts it where it belongs
 */
public record EncodingTokenizer(Tokenizer plain, Function<String, int[]> encoding, boolean addsBos) implements Tokenizer {
    @Override
    public int[] encode(String text) {
        return encoding.apply(text);
    }

    @Override
    public List<int[]> encodeAll(List<String> texts) {
        return texts.parallelStream().map(this::encode).toList();
    }

    @Override
    public int[] encodeWithControl(String text) {
        return plain.encodeWithControl(text);
    }

    @Override
    public String decode(int[] ids) {
        return plain.decode(ids);
    }

    @Override
    public byte[] bytes(int id) {
        return plain.bytes(id);
    }

    @Override
    public boolean isControl(int id) {
        return plain.isControl(id);
    }

    @Override
    public int vocabSize() {
        return plain.vocabSize();
    }

    @Override
    public OptionalInt id(String token) {
        return plain.id(token);
    }

    @Override
    public OptionalInt bos() {
        return plain.bos();
    }

    @Override
    public OptionalInt eos() {
        return plain.eos();
    }

    @Override
    public StreamingDecoder decoder() {
        return plain.decoder();
    }

    @Override
    public void close() {
        plain.close();
    }
}
