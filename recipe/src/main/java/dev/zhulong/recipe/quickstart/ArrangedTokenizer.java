package dev.zhulong.recipe.quickstart;

import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.util.List;
import java.util.OptionalInt;

/** A tokenizer for writing shards: as {@code plain}, but knows the marks of {@link FillInTheMiddle} and begins documents with BOS. */
record ArrangedTokenizer(Tokenizer plain) implements Tokenizer {
    @Override
    public int[] encode(String text) {
        return FillInTheMiddle.encode(plain, text);
    }

    @Override
    public List<int[]> encodeAll(List<String> texts) {
        return texts.parallelStream().map(this::encode).toList();
    }

    /** BOS is in what {@link #encode} gives, where it belongs. */
    @Override
    public boolean addsBos() {
        return false;
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
