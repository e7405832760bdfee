package dev.zhulong.infer.search;

import dev.zhulong.text.Tokenizer;
import java.util.stream.Stream;

/** Languages of a model of many, by the tokens that its tokenizer has for them. */
public final class Languages {
    private Languages() {}

    /**
     * The id of a language's token.
     *
     * @param name as the tokenizer spells it ({@code eng_Latn}, {@code en_XX}, {@code __en__}), or the code inside the underscores ({@code en})
     * @throws IllegalArgumentException where the tokenizer has none of that name
     */
    public static int id(Tokenizer tokenizer, String name) {
        return Stream.of(name, "__" + name + "__").map(tokenizer.controlTokens()::get).filter(id -> id != null).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("the tokenizer has no token " + name + " for a language: name one as it spells it, such as eng_Latn (NLLB), en_XX"
                        + " (mBART) or __en__ (M2M-100)"));
    }
}
