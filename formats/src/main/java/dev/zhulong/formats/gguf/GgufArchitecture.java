package dev.zhulong.formats.gguf;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.NetworkSpec;

/**
 * A family that llama.cpp has too: a decoder's is a {@link GgufFamily}, an encoder's a {@link GgufEncoder}. Names and layout of the weights stand in
 * {@link Family#parameters}.
 */
public interface GgufArchitecture extends Family {
    /** {@code general.architecture}; families may share one. Null for a descendant of a family that llama.cpp has, which it has not itself. */
    String ggufArchitecture();

    /** Of the families that share an architecture, whether this one is meant; of several that say so the last registered is taken. */
    default boolean claims(GgufMetadata metadata) {
        return true;
    }

    /** The key of the norms' epsilon, without the architecture. */
    String ggufEpsilon();

    /**
     * The shape of the network in {@code file}.
     *
     * @throws FormatException naming file, key or tensor, expected and found
     */
    NetworkSpec read(GgufFile file);
}
