package dev.zhulong.text;

import java.util.Arrays;
import java.util.OptionalInt;

/** Vocabularies beside one another. */
public final class Vocabularies {
    private Vocabularies() {}

    /** The first id that stands for something else in {@code b} than in {@code a}, among those that both have; empty where there is none. */
    public static OptionalInt difference(Tokenizer a, Tokenizer b) {
        for (int id = 0; id < Math.min(a.vocabSize(), b.vocabSize()); id++) {
            if (!Arrays.equals(a.bytes(id), b.bytes(id))) {
                return OptionalInt.of(id);
            }
        }
        return OptionalInt.empty();
    }
}
