package dev.zhulong.data.pack;

import java.util.Optional;

/**
 * A text, another that belongs to it, and perhaps one that does not although it looks so.
 *
 * @param anchor       without labels
 * @param positive     without labels
 * @param negative     without labels
 * @param anchorPrompt tokens at the anchor's beginning that are a prompt's
 * @param otherPrompt  tokens at the others' beginning that are a prompt's
 */
public record ContrastRow(EncoderRow anchor, EncoderRow positive, Optional<EncoderRow> negative, int anchorPrompt, int otherPrompt) {
    /** Tokens of the longest. */
    public int length() {
        return Math.max(anchor.length(), Math.max(positive.length(), negative.map(EncoderRow::length).orElse(0)));
    }
}
