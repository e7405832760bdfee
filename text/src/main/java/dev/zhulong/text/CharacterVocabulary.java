package dev.zhulong.text;

import java.util.List;
import java.util.TreeSet;

/**
 * A vocabulary of single characters, as in nanoGPT's character-level Shakespeare: ids in code-point order from 0, then the special tokens.
 * It is closed: characters that were not in the training text cannot be encoded.
 *
 * @param codePoints Unicode code points, ascending
 * @param specials   control tokens, after the characters
 */
public record CharacterVocabulary(List<Integer> codePoints, List<String> specials) implements TrainedVocabulary {
    public CharacterVocabulary {
        codePoints = List.copyOf(new TreeSet<>(codePoints));
        specials = BpeTrainer.checked(specials);
        if (codePoints.isEmpty()) {
            throw new IllegalArgumentException("a character vocabulary needs at least one character; the text was empty");
        }
        for (String special : specials) {
            if (special.codePointCount(0, special.length()) == 1) {
                throw new IllegalArgumentException("the special token \"" + special + "\" is one character, which would be text");
            }
        }
    }

    /** Every distinct character of {@code texts}; a lone surrogate counts as U+FFFD. */
    public static CharacterVocabulary of(Iterable<String> texts, List<String> specials) {
        TreeSet<Integer> seen = new TreeSet<>();
        texts.forEach(text -> HuggingFaceTokenizer.withoutLoneSurrogates(text).codePoints().forEach(seen::add));
        return new CharacterVocabulary(List.copyOf(seen), specials);
    }

    @Override
    public int size() {
        return codePoints.size() + specials.size();
    }
}
