package dev.zhulong.data.clean;

import java.util.List;

/**
 * Limits of {@link Repetition}, as shares of the document. {@link #words()} are Gopher's (Rae et al. 2021, table A1).
 * {@link #characters()} are for text whose characters count as words: n characters say less than n words and repeat more, so the
 * n-gram limits are about twice as high. {@link #code()} has no n-gram rules, and looks at long lines only.
 *
 * @param lines share of non-blank lines that repeat an earlier one
 * @param lineCharacters share of characters in such lines
 * @param paragraphs share of paragraphs that repeat an earlier one
 * @param paragraphCharacters share of characters in such paragraphs
 * @param minLine shorter lines (in characters) are left out of the line rules
 * @param topNgrams greatest share of characters in all occurrences of the most frequent n-gram, for n = 2, 3, 4
 * @param duplicateNgrams greatest share of characters in n-grams that occurred before, for n = 5, 6, ... 10
 */
public record RepetitionThresholds(double lines, double lineCharacters, double paragraphs, double paragraphCharacters, int minLine,
        List<Double> topNgrams, List<Double> duplicateNgrams) {

    public RepetitionThresholds {
        topNgrams = List.copyOf(topNgrams);
        duplicateNgrams = List.copyOf(duplicateNgrams);
    }

    public static RepetitionThresholds words() {
        return new RepetitionThresholds(0.30, 0.20, 0.30, 0.20, 1, List.of(0.20, 0.18, 0.16), List.of(0.15, 0.14, 0.13, 0.12, 0.11, 0.10));
    }

    public static RepetitionThresholds characters() {
        return new RepetitionThresholds(0.30, 0.20, 0.30, 0.20, 1, List.of(0.20, 0.20, 0.20), List.of(0.30, 0.28, 0.26, 0.24, 0.22, 0.20));
    }

    public static RepetitionThresholds code() {
        return new RepetitionThresholds(0.75, 0.75, 1, 1, 20, List.of(), List.of());
    }
}
