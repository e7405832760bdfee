package dev.zhulong.data.clean;

/**
 * Limits of the prose rules in {@link Quality}. Two sets of defaults: {@link #words()} for languages written with spaces, as published
 * (Gopher: Rae et al. 2021, table A1 and section A.1.1; C4: Raffel et al. 2020, section 2.2), and {@link #characters()} for scripts
 * without spaces (Chinese, Japanese, Thai, Khmer and others), where a character counts as a word and the limits are rescaled by about 1.6
 * characters a word.
 *
 * @param minWords fewest words (characters) in a document
 * @param maxWords most words (characters)
 * @param minMeanWordLength least mean word length in characters; half of it in other languages than English; 0 switches the rule off
 * @param maxMeanWordLength greatest mean word length in characters; twice as much in other languages than English
 * @param maxHashesPerWord most {@code #} for each word
 * @param maxEllipsesPerWord most ellipses for each word
 * @param maxBulletLines greatest share of lines that begin with a bullet
 * @param maxEllipsisLines greatest share of lines that end with an ellipsis
 * @param minAlphabeticWords least share of words with a letter among those with a letter or a digit
 * @param minStopWords fewest different function words, asked of English and Chinese
 * @param minSentences fewest sentences (runs that end with . ! ? or what other scripts write for them)
 * @param maxCurlyBracesPerWord most curly braces for each word; C4 allows none, technical prose has some
 * @param maxDamage greatest share of U+FFFD among the characters, a sign of a wrong decoding
 */
public record ProseThresholds(int minWords, int maxWords, double minMeanWordLength, double maxMeanWordLength, double maxHashesPerWord,
        double maxEllipsesPerWord, double maxBulletLines, double maxEllipsisLines, double minAlphabeticWords, int minStopWords,
        int minSentences, double maxCurlyBracesPerWord, double maxDamage) {

    public static ProseThresholds words() {
        return new ProseThresholds(50, 100_000, 3, 10, 0.1, 0.1, 0.9, 0.3, 0.8, 2, 3, 0.02, 0.005);
    }

    public static ProseThresholds characters() {
        return new ProseThresholds(80, 160_000, 0, 10, 0.06, 0.06, 0.9, 0.3, 0.7, 2, 3, 0.0125, 0.005);
    }
}
