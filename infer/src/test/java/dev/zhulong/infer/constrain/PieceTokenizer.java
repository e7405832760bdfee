package dev.zhulong.infer.constrain;

import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;

/** A vocabulary of given pieces, the last id being EOS; it decodes but does not encode. */
record PieceTokenizer(List<byte[]> pieces) implements Tokenizer {
    /** Every byte, and pieces cut out of {@code text} at any byte, within characters too. */
    static PieceTokenizer cutFrom(String text, int count, long seed) {
        var random = new SplittableRandom(seed);
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        var pieces = new ArrayList<byte[]>();
        for (int b = 0; b < 256; b++) {
            pieces.add(new byte[] {(byte) b});
        }
        for (int i = 0; i < count; i++) {
            int from = random.nextInt(utf8.length - 1);
            pieces.add(Arrays.copyOfRange(utf8, from, Math.min(utf8.length, from + random.nextInt(2, 9))));
        }
        return new PieceTokenizer(pieces);
    }

    static PieceTokenizer of(String... pieces) {
        return new PieceTokenizer(Arrays.stream(pieces).map(piece -> piece.getBytes(StandardCharsets.UTF_8)).toList());
    }

    @Override
    public byte[] bytes(int id) {
        return id < pieces.size() ? pieces.get(id).clone() : new byte[0];
    }

    @Override
    public boolean isControl(int id) {
        return id == pieces.size();
    }

    @Override
    public int vocabSize() {
        return pieces.size() + 1;
    }

    @Override
    public OptionalInt eos() {
        return OptionalInt.of(pieces.size());
    }

    @Override
    public String decode(int[] ids) {
        return new String(join(ids), StandardCharsets.UTF_8);
    }

    byte[] join(int[] ids) {
        var out = new ByteArrayOutputStream();
        for (int id : ids) {
            out.writeBytes(bytes(id));
        }
        return out.toByteArray();
    }

    @Override
    public int[] encode(String text) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int[] encodeWithControl(String text) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<int[]> encodeAll(List<String> texts) {
        throw new UnsupportedOperationException();
    }

    @Override
    public OptionalInt id(String token) {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt bos() {
        return OptionalInt.empty();
    }

    @Override
    public boolean addsBos() {
        return false;
    }

    @Override
    public StreamingDecoder decoder() {
        var ids = new ArrayList<Integer>();
        return new StreamingDecoder() {
            private int given;

            @Override
            public String next(int id) {
                ids.add(id);
                String text = decode(ids.stream().mapToInt(i -> i).toArray());
                int whole = text.endsWith("\uFFFD") ? text.length() - 1 : text.length();
                String piece = whole > given ? text.substring(given, whole) : "";
                given = Math.max(given, whole);
                return piece;
            }

            @Override
            public String flush() {
                String text = decode(ids.stream().mapToInt(i -> i).toArray());
                String rest = text.substring(given);
                ids.clear();
                given = 0;
                return rest;
            }
        };
    }

    @Override
    public void close() {}
}
