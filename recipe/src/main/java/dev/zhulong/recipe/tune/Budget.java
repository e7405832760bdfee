package dev.zhulong.recipe.tune;

/**
 * What a search may cost.
 *
 * @param minutes of training, earlier sittings included; 0 for any
 * @param tokens  trained on; 0 for any
 */
public record Budget(double minutes, long tokens) {
    /** No limit. */
    public static final Budget NONE = new Budget(0, 0);

    public Budget {
        if (!(minutes >= 0) || tokens < 0) {
            throw new IllegalArgumentException("a budget can't be negative, found " + minutes + " minutes and " + tokens + " tokens");
        }
    }

    /**
     * Whether there is room for a trial.
     *
     * @param share of the budget that may be used by now, in (0, 1]
     */
    boolean allows(double usedSeconds, long usedTokens, double expectedSeconds, long trialTokens, double share) {
        return (minutes == 0 || usedSeconds + expectedSeconds <= minutes * 60 * share)
                && (tokens == 0 || usedTokens + trialTokens <= tokens * share);
    }
}
