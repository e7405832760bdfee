package dev.zhulong.formats;

/** A family of encoder–decoders. */
public interface EncoderDecoderFamily extends Family {
    @Override
    EncoderDecoderSpec read(JsonFields config);

    /** Whether gradients come to the embedding of padding. */
    default boolean trainsPadding() {
        return false;
    }

    /** Whether the head is the embedding's wherever files hold none, whatever the configuration says. */
    default boolean tiesMissingHead() {
        return false;
    }

    /**
     * What the decoder reads first in training.
     *
     * @param labels the row that it learns to write, as far as it is supervised
     * @throws IllegalArgumentException where the configuration names no such id
     */
    default int firstInput(EncoderDecoderSpec spec, int[] labels) {
        return spec.startId();
    }
}
