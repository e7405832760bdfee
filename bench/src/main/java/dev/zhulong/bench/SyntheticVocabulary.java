package dev.zhulong.bench;

import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A SentencePiece vocabulary in GGUF's keys: bytes, letters, the words that benchmarks write with all their beginnings (pieces grow letter by letter), and
 * made-up words that no text has.
 */
final class SyntheticVocabulary {
    private static final int NORMAL = 1;
    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int BYTE = 6;

    private SyntheticVocabulary() {}

    static Map<String, GgufValue> of(int size) {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
        for (int b = 0; b < 256; b++) {
            tokens.add("<0x%02X>".formatted(b));
        }
        int bytes = tokens.size();
        tokens.addAll(pieces());
        for (int i = 0; tokens.size() < size; i++) {
            tokens.add("▁w%d".formatted(100_000 + i));
        }
        int[] types = new int[size];
        float[] scores = new float[size];
        for (int i = 0; i < size; i++) {
            types[i] = i == 0 ? UNKNOWN : i < 3 ? CONTROL : i < bytes ? BYTE : NORMAL;
            scores[i] = -i;
        }
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put("tokenizer.ggml.model", GgufValue.of("llama"));
        metadata.put("tokenizer.ggml.tokens", GgufValue.of(tokens));
        metadata.put("tokenizer.ggml.scores", GgufValue.of(scores));
        metadata.put("tokenizer.ggml.token_type", GgufValue.of(types));
        metadata.put("tokenizer.ggml.bos_token_id", GgufValue.of(1));
        metadata.put("tokenizer.ggml.eos_token_id", GgufValue.of(2));
        metadata.put("tokenizer.ggml.unknown_token_id", GgufValue.of(0));
        return metadata;
    }

    private static Set<String> pieces() {
        Set<String> pieces = new LinkedHashSet<>(List.of("▁"));
        for (char c = 33; c < 127; c++) {
            pieces.add(String.valueOf(c));
        }
        for (String word : ServeBench.WORDS) {
            for (int n = 1; n <= word.length(); n++) {
                pieces.add("▁" + word.substring(0, n));
            }
        }
        return pieces;
    }
}
