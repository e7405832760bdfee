package dev.zhulong.evaluate.text;

import java.util.Arrays;

/**
 * Levenshtein distance from hypotheses to one reference within a beam around the diagonal, as Tercom and sacreBLEU search it. Hypotheses
 * that share their beginning with the one before share its rows too: while shifts are tried most do.
 */
final class BeamEditDistance {
    static final byte KEEP = 0;
    static final byte SUBSTITUTE = 1;
    /** A word of the reference that the hypothesis lacks. */
    static final byte INSERT = 2;
    /** A word of the hypothesis that the reference lacks. */
    static final byte DELETE = 3;

    private static final int BEAM = 25;
    private static final int UNREACHED = 1 << 29;

    private final int[] reference;
    private int[][] cost = {};
    private byte[][] op = {};
    private int[] previous = {};
    private boolean any;

    BeamEditDistance(int[] reference) {
        this.reference = reference;
    }

    /** The distance of a hypothesis; all hypotheses of one object are equally long. */
    int of(int[] words) {
        if (!any) {
            start(words.length);
        }
        int same = any ? Math.max(0, Arrays.mismatch(words, previous)) : 0;
        if (any && Arrays.equals(words, previous)) {
            same = words.length;
        }
        any = true;
        previous = words;
        double ratio = words.length == 0 ? 1 : (double) reference.length / words.length;
        int beam = ratio / 2 > BEAM ? (int) Math.ceil(ratio / 2 + BEAM) : BEAM;
        for (int i = same + 1; i <= words.length; i++) {
            fill(i, words, ratio, beam);
        }
        return cost[words.length][reference.length];
    }

    private void start(int length) {
        cost = new int[length + 1][reference.length + 1];
        op = new byte[length + 1][reference.length + 1];
        for (int j = 0; j <= reference.length; j++) {
            cost[0][j] = j;
            op[0][j] = INSERT;
        }
    }

    private void fill(int i, int[] words, double ratio, int beam) {
        int[] row = cost[i];
        int[] above = cost[i - 1];
        byte[] ops = op[i];
        Arrays.fill(row, UNREACHED);
        int diagonal = (int) Math.floor(i * ratio);
        int from = Math.max(0, diagonal - beam);
        int to = i == words.length ? reference.length + 1 : Math.min(reference.length + 1, diagonal + beam);
        for (int j = from; j < to; j++) {
            if (j == 0) {
                row[0] = above[0] + 1;
                ops[0] = DELETE;
                continue;
            }
            // on equal cost the earlier of these three stays, which decides the alignment and with it the shifts
            boolean same = words[i - 1] == reference[j - 1];
            choose(row, ops, j, above[j - 1] + (same ? 0 : 1), same ? KEEP : SUBSTITUTE);
            choose(row, ops, j, above[j] + 1, DELETE);
            choose(row, ops, j, row[j - 1] + 1, INSERT);
        }
    }

    private static void choose(int[] row, byte[] ops, int j, int cost, byte op) {
        if (cost < row[j]) {
            row[j] = cost;
            ops[j] = op;
        }
    }

    /** The edits of the last hypothesis, in order. */
    byte[] trace() {
        int i = previous.length;
        int j = reference.length;
        byte[] edits = new byte[i + j];
        int at = edits.length;
        while (i > 0 || j > 0) {
            byte edit = op[i][j];
            edits[--at] = edit;
            if (edit != INSERT) {
                i--;
            }
            if (edit != DELETE) {
                j--;
            }
        }
        return Arrays.copyOfRange(edits, at, edits.length);
    }
}
