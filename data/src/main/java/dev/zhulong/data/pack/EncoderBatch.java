package dev.zhulong.data.pack;

import java.util.Arrays;
import java.util.List;

/**
 * Inputs of an encoder side by side, filled up on the right to the length of the longest.
 *
 * @param rows    inputs
 * @param width   tokens of the longest
 * @param ids     {@code [rows, width]}
 * @param types   segment of each token, {@code [rows, width]}; 0 where a row is filled up
 * @param lengths tokens of each row, {@code [rows]}; those behind are not to be attended to
 * @param labels  {@code [rows, width]} where every token has one, {@link Batch#NO_TARGET} where a row is filled up; else {@code [rows, labels a row]}
 * @param numbers {@code [rows, labels a row]} where they are numbers and not ids, in place of {@code labels}; else empty
 * @param globals whether each token sees all others and is seen by all, {@code [rows, width]}; empty for those that the network's head needs
 */
public record EncoderBatch(int rows, int width, int[] ids, int[] types, int[] lengths, int[] labels, float[] numbers, boolean[] globals) {
    /** Inputs with the global tokens that the network's head needs. */
    public EncoderBatch(int rows, int width, int[] ids, int[] types, int[] lengths, int[] labels, float[] numbers) {
        this(rows, width, ids, types, lengths, labels, numbers, new boolean[0]);
    }

    /** Inputs whose labels are ids. */
    public EncoderBatch(int rows, int width, int[] ids, int[] types, int[] lengths, int[] labels) {
        this(rows, width, ids, types, lengths, labels, new float[0]);
    }

    /**
     * Puts rows side by side.
     *
     * @param pad      what rows are filled up with
     * @param perToken whether every token has a label
     */
    public static EncoderBatch of(List<EncoderRow> rows, int pad, boolean perToken) {
        int n = rows.size();
        int width = rows.stream().mapToInt(EncoderRow::length).max().orElse(0);
        int labels = perToken ? width : n == 0 ? 0 : rows.getFirst().labels().length;
        var batch = new EncoderBatch(n, width, new int[n * width], new int[n * width], new int[n], new int[n * labels]);
        Arrays.fill(batch.ids, pad);
        if (perToken) {
            Arrays.fill(batch.labels, Batch.NO_TARGET);
        }
        for (int i = 0; i < n; i++) {
            EncoderRow row = rows.get(i);
            System.arraycopy(row.ids(), 0, batch.ids, i * width, row.length());
            System.arraycopy(row.types(), 0, batch.types, i * width, row.length());
            System.arraycopy(row.labels(), 0, batch.labels, i * labels, row.labels().length);
            batch.lengths[i] = row.length();
        }
        return batch;
    }

    /** 1 for tokens, 0 where a row is filled up; {@code [rows, width]}. */
    public int[] mask() {
        int[] mask = new int[rows * width];
        for (int i = 0; i < rows; i++) {
            Arrays.fill(mask, i * width, i * width + lengths[i], 1);
        }
        return mask;
    }

    /** The same as booleans, {@code [rows, width]}; null where no row is filled up: then nothing is hidden. */
    public boolean[] visible() {
        if (Arrays.stream(lengths).allMatch(length -> length == width)) {
            return null;
        }
        boolean[] visible = new boolean[rows * width];
        for (int i = 0; i < rows; i++) {
            Arrays.fill(visible, i * width, i * width + lengths[i], true);
        }
        return visible;
    }

    /** Labels that are counted. */
    public int supervised() {
        return numbers.length > 0 ? numbers.length : (int) Arrays.stream(labels).filter(label -> label != Batch.NO_TARGET).count();
    }
}
