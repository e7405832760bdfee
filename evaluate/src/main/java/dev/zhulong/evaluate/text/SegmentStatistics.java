package dev.zhulong.evaluate.text;

import java.util.Arrays;

/**
 * What a corpus metric keeps of each segment: a row of counts whose sum over any set of segments determines the score of that set.
 *
 * @param segments rows
 * @param columns  counts a row
 * @param values   {@code [segments, columns]}
 */
public record SegmentStatistics(int segments, int columns, double[] values) {
    SegmentStatistics(int segments, int columns) {
        this(segments, columns, new double[Math.multiplyExact(segments, columns)]);
    }

    /** Of all segments: {@code [columns]}. */
    public double[] sum() {
        double[] sum = new double[columns];
        for (int i = 0; i < segments; i++) {
            add(i, sum);
        }
        return sum;
    }

    /** Of these segments, repetitions counted. */
    public double[] sum(int[] rows) {
        double[] sum = new double[columns];
        for (int row : rows) {
            add(row, sum);
        }
        return sum;
    }

    /** Of one segment. */
    public double[] row(int segment) {
        return Arrays.copyOfRange(values, segment * columns, (segment + 1) * columns);
    }

    void set(int segment, double[] row) {
        System.arraycopy(row, 0, values, segment * columns, columns);
    }

    private void add(int row, double[] sum) {
        int from = row * columns;
        for (int c = 0; c < columns; c++) {
            sum[c] += values[from + c];
        }
    }
}
