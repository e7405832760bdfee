package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.Arrays;

/**
 * The tokens of a batch, row after row, as attention sees them: which documents they belong to, which are never seen, which are global. No array is longer
 * than the tokens.
 */
public final class Rows {
    private final int batch;
    private final int seq;
    /** By token, where its document begins, counted over all rows. */
    private final int[] begin;
    /** By token, where its document has ended. */
    private final int[] end;
    private final boolean[] hidden;
    private final boolean[] blind;
    private final boolean[] global;

    private Rows(int batch, int seq, int[] begin, int[] end, boolean[] hidden, boolean[] blind, boolean[] global) {
        this.batch = batch;
        this.seq = seq;
        this.begin = begin;
        this.end = end;
        this.hidden = hidden;
        this.blind = blind;
        this.global = global;
    }

    /** Each row one document. */
    public static Rows whole(int batch, int seq) {
        long[] documents = new long[batch * seq];
        return packed(batch, seq, documents);
    }

    /**
     * Rows of several documents that do not see each other.
     *
     * @param documents [batch · seq]; the same number within a document, another in the next one of the row
     */
    public static Rows packed(int batch, int seq, long[] documents) {
        int tokens = batch * seq;
        int[] begin = new int[tokens];
        int[] end = new int[tokens];
        for (int from = 0; from < tokens;) {
            int to = from + 1;
            while (to % seq != 0 && documents[to] == documents[from]) {
                to++;
            }
            Arrays.fill(begin, from, to, from);
            Arrays.fill(end, from, to, to);
            from = to;
        }
        return new Rows(batch, seq, begin, end, new boolean[tokens], new boolean[tokens], new boolean[tokens]);
    }

    /**
     * The same, of which some are padding that nobody sees.
     *
     * @param visible [batch · seq]
     * @param blind   whether padding sees nothing either, and its result is 0, rather than what others see
     */
    public Rows visible(boolean[] visible, boolean blind) {
        boolean[] unseen = new boolean[visible.length];
        for (int i = 0; i < unseen.length; i++) {
            unseen[i] = !visible[i];
        }
        return new Rows(batch, seq, begin, end, unseen, blind ? unseen : this.blind, global);
    }

    /** The same with global tokens [batch · seq], which all of their document attend to and which attend to all of it. */
    public Rows global(boolean[] tokens) {
        return new Rows(batch, seq, begin, end, hidden, blind, tokens.clone());
    }

    /** The same with the first {@code first} tokens of each document global. */
    Rows firstGlobal(int first) {
        boolean[] all = global.clone();
        for (int i = 0; i < all.length; i++) {
            all[i] |= i - begin[i] < first;
        }
        return global(all);
    }

    int batch() {
        return batch;
    }

    int seq() {
        return seq;
    }

    /** Number of tokens, of all rows. */
    int tokens() {
        return begin.length;
    }

    int begin(int token) {
        return begin[token];
    }

    int end(int token) {
        return end[token];
    }

    /** Whether nobody sees it. */
    boolean isHidden(int token) {
        return hidden[token];
    }

    /** Whether it sees nothing. */
    boolean isBlind(int token) {
        return blind[token];
    }

    /** Padding, which is hidden, is not global. */
    boolean isGlobal(int token) {
        return global[token] && !hidden[token];
    }

    boolean hasGlobal() {
        for (int i = 0; i < global.length; i++) {
            if (isGlobal(i)) {
                return true;
            }
        }
        return false;
    }

    /** Tokens of the longest document. */
    int longest() {
        int most = 0;
        for (int i = 0; i < begin.length; i = end[i]) {
            most = Math.max(most, end[i] - begin[i]);
        }
        return most;
    }

    /** 1, and 0 where a token sees nothing: F32 [tokens, 1, 1]; null where each sees something. */
    static Tensor allBut(boolean[] blind) {
        float[] sees = new float[blind.length];
        boolean all = true;
        for (int i = 0; i < sees.length; i++) {
            sees[i] = blind[i] ? 0 : 1;
            all &= !blind[i];
        }
        return all ? null : Tensor.of(sees, sees.length, 1, 1);
    }
}
