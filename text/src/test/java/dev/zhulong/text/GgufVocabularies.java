package dev.zhulong.text;

import dev.zhulong.formats.gguf.GgufValue;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Small vocabularies as GGUF metadata, the same ones at every call. Any two neighbours of the texts they are made for can merge, and so can many
 * pairs of pairs: where a text is cut, and in what order pieces join, shows in the ids.
 */
final class GgufVocabularies {
    /** Those of byte-level BPE, by the pre-tokenizer they name. */
    static final List<String> BYTE_LEVEL = List.of("gpt-2", "phi-2", "roberta-bpe", "qwen2", "deepseek-r1-qwen", "megrez", "llama-bpe", "llama3",
            "llama-v3", "falcon3", "dbrx", "smaug-bpe", "chatglm-bpe", "smollm", "starcoder", "refact", "codeshell", "minerva-7b", "tekken",
            "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "default");
    static final String SENTENCE_PIECE = "sentencepiece";
    static final String SENTENCE_PIECE_BARE = "sentencepiece without a space before a text";
    static final String WORD_PIECE = "wordpiece";

    private GgufVocabularies() {}

    static List<String> names() {
        List<String> names = new ArrayList<>(BYTE_LEVEL);
        names.addAll(List.of(SENTENCE_PIECE, SENTENCE_PIECE_BARE, WORD_PIECE));
        return names;
    }

    /** @param scratch an empty directory */
    static Map<String, GgufValue> of(String name, List<String> texts, Path scratch) {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        // llama.cpp reads no file without
        metadata.put("general.architecture", GgufValue.of("llama"));
        switch (name) {
            case SENTENCE_PIECE -> sentencePiece(texts, metadata);
            case SENTENCE_PIECE_BARE -> {
                sentencePiece(texts, metadata);
                metadata.put(GgufTokenizer.SPACE_PREFIX, GgufValue.of(false));
                metadata.put(GgufTokenizer.ADD_BOS, GgufValue.of(false));
            }
            case WORD_PIECE -> {
                WordPieces.write(scratch);
                metadata.putAll(GgufVocabulary.of(scratch, 120));
            }
            default -> byteLevel(name, texts, metadata);
        }
        return metadata;
    }

    private static void byteLevel(String pre, List<String> texts, Map<String, GgufValue> metadata) {
        Set<String> tokens = new LinkedHashSet<>();
        for (int b = 0; b < 256; b++) {
            tokens.add(ByteAlphabet.spell(new byte[] {(byte) b}));
        }
        List<String> spelled = texts.stream().map(text -> ByteAlphabet.spell(text.getBytes(StandardCharsets.UTF_8))).toList();
        List<String> merges = new ArrayList<>();
        for (String text : spelled) {
            for (int i = 0; i + 2 <= text.length(); i++) {
                if (tokens.add(text.substring(i, i + 2))) {
                    merges.add(text.charAt(i) + " " + text.charAt(i + 1));
                }
            }
        }
        for (String text : spelled) {
            for (int i = 0; i + 4 <= text.length(); i += 3) {
                if (tokens.add(text.substring(i, i + 4))) {
                    merges.add(text.substring(i, i + 2) + " " + text.substring(i + 2, i + 4));
                }
            }
        }
        // no merge makes it
        tokens.add("zqxj");
        int[] types = new int[tokens.size() + 2];
        Arrays.fill(types, GgufTokenType.NORMAL.ordinal());
        List<String> all = new ArrayList<>(tokens);
        for (String control : List.of("<s>", "<|end|>")) {
            types[all.size()] = GgufTokenType.CONTROL.ordinal();
            all.add(control);
        }
        metadata.put(GgufTokenizer.MODEL, GgufValue.of("gpt2"));
        metadata.put(GgufTokenizer.PRE, GgufValue.of(pre));
        metadata.put(GgufTokenizer.TOKENS, GgufValue.of(all));
        metadata.put(GgufTokenizer.TYPES, GgufValue.of(types));
        metadata.put(GgufTokenizer.MERGES, GgufValue.of(merges));
        metadata.put(GgufTokenizer.BOS, GgufValue.of(all.size() - 2));
        metadata.put(GgufTokenizer.EOS, GgufValue.of(all.size() - 1));
        // half of them leave it to the pre-tokenizer's own habit
        if (BYTE_LEVEL.indexOf(pre) % 4 == 1) {
            metadata.put(GgufTokenizer.ADD_BOS, GgufValue.of(true));
        } else if (BYTE_LEVEL.indexOf(pre) % 4 == 3) {
            metadata.put(GgufTokenizer.ADD_BOS, GgufValue.of(false));
        }
    }

    private static void sentencePiece(List<String> texts, Map<String, GgufValue> metadata) {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>", "<|end|>"));
        for (int b = 0; b < 256; b++) {
            tokens.add("<0x%02X>".formatted(b));
        }
        Set<String> pieces = new LinkedHashSet<>(List.of(SentencePieceBpe.SPACE));
        for (String text : texts) {
            String marked = text.replace(" ", SentencePieceBpe.SPACE);
            for (int length = 1; length <= 4; length++) {
                for (int i = 0; i + length <= marked.length(); i++) {
                    String piece = marked.substring(i, i + length);
                    boolean whole = piece.equals(HuggingFaceTokenizer.withoutLoneSurrogates(piece));
                    // of letters outside ASCII some are left to their bytes
                    if (whole && (length > 1 || marked.charAt(i) < 128 || marked.charAt(i) % 2 == 0) && i % length == 0) {
                        pieces.add(piece);
                    }
                }
            }
        }
        tokens.forEach(pieces::remove);
        tokens.addAll(pieces);
        int[] types = new int[tokens.size()];
        float[] scores = new float[tokens.size()];
        for (int id = 0; id < types.length; id++) {
            GgufTokenType type = id == 0 ? GgufTokenType.UNKNOWN : id < 4 ? GgufTokenType.CONTROL : id < 260 ? GgufTokenType.BYTE : GgufTokenType.NORMAL;
            types[id] = type.ordinal();
            // neither by length nor by place, and some alike
            scores[id] = id < 260 ? 0 : -1 - id * 7919 % 509;
        }
        metadata.put(GgufTokenizer.MODEL, GgufValue.of("llama"));
        metadata.put(GgufTokenizer.TOKENS, GgufValue.of(tokens));
        metadata.put(GgufTokenizer.TYPES, GgufValue.of(types));
        metadata.put(GgufTokenizer.SCORES, GgufValue.of(scores));
        metadata.put(GgufTokenizer.BOS, GgufValue.of(1));
        metadata.put(GgufTokenizer.EOS, GgufValue.of(2));
        metadata.put(GgufTokenizer.UNKNOWN, GgufValue.of(0));
    }
}
