package dev.zhulong.text;

import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** SentencePiece's BPE with tokens that are recognised in a text before it is cut into pieces. */
final class SentencePieceTokenizer extends VocabularyTokenizer {
    private final SentencePieceBpe bpe;
    private final boolean spacePrefix;
    private final Map<String, Integer> added;
    private final Map<String, Integer> marks;
    private final Pattern textTokens;
    private final Pattern allTokens;

    /**
     * A tokenizer.
     *
     * @param spacePrefix whether a text, and what follows an added token, is given a space at its start
     * @param added       tokens recognised in the raw text
     * @param marks       those of them only {@link #encodeWithControl} recognises
     */
    SentencePieceTokenizer(Vocabulary vocabulary, Special special, SentencePieceBpe bpe, boolean spacePrefix, Map<String, Integer> added,
            Set<String> marks) {
        super(vocabulary, special);
        this.bpe = bpe;
        this.spacePrefix = spacePrefix;
        this.added = added;
        this.marks = new LinkedHashMap<>(added);
        this.marks.keySet().retainAll(marks);
        this.textTokens = anyOf(added.keySet().stream().filter(token -> !marks.contains(token)).toList());
        this.allTokens = anyOf(List.copyOf(added.keySet()));
    }

    /** The longest first, as the tokenizers library matches them; null for none. */
    private static Pattern anyOf(List<String> tokens) {
        return tokens.isEmpty() ? null : Pattern.compile(tokens.stream()
                .sorted(Comparator.comparingInt(String::length).reversed().thenComparing(Comparator.naturalOrder()))
                .map(Pattern::quote).collect(Collectors.joining("|")));
    }

    @Override
    public int[] encode(String text) {
        return encode(withoutLoneSurrogates(text), textTokens);
    }

    @Override
    public int[] encodeWithControl(String text) {
        return encode(withoutLoneSurrogates(text), allTokens);
    }

    @Override
    public Map<String, Integer> marks() {
        return Collections.unmodifiableMap(marks);
    }

    private int[] encode(String text, Pattern tokens) {
        if (tokens == null) {
            return section(text);
        }
        IntStream.Builder ids = IntStream.builder();
        int from = 0;
        Matcher matcher = tokens.matcher(text);
        while (matcher.find()) {
            Arrays.stream(section(text.substring(from, matcher.start()))).forEach(ids);
            ids.add(added.get(matcher.group()));
            from = matcher.end();
        }
        Arrays.stream(section(text.substring(from))).forEach(ids);
        return ids.build().toArray();
    }

    private int[] section(String text) {
        return text.isEmpty() ? new int[0] : bpe.encode(((spacePrefix ? " " : "") + text).replace(" ", SentencePieceBpe.SPACE));
    }

    @Override
    public void close() {
        // Nothing is held outside the heap.
    }
}
