package dev.zhulong.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/** What every tokenizer over a {@link Vocabulary} has in common: all but encoding. */
abstract sealed class VocabularyTokenizer implements Tokenizer permits HuggingFaceTokenizer, SentencePieceTokenizer {
    private final Vocabulary vocabulary;
    private final Special special;

    /** The tokens that are put around texts, and whether sequences start with BOS. */
    record Special(OptionalInt bos, OptionalInt eos, OptionalInt pad, boolean addsBos) {
    }

    VocabularyTokenizer(Vocabulary vocabulary, Special special) {
        this.vocabulary = vocabulary;
        this.special = special;
    }

    @Override
    public List<int[]> encodeAll(List<String> texts) {
        return texts.parallelStream().map(this::encode).toList();
    }

    @Override
    public String decode(int[] ids) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Decoding decoding = vocabulary.decoding();
        boolean first = true;
        for (int id : ids) {
            byte[] bytes = vocabulary.bytes(id);
            if (!vocabulary.isControl(id)) {
                out.writeBytes(first ? decoding.atStart(vocabulary.spelling(id), bytes) : bytes);
                first = false;
            }
        }
        byte[] all = out.toByteArray();
        int from = 0;
        while (from < Math.min(all.length, decoding.leadingSpaces()) && all[from] == ' ') {
            from++;
        }
        return new String(all, from, all.length - from, StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        return vocabulary.bytes(id).clone();
    }

    @Override
    public boolean isControl(int id) {
        return vocabulary.isControl(id);
    }

    @Override
    public Map<String, Integer> controlTokens() {
        Map<String, Integer> tokens = new LinkedHashMap<>();
        for (int id = 0; id < vocabulary.size(); id++) {
            if (vocabulary.isControl(id)) {
                tokens.put(vocabulary.spelling(id), id);
            }
        }
        return tokens;
    }

    @Override
    public int vocabSize() {
        return vocabulary.size();
    }

    @Override
    public boolean has(int id) {
        return vocabulary.has(id);
    }

    @Override
    public OptionalInt id(String token) {
        return vocabulary.id(token);
    }

    @Override
    public OptionalInt bos() {
        return special.bos();
    }

    @Override
    public OptionalInt eos() {
        return special.eos();
    }

    @Override
    public OptionalInt pad() {
        return special.pad();
    }

    @Override
    public boolean addsBos() {
        return special.addsBos();
    }

    @Override
    public StreamingDecoder decoder() {
        return new PieceDecoder(vocabulary);
    }

    /** How many ids have a token; less than {@link #vocabSize} where ids have holes. */
    public int tokens() {
        return (int) IntStream.range(0, vocabulary.size()).filter(vocabulary::has).count();
    }

    static String withoutLoneSurrogates(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                    i++;
                } else {
                    return text.codePoints().map(p -> p >= 0xD800 && p <= 0xDFFF ? 0xFFFD : p)
                            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
                }
            }
        }
        return text;
    }
}
