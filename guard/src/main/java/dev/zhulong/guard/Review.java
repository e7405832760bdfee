package dev.zhulong.guard;

import java.util.List;

/**
 * What became of a text.
 *
 * @param text      as it may be told; up to where it was blocked
 * @param blockedBy the decision that keeps the rest, a block or a rewrite; null for none
 * @param decisions all, in the order in which they were made
 */
public record Review(String text, Decision blockedBy, List<Decision> decisions) {
    public Review {
        decisions = List.copyOf(decisions);
    }

    /** Whether it may not be told as a whole. */
    public boolean blocked() {
        return blockedBy != null;
    }
}
