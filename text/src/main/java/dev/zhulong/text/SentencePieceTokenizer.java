package dev.zhulong.text;

import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** SentencePiece's pieces, with tokens that are recognised in a text before it is cut into them. */
sealed class SentencePieceTokenizer extends VocabularyTokenizer permits PublishedSentencePiece {
    private final Function<String, int[]> pieces;
    private final Map<String, Integer> added;
    private final Map<String, Integer> marks;
    private final Pattern textTokens;
    private final Pattern allTokens;

    /**
     * A tokenizer.
     *
     * @param pieces      ids of a text, or of what lies between two added tokens; neither is empty
     * @param added       tokens recognised in the raw text
     * @param marks       those of them only {@link #encodeWithControl} recognises
     */
    SentencePieceTokenizer(Vocabulary vocabulary, Special special, Function<String, int[]> pieces, Map<String, Integer> added,
            Set<String> marks) {
        super(vocabulary, special);
        this.pieces = pieces;
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
        return text.isEmpty() ? new int[0] : pieces.apply(text);
    }

    @Override
    public void close() {
        // Nothing is held outside the heap.
    }
}
