package dev.zhulong.serve;

import dev.zhulong.text.ByteTokenizer;
import java.util.Map;
import java.util.OptionalInt;

/** Every byte is a token; so are an end of text and the marks of a gap. */
final class Bytes extends ByteTokenizer {
    static final int EOS = 256;
    static final Map<String, Integer> CONTROL = Map.of("<eos>", EOS, "<|fim_prefix|>", 257, "<|fim_suffix|>", 258, "<|fim_middle|>", 259);

    Bytes() {
        super(0, 260, OptionalInt.empty(), OptionalInt.of(EOS), false);
    }

    @Override
    public Map<String, Integer> controlTokens() {
        return CONTROL;
    }

    @Override
    public OptionalInt id(String token) {
        Integer id = CONTROL.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }
}
