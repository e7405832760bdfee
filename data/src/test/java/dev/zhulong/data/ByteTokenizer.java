package dev.zhulong.data;

import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;

/** UTF-8 bytes as ids, 256 as EOS, 257 as BOS; {@code vocabSize} can be larger to ask for wide ids, which are then all shifted up. */
public record ByteTokenizer(boolean addsBos, int vocabSize) implements Tokenizer {
    public ByteTokenizer() {
        this(false, 258);
    }

    private int shift() {
        return vocabSize - 258;
    }

    @Override
    public int[] encode(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        var ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (bytes[i] & 0xff) + shift();
        }
        return ids;
    }

    @Override
    public int[] encodeWithControl(String text) {
        return encode(text);
    }

    @Override
    public List<int[]> encodeAll(List<String> texts) {
        return texts.parallelStream().map(this::encode).toList();
    }

    @Override
    public String decode(int[] ids) {
        var out = new ByteArrayOutputStream();
        for (int id : ids) {
            out.writeBytes(bytes(id));
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        int value = id - shift();
        return value >= 0 && value < 256 ? new byte[] {(byte) value} : new byte[0];
    }

    @Override
    public boolean isControl(int id) {
        return id >= 256 + shift();
    }

    @Override
    public OptionalInt id(String token) {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt bos() {
        return OptionalInt.of(257 + shift());
    }

    @Override
    public OptionalInt eos() {
        return OptionalInt.of(256 + shift());
    }

    @Override
    public StreamingDecoder decoder() {
        throw new UnsupportedOperationException("no test streams");
    }

    @Override
    public void close() { }
}
