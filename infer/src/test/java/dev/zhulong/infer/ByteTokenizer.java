package dev.zhulong.infer;

import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;

/** Every byte is a token; 256 is BOS, 257 is EOS. */
public class ByteTokenizer implements Tokenizer {
    static final int BOS = 256;
    static final int EOS = 257;
    private final boolean hasBos;
    private final boolean addsBos;

    public ByteTokenizer(boolean hasBos, boolean addsBos) {
        this.hasBos = hasBos;
        this.addsBos = addsBos;
    }

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
        var bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            bytes.writeBytes(bytes(id));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        return id < 256 ? new byte[] {(byte) id} : new byte[0];
    }

    @Override
    public boolean isControl(int id) {
        return id >= 256;
    }

    @Override
    public int vocabSize() {
        return 258;
    }

    @Override
    public OptionalInt id(String token) {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt bos() {
        return hasBos ? OptionalInt.of(BOS) : OptionalInt.empty();
    }

    @Override
    public OptionalInt eos() {
        return OptionalInt.of(EOS);
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
