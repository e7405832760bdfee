package dev.zhulong.text;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

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
        return Arrays.stream(tokenizer.encode(text, false, false).getIds()).mapToInt(id -> (int) id).toArray();
    }

    int[] encodeAsModelInput(String text) {
        return Arrays.stream(tokenizer.encode(text, true, false).getIds()).mapToInt(id -> (int) id).toArray();
    }

    /** For each token, which pre-token it lies in. */
    long[] words(String text) {
        Encoding encoding = tokenizer.encode(text, false, false);
        return encoding.getWordIds();
    }

    String decode(int[] ids) {
        return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), true);
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
