package dev.zhulong.serve;

import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/** Every byte is a token; so are an end of text and the marks of a gap. */
final class Bytes implements Tokenizer {
    static final int EOS = 256;
    static final Map<String, Integer> CONTROL = Map.of("<eos>", EOS, "<|fim_prefix|>", 257, "<|fim_suffix|>", 258, "<|fim_middle|>", 259);

    @Override
    public int[] encode(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xff).toArray();
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
    public Map<String, Integer> controlTokens() {
        return CONTROL;
    }

    @Override
    public int vocabSize() {
        return 260;
    }

    @Override
    public OptionalInt id(String token) {
        Integer id = CONTROL.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    @Override
    public OptionalInt bos() {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt eos() {
        return OptionalInt.of(EOS);
    }

    @Override
    public boolean addsBos() {
        return false;
    }

    @Override
    public StreamingDecoder decoder() {
        CharsetDecoder charset = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPLACE).onUnmappableCharacter(CodingErrorAction.REPLACE);
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
