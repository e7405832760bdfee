package dev.zhulong.distribute;

/** The ranks cannot go on together: one is gone, answers no more, or means something else. The message says which. */
public final class RankFailure extends RuntimeException {
    private final int rank;

    /** @param rank that is to blame */
    RankFailure(int rank, String message) {
        super(message);
        this.rank = rank;
    }

    /** The rank to blame. */
    public int rank() {
        return rank;
    }
}
