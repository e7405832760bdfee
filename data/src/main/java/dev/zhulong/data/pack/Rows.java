package dev.zhulong.data.pack;

/**
 * An endless list of training rows. Row {@code n} is the same whenever and by whomever it is asked for. Safe for several threads.
 */
public sealed interface Rows permits PackedRows, MixedRows, RepeatedRows, WindowRows, SupervisedRows, PairedRows {
    /** Tokens a row. */
    int seq();

    /** After so many rows everything was seen once; row {@code n + rowsPerEpoch()} begins the next pass. */
    long rowsPerEpoch();

    /** Writes row {@code row} to row {@code at} of {@code batch}. */
    void fill(long row, Batch batch, int at);
}
