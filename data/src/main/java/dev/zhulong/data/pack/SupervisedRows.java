package dev.zhulong.data.pack;

import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;

/**
 * Sequences to fine-tune on as rows: several to a row, or one a row, each with positions and a document number of its own, none ever cut.
 * A sequence of n tokens takes n - 1 inputs; the last token is a target only.
 *
 * <p>The law, for every epoch: each sequence is in exactly one row, whole; each supervised token is a target exactly once, of the token before
 * it; nothing else is a target. What is left of a row is filled with id 0 as a document of its own without targets, on the right.
 *
 * <p>Packing is best-fit decreasing (Ding et al. 2024, "Fewer Truncations Improve Language Modeling"). An epoch has always the same number of
 * rows; which sequences share a row changes from epoch to epoch among those of equal length, and so does the order of rows and within rows.
 */
public final class SupervisedRows implements Rows {
    private final List<SupervisedTokens> documents;
    private final int seq;
    private final boolean shuffled;
    private final long seed;
    /** Documents by falling length, those of equal length side by side. */
    private final int[] byLength;
    /** For every row the places in {@link #byLength} that it takes. */
    private final int[][] rows;
    private long cached = -1;
    private int[] order;

    private SupervisedRows(List<SupervisedTokens> documents, int seq, boolean packed, boolean shuffled, long seed) {
        if (documents.isEmpty()) {
            throw new IllegalArgumentException("no sequences to train on");
        }
        this.documents = List.copyOf(documents);
        this.seq = seq;
        this.shuffled = shuffled;
        this.seed = seed;
        for (int i = 0; i < documents.size(); i++) {
            SupervisedTokens document = documents.get(i);
            if (document.ids().length - 1 > seq || document.count() == 0 || document.supervised()[0]) {
                throw new IllegalArgumentException("sequence " + i + ": expected at most " + (seq + 1L) + " tokens, some of them, but not the first,"
                        + " supervised; found " + document.ids().length + " tokens, " + document.count() + " supervised");
            }
        }
        if (packed) {
            byLength = byLength();
            rows = bestFit();
        } else {
            byLength = new int[documents.size()];
            Arrays.setAll(byLength, i -> i);
            rows = new int[documents.size()][1];
            Arrays.setAll(rows, i -> new int[] {i});
        }
    }

    /** Several sequences to a row, in another order every epoch. */
    public static SupervisedRows packed(List<SupervisedTokens> documents, int seq, long seed) {
        return new SupervisedRows(documents, seq, true, true, seed);
    }

    /** One sequence a row, in another order every epoch. */
    public static SupervisedRows unpacked(List<SupervisedTokens> documents, int seq, long seed) {
        return new SupervisedRows(documents, seq, false, true, seed);
    }

    /** For evaluation: row n of every epoch is sequence n. */
    public static SupervisedRows inOrder(List<SupervisedTokens> documents, int seq) {
        return new SupervisedRows(documents, seq, false, false, 0);
    }

    /** For evaluation: several sequences to a row, the same rows every epoch. */
    public static SupervisedRows packedInOrder(List<SupervisedTokens> documents, int seq) {
        return new SupervisedRows(documents, seq, true, false, 0);
    }

    private int inputs(int document) {
        return documents.get(document).ids().length - 1;
    }

    private int[] byLength() {
        var buckets = new TreeMap<Integer, List<Integer>>();
        for (int i = 0; i < documents.size(); i++) {
            buckets.computeIfAbsent(-inputs(i), _ -> new ArrayList<>()).add(i);
        }
        return buckets.values().stream().flatMap(List::stream).mapToInt(Integer::intValue).toArray();
    }

    /** Each sequence goes to the fullest row that still has room for it. */
    private int[][] bestFit() {
        var packed = new ArrayList<List<Integer>>();
        var byRoom = new TreeMap<Integer, List<Integer>>();
        for (int place = 0; place < byLength.length; place++) {
            int length = inputs(byLength[place]);
            var fitting = byRoom.ceilingEntry(length);
            int room = seq;
            int row;
            if (fitting == null) {
                row = packed.size();
                packed.add(new ArrayList<>());
            } else {
                room = fitting.getKey();
                row = fitting.getValue().removeLast();
                if (fitting.getValue().isEmpty()) {
                    byRoom.remove(room);
                }
            }
            packed.get(row).add(place);
            if (room > length) {
                byRoom.computeIfAbsent(room - length, _ -> new ArrayList<>()).add(row);
            }
        }
        return packed.stream().map(places -> places.stream().mapToInt(Integer::intValue).toArray()).toArray(int[][]::new);
    }

    @Override
    public int seq() {
        return seq;
    }

    @Override
    public long rowsPerEpoch() {
        return rows.length;
    }

    /** Share of the inputs of an epoch's rows that are not filling. */
    public double density() {
        long inputs = 0;
        for (int i = 0; i < documents.size(); i++) {
            inputs += inputs(i);
        }
        return (double) inputs / ((double) rows.length * seq);
    }

    /** Numbers of the sequences in a row, in their order. */
    public int[] documentsOf(long row) {
        long epoch = row / rows.length;
        long at = row % rows.length;
        int[] order = order(epoch);
        int[] places = rows[(int) (shuffled ? new Permutation(rows.length, Mix.mix(seed, 3 * epoch)).at(at) : at)];
        int[] numbers = new int[places.length];
        var inside = new Permutation(places.length, Mix.mix(seed, 3 * row + 2));
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = order[places[shuffled ? (int) inside.at(i) : i]];
        }
        return numbers;
    }

    /** The documents for the places of {@link #byLength}: those of equal length change places. */
    private synchronized int[] order(long epoch) {
        if (!shuffled) {
            return byLength;
        }
        if (cached != epoch) {
            var next = new int[byLength.length];
            for (int from = 0; from < next.length;) {
                int to = from + 1;
                while (to < next.length && inputs(byLength[to]) == inputs(byLength[from])) {
                    to++;
                }
                var permutation = new Permutation(to - from, Mix.mix(Mix.mix(seed, 3 * epoch + 1), from));
                for (int i = from; i < to; i++) {
                    next[i] = byLength[from + (int) permutation.at(i - from)];
                }
                from = to;
            }
            order = next;
            cached = epoch;
        }
        return order;
    }

    @Override
    public void fill(long row, Batch batch, int at) {
        int base = at * seq;
        int filled = 0;
        int number = 0;
        for (int document : documentsOf(row)) {
            filled += write(documents.get(document), batch, base + filled, number++);
        }
        for (int i = filled; i < seq; i++) {
            batch.tokens()[base + i] = 0;
            batch.targets()[base + i] = Batch.NO_TARGET;
            batch.positions()[base + i] = i - filled;
            batch.documents()[base + i] = number;
        }
    }

    private static int write(SupervisedTokens document, Batch batch, int at, int number) {
        int n = document.ids().length - 1;
        System.arraycopy(document.ids(), 0, batch.tokens(), at, n);
        for (int i = 0; i < n; i++) {
            batch.targets()[at + i] = document.supervised()[i + 1] ? document.ids()[i + 1] : Batch.NO_TARGET;
            batch.positions()[at + i] = i;
            batch.documents()[at + i] = number;
        }
        return n;
    }
}
