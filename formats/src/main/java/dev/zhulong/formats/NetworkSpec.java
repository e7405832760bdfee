package dev.zhulong.formats;

/** The shape of a network: everything an engine must know to run one, and nothing else. */
public sealed interface NetworkSpec permits DecoderSpec, EncoderSpec, EncoderDecoderSpec, VisionSpec {
    /** The published architecture it is of: knows its names. */
    Family family();

    /** Its layers; those of the decoder, where an encoder stands in front of it, and those over patches, where a tower over tokens stands beside them. */
    Stack stack();

    /** The layer that {@link Parameters} has under this number. */
    Stack.Layer layer(int number);

    /** Rows of the embedding, of the decoder's; 0 where no tokens are read. */
    int vocabSize();

    /** Whether a head over the vocabulary shares the embedding's weight. */
    boolean tiedEmbeddings();

    /** With such a head whose weight is its own. */
    NetworkSpec withOwnHead();
}
