package dev.zhulong.text.chat;

/**
 * A sequence to train on.
 *
 * @param ids        token ids, BOS included where the model wants one
 * @param supervised whether the model is to learn to say token i; never true for token 0, which nothing comes before
 */
public record SupervisedTokens(int[] ids, boolean[] supervised) {
    public SupervisedTokens {
        if (ids.length != supervised.length) {
            throw new IllegalArgumentException(ids.length + " ids but " + supervised.length + " marks");
        }
    }

    /** Tokens to be learnt. */
    public int count() {
        int n = 0;
        for (boolean s : supervised) {
            n += s ? 1 : 0;
        }
        return n;
    }
}
