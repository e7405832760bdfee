package dev.zhulong.evaluate;

import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;

/** Ids below 256 are bytes; the vocabulary may be larger or smaller. */
record FakeTokenizer(int vocabSize, OptionalInt bos, boolean addsBos) implements Tokenizer {
    @Override
    public int[] encode(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = bytes[i] & 0xff;
        }
        return ids;
    }

    @Override
    public int[] encodeWithControl(String text) {
        return encode(text);
    }

    @Override
    public List<int[]> encodeAll(List<String> texts) {
        return texts.stream().map(this::encode).toList();
    }

    @Override
    public String decode(int[] ids) {
        throw new UnsupportedOperationException();
    }

    @Override
    public byte[] bytes(int id) {
        return isControl(id) ? new byte[0] : new byte[] {(byte) id};
    }

    @Override
    public boolean isControl(int id) {
        return bos.isPresent() && bos.getAsInt() == id;
    }

    @Override
    public OptionalInt id(String token) {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt eos() {
        return OptionalInt.empty();
    }

    @Override
    public StreamingDecoder decoder() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
