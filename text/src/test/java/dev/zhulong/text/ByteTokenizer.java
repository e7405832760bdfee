package dev.zhulong.text;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;

/** For tests: every byte is a token, and behind the bytes lie control tokens. */
public class ByteTokenizer implements Tokenizer {
    public static final int BOS = 256;
    public static final int EOS = 257;

    private final int first;
    private final int vocabSize;
    private final OptionalInt bos;
    private final OptionalInt eos;
    private final boolean addsBos;

    /** 256 is BOS, where there is one, and 257 is EOS. */
    public ByteTokenizer(boolean hasBos, boolean addsBos) {
        this(0, 258, hasBos ? OptionalInt.of(BOS) : OptionalInt.empty(), OptionalInt.of(EOS), addsBos);
    }

    /** @param first id of the byte 0 */
    public ByteTokenizer(int first, int vocabSize, OptionalInt bos, OptionalInt eos, boolean addsBos) {
        this.first = first;
        this.vocabSize = vocabSize;
        this.bos = bos;
        this.eos = eos;
        this.addsBos = addsBos;
    }

    @Override
    public int[] encode(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (bytes[i] & 0xff) + first;
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
        var bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            bytes.writeBytes(bytes(id));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        return isControl(id) || id < first ? new byte[0] : new byte[] {(byte) (id - first)};
    }

    @Override
    public boolean isControl(int id) {
        return id >= first + 256 || bos.equals(OptionalInt.of(id)) || eos.equals(OptionalInt.of(id));
    }

    @Override
    public int vocabSize() {
        return vocabSize;
    }

    @Override
    public OptionalInt id(String token) {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt bos() {
        return bos;
    }

    @Override
    public OptionalInt eos() {
        return eos;
    }

    @Override
    public boolean addsBos() {
        return addsBos;
    }

    @Override
    public StreamingDecoder decoder() {
        CharsetDecoder charset = StandardCharsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPLACE).onUnmappableCharacter(CodingErrorAction.REPLACE);
        ByteBuffer pending = ByteBuffer.allocate(16);
        return new StreamingDecoder() {
            @Override
            public String next(int id) {
                pending.put(bytes(id));
                return drain(false);
            }

            @Override
            public String flush() {
                String text = drain(true);
                charset.reset();
                return text;
            }

            private String drain(boolean end) {
                CharBuffer out = CharBuffer.allocate(16);
                pending.flip();
                charset.decode(pending, out, end);
                pending.compact();
                if (end) {
                    charset.flush(out);
                }
                return out.flip().toString();
            }
        };
    }

    @Override
    public void close() {}
}
