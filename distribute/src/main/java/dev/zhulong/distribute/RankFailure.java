package dev.zhulong.distribute;

/** The ranks cannot go on together: one is gone, answers no more, or means something else. The message says which. */
public final class RankFailure extends RuntimeException {
    private final int rank;
    private final boolean defect;

    /** @param rank that is to blame */
    RankFailure(int rank, String message) {
        this(rank, message, false);
    }

    /** @param defect whether starting the ranks again would end the same way: they mean different calls */
    RankFailure(int rank, String message, boolean defect) {
        super(message);
        this.rank = rank;
        this.defect = defect;
    }

    /** Whether all ranks are there, and do not do the same: starting them again does not help. */
    public boolean isDefect() {
        return defect;
    }

    /** The rank to blame. */
    public int rank() {
        return rank;
    }
}
