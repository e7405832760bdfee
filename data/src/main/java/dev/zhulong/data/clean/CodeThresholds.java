package dev.zhulong.data.clean;

/**
 * Limits of the code rules in {@link Quality}: as published for The Stack (Kocetkov et al. 2022) and StarCoder (Li et al. 2023), after
 * Codex (Chen et al. 2021, section 3.1): mean line at most 100 characters, longest at most 1,000, at least a quarter letters and digits,
 * not generated. Encoded data after StarCoder 2 (Lozhkov et al. 2024).
 *
 * @param minCharacters fewest characters that are not white space
 * @param maxCharacters most characters
 * @param maxLineLength longest line, in characters
 * @param maxMeanLineLength greatest mean line length, in characters
 * @param minAlphanumeric least share of letters and digits among all characters
 * @param maxEncoded greatest share of characters in long base64 or hexadecimal runs and in runs of Unicode escapes
 * @param generatedLines number of first lines that are searched for the marks of generated code; 0 keeps generated code
 */
public record CodeThresholds(int minCharacters, int maxCharacters, int maxLineLength, double maxMeanLineLength, double minAlphanumeric,
        double maxEncoded, int generatedLines) {

    public static CodeThresholds defaults() {
        return new CodeThresholds(50, 1_000_000, 1_000, 100, 0.25, 0.5, 10);
    }
}
