package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import java.util.Map;
import java.util.Set;

/** A family of decoders that llama.cpp has too: how its shape stands in GGUF's metadata. */
public interface GgufFamily extends GgufArchitecture {
    /**
     * Whether llama.cpp computes such a decoder as it is. One that it would load and compute otherwise is written under an architecture of our own
     * ({@link GgufConfig#OWN}), which llama.cpp refuses by name.
     */
    default boolean runsInLlamaCpp(DecoderSpec spec) {
        return true;
    }

    /** Keys, without the architecture, that change the logits and are refused for all families that do not name them here. */
    default Set<String> understood() {
        return Set.of();
    }

    /** Whether files hold the embedding once more as the head where the two are tied. */
    default boolean repeatsTiedHead() {
        return false;
    }

    /**
     * The shape of the decoder in {@code file}.
     *
     * @throws FormatException naming file, key or tensor, expected and found
     */
    @Override
    DecoderSpec read(GgufFile file);

    /** The shape that these keys say, with which what {@link #write} left out is found; null for a family that refuses by itself what keys cannot say. */
    default DecoderSpec read(GgufKeys keys) {
        return null;
    }

    /**
     * Puts the keys that this family has besides those of {@link GgufShape}.
     *
     * @param at the architecture with a dot
     * @throws IllegalArgumentException when the metadata cannot express the spec; written silently, it would give other logits elsewhere
     */
    void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata);

    /** For {@link #write}: refuses what metadata of an architecture cannot say. */
    static void require(String architecture, String field, Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new IllegalArgumentException("GGUF metadata of " + architecture + " cannot say " + field + ": expected " + expected
                    + ", found " + found);
        }
    }
}
