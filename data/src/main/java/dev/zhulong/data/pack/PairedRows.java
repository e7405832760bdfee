package dev.zhulong.data.pack;

import dev.zhulong.text.chat.SupervisedTokens;
import java.util.List;

/**
 * Preference pairs as rows: row {@code 2 n} holds the better answer of a pair and row {@code 2 n + 1} the worse, each alone with its prompt and
 * filled up on the right. Batches of an even number of rows hold whole pairs. The pairs come in another order every epoch, each once.
 */
public final class PairedRows implements Rows {
    private final SupervisedRows chosen;
    private final SupervisedRows rejected;
    private final boolean shuffled;
    private final long seed;

    private PairedRows(List<SupervisedTokens> chosen, List<SupervisedTokens> rejected, int seq, boolean shuffled, long seed) {
        if (chosen.size() != rejected.size()) {
            throw new IllegalArgumentException(chosen.size() + " chosen sequences but " + rejected.size() + " rejected");
        }
        this.chosen = SupervisedRows.inOrder(chosen, seq);
        this.rejected = SupervisedRows.inOrder(rejected, seq);
        this.shuffled = shuffled;
        this.seed = seed;
    }

    /** Sequence n of {@code chosen} and sequence n of {@code rejected} are a pair; their answers are supervised. */
    public static PairedRows shuffled(List<SupervisedTokens> chosen, List<SupervisedTokens> rejected, int seq, long seed) {
        return new PairedRows(chosen, rejected, seq, true, seed);
    }

    /** For evaluation: pair n in rows 2 n and 2 n + 1 of every epoch. */
    public static PairedRows inOrder(List<SupervisedTokens> chosen, List<SupervisedTokens> rejected, int seq) {
        return new PairedRows(chosen, rejected, seq, false, 0);
    }

    @Override
    public int seq() {
        return chosen.seq();
    }

    @Override
    public long rowsPerEpoch() {
        return 2 * chosen.rowsPerEpoch();
    }

    /** Number of the pair that a row belongs to. */
    public int pairOf(long row) {
        long pairs = chosen.rowsPerEpoch();
        long epoch = row / (2 * pairs);
        long at = row / 2 % pairs;
        return (int) (shuffled ? new Permutation(pairs, Mix.mix(seed, epoch)).at(at) : at);
    }

    @Override
    public void fill(long row, Batch batch, int at) {
        (row % 2 == 0 ? chosen : rejected).fill(pairOf(row), batch, at);
    }
}
