package dev.zhulong.formats.gguf;

import dev.zhulong.formats.EncoderDecoderFamily;
import dev.zhulong.formats.EncoderDecoderSpec;
import java.util.Map;

/** A family of encoder–decoders that llama.cpp has too. As with {@link GgufEncoder}, files of ours hold the whole {@code config.json} besides. */
public interface GgufEncoderDecoder extends GgufArchitecture, EncoderDecoderFamily {
    /** Of a file that another program wrote, by its keys and tensors. */
    @Override
    EncoderDecoderSpec read(GgufFile file);

    /** Whether llama.cpp computes such a network as it is; another is written under an architecture of our own ({@link GgufConfig#OWN}). */
    boolean runsInLlamaCpp(EncoderDecoderSpec spec);

    /**
     * Puts the keys that this family has besides those of all.
     *
     * @param at the architecture with a dot
     */
    void write(EncoderDecoderSpec spec, String at, Map<String, GgufValue> metadata);
}
