package dev.zhulong.formats;

/** The shape of a network: everything an engine must know to run one, and nothing else. */
public sealed interface NetworkSpec permits DecoderSpec, EncoderSpec {
    /** The published architecture it is of: knows its names. */
    Family family();

    /** Its layers. */
    Stack stack();

    /** Rows of the embedding. */
    int vocabSize();

    /** Whether a head over the vocabulary shares the embedding's weight. */
    boolean tiedEmbeddings();

    /** With such a head whose weight is its own. */
    NetworkSpec withOwnHead();
}
