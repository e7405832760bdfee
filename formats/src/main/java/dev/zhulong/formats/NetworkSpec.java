package dev.zhulong.formats;

/** The shape of a network: everything an engine must know to run one, and nothing else. */
public sealed interface NetworkSpec permits DecoderSpec {
    /** The published architecture it is of: knows its names. */
    Family family();

    /** Rows of the embedding. */
    int vocabSize();
}
