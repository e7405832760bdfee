package dev.zhulong.data.pack;

/**
 * Rows of tokens, each array {@code [batch, seq]} row by row.
 *
 * @param batch     rows
 * @param seq       tokens a row
 * @param tokens    input ids
 * @param targets   the id that follows each input, or {@value #NO_TARGET} where none does within its document
 * @param positions place of each token in its document's part of the row, from 0
 * @param documents number of the document within the row, from 0; a token sees only tokens of its own number
 */
public record Batch(int batch, int seq, int[] tokens, int[] targets, int[] positions, int[] documents) {
    /** Marks an input without a target; the value losses ignore (PyTorch's {@code ignore_index}). */
    public static final int NO_TARGET = -100;

    /** A batch to be filled. */
    public Batch(int batch, int seq) {
        this(batch, seq, new int[batch * seq], new int[batch * seq], new int[batch * seq], new int[batch * seq]);
    }

    /** Some of its rows, in that order. */
    public Batch rows(int[] which) {
        var some = new Batch(which.length, seq);
        for (int i = 0; i < which.length; i++) {
            System.arraycopy(tokens, which[i] * seq, some.tokens, i * seq, seq);
            System.arraycopy(targets, which[i] * seq, some.targets, i * seq, seq);
            System.arraycopy(positions, which[i] * seq, some.positions, i * seq, seq);
            System.arraycopy(documents, which[i] * seq, some.documents, i * seq, seq);
        }
        return some;
    }

    /** Inputs that have a target. */
    public int supervised() {
        int count = 0;
        for (int target : targets) {
            count += target == NO_TARGET ? 0 : 1;
        }
        return count;
    }
}
