package dev.zhulong.text.encode;

import java.util.Arrays;

/** Labels of words as labels of tokens and back: the first token of a word carries its label. */
public final class WordTags {
    /** A token without a label; what losses ignore. */
    public static final int NONE = -100;

    private WordTags() {}

    /** Label of each token of {@code input}: that of its word at the word's first token, {@value #NONE} elsewhere; {@code [tokens]}. */
    public static int[] toTokens(EncodedText input, int[] wordLabels) {
        int[] labels = new int[input.length()];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = isFirst(input, i) ? wordLabels[input.words()[i]] : NONE;
        }
        return labels;
    }

    /**
     * Label of each word, which its first token has; {@code [words]}.
     *
     * @param none stands for words that have no token: cut off, or of nothing that the tokenizer keeps
     */
    public static int[] toWords(EncodedText input, int[] tokenLabels, int words, int none) {
        int[] labels = new int[words];
        Arrays.fill(labels, none);
        for (int i = 0; i < input.length(); i++) {
            if (isFirst(input, i)) {
                labels[input.words()[i]] = tokenLabels[i];
            }
        }
        return labels;
    }

    private static boolean isFirst(EncodedText input, int at) {
        return !input.isSpecial(at) && (at == 0 || input.isSpecial(at - 1) || input.words()[at] != input.words()[at - 1]);
    }
}
