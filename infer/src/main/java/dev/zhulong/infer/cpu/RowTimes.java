package dev.zhulong.infer.cpu;

/**
 * How long some products take, by the rows that are multiplied together.
 *
 * @param rows    where it was measured, ascending
 * @param seconds there, all of the rows together
 */
public record RowTimes(int[] rows, double[] seconds) {
    public RowTimes {
        boolean good = rows.length > 0 && rows.length == seconds.length && rows[0] > 0;
        for (int i = 0; good && i < rows.length; i++) {
            good = seconds[i] > 0 && (i == 0 || rows[i] > rows[i - 1]);
        }
        if (!good) {
            throw new IllegalArgumentException("times of " + rows.length + " numbers of rows: expected ascending ones and a time above 0 for each");
        }
    }

    /** Seconds of {@code n} rows: on a line between what was measured; what is beyond takes as long a row as the most that was. */
    public double of(long n) {
        int last = rows.length - 1;
        if (n >= rows[last]) {
            return seconds[last] * n / rows[last];
        }
        if (n <= rows[0]) {
            return seconds[0];
        }
        int i = 1;
        while (rows[i] < n) {
            i++;
        }
        double share = (double) (n - rows[i - 1]) / (rows[i] - rows[i - 1]);
        return seconds[i - 1] + share * (seconds[i] - seconds[i - 1]);
    }
}
