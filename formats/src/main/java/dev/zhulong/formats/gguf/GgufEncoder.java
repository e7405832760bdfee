package dev.zhulong.formats.gguf;

import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import java.util.Map;

/**
 * A family of encoders that llama.cpp has too. Its keys say less than a {@code config.json} does (no head but that of classes, one activation, no row of
 * positions for padding), so files of ours hold both: {@link GgufConfig#CONFIG} is what is read here, the other keys are for llama.cpp.
 */
public interface GgufEncoder extends GgufArchitecture, EncoderFamily {
    /** Of a file that another program wrote, by its keys and tensors. */
    @Override
    EncoderSpec read(GgufFile file);

    /**
     * Whether llama.cpp computes such an encoder as it is. One that it would load and compute otherwise, or not load for its head, is written under an
     * architecture of our own ({@link GgufConfig#OWN}).
     */
    boolean runsInLlamaCpp(EncoderSpec spec);

    /**
     * Puts the keys that this family has besides those of all encoders.
     *
     * @param at the architecture with a dot
     */
    default void write(EncoderSpec spec, String at, Map<String, GgufValue> metadata) {
        // most have none
    }
}
