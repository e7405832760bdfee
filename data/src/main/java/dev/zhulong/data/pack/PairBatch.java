package dev.zhulong.data.pack;

import java.util.Arrays;
import java.util.List;

/**
 * Pairs of texts side by side: what an encoder reads, and what a decoder learns to write. Both are filled up on the right to the longest.
 *
 * @param rows    pairs
 * @param source  {@code [rows, longest source]}
 * @param visible which ids of {@code source} are no padding; null where none is
 * @param labels  {@code [rows, longest target]}, {@link Batch#NO_TARGET} where nothing is learnt
 */
public record PairBatch(int rows, int[] source, boolean[] visible, int[] labels) {
    /** A text and what is to be written of it, both as ids. */
    public record Pair(int[] source, int[] target) {}

    /** @param pad what sources are filled up with */
    public static PairBatch of(List<Pair> pairs, int pad) {
        int rows = pairs.size();
        int width = pairs.stream().mapToInt(pair -> pair.source.length).max().orElse(0);
        int length = pairs.stream().mapToInt(pair -> pair.target.length).max().orElse(0);
        int[] source = new int[rows * width];
        int[] labels = new int[rows * length];
        boolean[] visible = new boolean[rows * width];
        Arrays.fill(source, pad);
        Arrays.fill(labels, Batch.NO_TARGET);
        boolean padded = false;
        for (int i = 0; i < rows; i++) {
            Pair pair = pairs.get(i);
            System.arraycopy(pair.source, 0, source, i * width, pair.source.length);
            System.arraycopy(pair.target, 0, labels, i * length, pair.target.length);
            Arrays.fill(visible, i * width, i * width + pair.source.length, true);
            padded |= pair.source.length < width;
        }
        return new PairBatch(rows, source, padded ? visible : null, labels);
    }

    /** Labels that are counted. */
    public int supervised() {
        return (int) Arrays.stream(labels).filter(label -> label != Batch.NO_TARGET).count();
    }
}
