package dev.zhulong.text;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The tokens with which a model fills gaps (Bavarian et al. 2022), as each maker spells them.
 *
 * @param prefix before what stands before the gap
 * @param suffix before what stands behind it
 * @param middle before what belongs into it
 * @param end    behind that, where it is another token than the end of the sequence (Code Llama)
 */
public record GapTokens(int prefix, int suffix, int middle, OptionalInt end) {
    /** Qwen2.5-Coder's and CodeGemma's, StarCoder's and Granite's, Code Llama's, DeepSeek-Coder's. */
    private static final List<List<String>> SPELLINGS = List.of(spelled("<|fim_%s|>", "prefix", "suffix", "middle"), spelled("<fim_%s>", "prefix", "suffix", "middle"),
            spelled("\u2581<%s>", "PRE", "SUF", "MID", "EOT"), spelled("<\uff5cfim\u2581%s\uff5c>", "begin", "hole", "end"));

    private static List<String> spelled(String pattern, String... names) {
        return Stream.of(names).map(pattern::formatted).toList();
    }

    /** What a tokenizer has of them. */
    public static Optional<GapTokens> of(Tokenizer tokenizer) {
        for (List<String> spelling : SPELLINGS) {
            List<OptionalInt> ids = spelling.stream().map(tokenizer::id).toList();
            if (ids.stream().limit(3).allMatch(OptionalInt::isPresent)) {
                return Optional.of(new GapTokens(ids.get(0).getAsInt(), ids.get(1).getAsInt(), ids.get(2).getAsInt(), ids.size() > 3 ? ids.get(3) : OptionalInt.empty()));
            }
        }
        return Optional.empty();
    }

    /** Prefix, suffix, middle (PSM): a gap to fill where {@code middle} is empty. */
    public int[] prefixFirst(int[] before, int[] after, int[] middle) {
        return join(new int[] {prefix}, before, new int[] {suffix}, after, new int[] {this.middle}, middle);
    }

    /** Suffix, prefix and middle in one (SPM): prefix and middle lie side by side, as in a text without a gap. */
    public int[] suffixFirst(int[] before, int[] after, int[] middle) {
        return join(new int[] {prefix, suffix}, after, new int[] {this.middle}, before, middle);
    }

    /** Ids of a text that goes on inside another: without the space that SentencePiece's tokenizers put before a text. */
    public static int[] inside(Tokenizer tokenizer, String text) {
        byte[] start = tokenizer.bytes(tokenizer.encode("a")[0]);
        if (start.length == 0 || start[0] != ' ') {
            return tokenizer.encode(text);
        }
        // a character that no piece joins with what follows
        int[] mark = tokenizer.encode("\u263a");
        int[] both = tokenizer.encode("\u263a" + text);
        boolean apart = both.length >= mark.length && Arrays.equals(both, 0, mark.length, mark, 0, mark.length);
        return apart ? Arrays.copyOfRange(both, mark.length, both.length) : tokenizer.encode(text);
    }

    private static int[] join(int[]... parts) {
        return Stream.of(parts).flatMapToInt(IntStream::of).toArray();
    }
}
