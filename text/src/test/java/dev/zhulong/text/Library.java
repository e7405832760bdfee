package dev.zhulong.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.function.LongFunction;

/** The tokenizers library used directly, as the oracle: the file as it lies, all added tokens known. */
record Library(HuggingFaceTokenizer tokenizer) implements AutoCloseable {
    static Library load(Path directory) {
        System.setProperty("offline", "true");
        try {
            return new Library(HuggingFaceTokenizer.newInstance(directory.resolve("tokenizer.json"),
                    Map.of("truncation", "false", "padding", "false")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    int[] encode(String text) {
        return Arrays.stream(ask(text, false, TokenizersLibrary.LIB::getTokenIds)).mapToInt(id -> (int) id).toArray();
    }

    int[] encodeAsModelInput(String text) {
        return Arrays.stream(ask(text, true, TokenizersLibrary.LIB::getTokenIds)).mapToInt(id -> (int) id).toArray();
    }

    /** For each token, which pre-token it lies in. */
    long[] words(String text) {
        return ask(text, false, TokenizersLibrary.LIB::getWordIds);
    }

    /** Past DJL's own {@code Encoding}, whose character spans take time quadratic in the text. */
    private long[] ask(String text, boolean special, LongFunction<long[]> question) {
        long encoding = TokenizersLibrary.LIB.encode(tokenizer.getHandle(), text, special);
        try {
            return question.apply(encoding);
        } finally {
            TokenizersLibrary.LIB.deleteEncoding(encoding);
        }
    }

    String decode(int[] ids) {
        return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), true);
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
