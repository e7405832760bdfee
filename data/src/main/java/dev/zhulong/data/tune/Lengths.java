package dev.zhulong.data.tune;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * How long the sequences are, in tokens.
 *
 * @param bins powers of two, from the first that holds a sequence to the last
 */
public record Lengths(int least, int median, int p95, int greatest, List<Bin> bins) {
    private static final int BAR = 40;

    /** Sequences of {@code from} to {@code to} tokens, both included. */
    public record Bin(int from, int to, int count) { }

    /** Of documents; there must be one. */
    public static Lengths of(List<SupervisedDocument> documents) {
        int[] lengths = documents.stream().mapToInt(document -> document.tokens().ids().length).sorted().toArray();
        if (lengths.length == 0) {
            throw new IllegalArgumentException("no sequences");
        }
        var bins = new ArrayList<Bin>();
        int at = 0;
        for (long from = Integer.highestOneBit(lengths[0]); at < lengths.length; from *= 2) {
            long to = 2 * from - 1;
            int begin = at;
            while (at < lengths.length && lengths[at] <= to) {
                at++;
            }
            bins.add(new Bin((int) from, (int) Math.min(to, Integer.MAX_VALUE), at - begin));
        }
        return new Lengths(lengths[0], quantile(lengths, 0.5), quantile(lengths, 0.95), lengths[lengths.length - 1], List.copyOf(bins));
    }

    private static int quantile(int[] sorted, double share) {
        return sorted[Math.min(sorted.length - 1, (int) Math.ceil(share * sorted.length) - 1)];
    }

    /** Least, median, 95th percentile, greatest, and a bar for each bin; several lines. */
    public String text() {
        var out = new StringBuilder(String.format(Locale.ROOT, "tokens a sequence: least %,d, median %,d, 95 %% up to %,d, greatest %,d%n",
                least, median, p95, greatest));
        int most = bins.stream().mapToInt(Bin::count).max().orElse(1);
        for (Bin bin : bins) {
            int bar = bin.count() == 0 ? 0 : Math.max(1, (int) Math.round((double) BAR * bin.count() / most));
            out.append(String.format(Locale.ROOT, "%7d to %-7d %,9d %s%n", bin.from(), bin.to(), bin.count(), "#".repeat(bar)));
        }
        return out.toString();
    }
}
