package dev.zhulong.recipe;

import dev.zhulong.text.GapTokens;
import dev.zhulong.text.Tokenizer;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Ids of documents of which some are arranged around a gap (fill-in-the-middle, Bavarian et al. 2022): cut at two random places between characters, and put
 * together prefix first or suffix first. Each part is tokenized by itself, as it is when a user asks. A document stays whole, and what becomes of it depends
 * on its text and the seed alone.
 */
final class GapDocuments {
    private final Tokenizer tokenizer;
    private final GapTokens tokens;
    private final PretrainRecipe.Gaps gaps;
    private final long seed;

    /** @throws IllegalArgumentException where the tokenizer has no tokens for gaps */
    GapDocuments(Tokenizer tokenizer, PretrainRecipe.Gaps gaps, long seed) {
        this.tokenizer = tokenizer;
        this.gaps = gaps;
        this.seed = seed;
        tokens = GapTokens.of(tokenizer).orElseThrow(() -> new IllegalArgumentException("data.fim.rate is above 0, and the tokenizer has no tokens for gaps: give it some"
                + " (data.tokenizer.specials: [<|endoftext|>, <|fim_prefix|>, <|fim_suffix|>, <|fim_middle|>, <|end|>]), or take a model of code"));
    }

    /** BOS and EOS are not among them. */
    int[] ids(String text) {
        var random = new SplittableRandom(TextHash.of(text, seed));
        int characters = text.codePointCount(0, text.length());
        if (characters < 2 || random.nextDouble() >= gaps.rate()) {
            return tokenizer.encode(text);
        }
        boolean suffixFirst = random.nextDouble() < gaps.spm();
        int one = text.offsetByCodePoints(0, random.nextInt(characters + 1));
        int other = text.offsetByCodePoints(0, random.nextInt(characters + 1));
        int from = Math.min(one, other);
        int to = Math.max(one, other);
        int[] before = tokenizer.encode(text.substring(0, from));
        int[] after = GapTokens.inside(tokenizer, text.substring(to));
        int[] middle = GapTokens.inside(tokenizer, text.substring(from, to));
        int[] ids = suffixFirst ? tokens.suffixFirst(before, after, middle) : tokens.prefixFirst(before, after, middle);
        if (tokens.end().isEmpty()) {
            return ids;
        }
        int[] ended = Arrays.copyOf(ids, ids.length + 1);
        ended[ids.length] = tokens.end().getAsInt();
        return ended;
    }
}
