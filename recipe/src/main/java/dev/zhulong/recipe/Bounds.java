package dev.zhulong.recipe;

import java.util.Locale;

/** Bounds of a recipe's sizes: far above what any machine trains, and low enough that no product of them overflows. */
public final class Bounds {
    static final int VOCABULARY = 1 << 22;
    static final int WIDTH = 1 << 18;
    static final int LAYERS = 1 << 12;
    static final int TOKENS = 1 << 24;
    static final int BATCH = 1 << 20;
    static final long STEPS = 1L << 32;
    /** Of a batch, which lies in one array. */
    private static final long MOST_TOKENS = 1 << 30;
    private static final long MOST_ROWS = 1L << 52;

    private Bounds() {}

    /**
     * @param field as a recipe names it
     * @throws IllegalArgumentException if {@code value} is above {@code most}, or no number
     */
    public static void atMost(String field, double value, long most) {
        if (!(value <= most)) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s must be at most %d, found %s", field, most,
                    value == Math.rint(value) && Math.abs(value) < 1e18 ? Long.toString((long) value) : Double.toString(value)));
        }
    }

    /**
     * @param rows a batch
     * @param seq  tokens a row
     */
    static void batch(long rows, int seq) {
        if (rows * seq > MOST_TOKENS) {
            throw new IllegalArgumentException("a batch of " + rows + " rows of " + seq + " tokens is too large: train.batch times train.seq must be at most "
                    + MOST_TOKENS + "; give a smaller train.batch, and train.accumulation for the rest");
        }
    }

    /** Rows of a whole run. */
    static void run(long steps, long rows, long accumulation) {
        if ((double) steps * rows * accumulation > MOST_ROWS) {
            throw new IllegalArgumentException("train.steps times train.batch times train.accumulation must be at most " + MOST_ROWS + ", found " + steps + " x "
                    + rows + " x " + accumulation);
        }
    }
}
