package dev.zhulong.data;

import dev.zhulong.text.ByteTokenizer;
import java.util.OptionalInt;

/** UTF-8 bytes as ids, 256 as EOS, 257 as BOS; {@code vocabSize} can be larger to ask for wide ids, which are then all shifted up. */
public class ShiftedBytes extends ByteTokenizer {
    public ShiftedBytes() {
        this(false, 258);
    }

    public ShiftedBytes(boolean addsBos, int vocabSize) {
        super(vocabSize - 258, vocabSize, OptionalInt.of(vocabSize - 1), OptionalInt.of(vocabSize - 2), addsBos);
    }
}
