package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Rope;
import java.util.HashSet;
import java.util.List;
import java.util.function.Predicate;

/**
 * What a family reads a decoder's shape from: a file's metadata, or what is about to be written as such.
 *
 * @param metadata  all of it
 * @param at        the architecture with a dot, such as {@code llama.}
 * @param shape     what every decoder has
 * @param rope      its rotary positions; null for none
 * @param tensors   whether there is a tensor of this name
 */
public record GgufKeys(GgufMetadata metadata, String at, GgufShape shape, Rope rope, Predicate<String> tensors) {

    /** What a file of this decoder says. */
    static GgufKeys of(DecoderSpec spec, GgufMetadata metadata, String at) {
        var names = new HashSet<String>();
        GgufWeight.of(spec).forEach(weight -> names.add(weight.gguf()));
        var shape = new GgufShape(spec.vocabSize(), spec.hiddenSize(), spec.layers(), spec.heads(), spec.kvHeads(), spec.headDim(), spec.intermediateSize(),
                spec.contextLength(), spec.tiedEmbeddings(), spec.bosId(), List.copyOf(spec.eosIds()));
        return new GgufKeys(metadata, at, shape, spec.rope(), names::contains);
    }

    /** Whether the file is not for llama.cpp, so that what no key says is not what llama.cpp takes it for. */
    public boolean isOwn() {
        return at.endsWith(GgufConfig.OWN + ".");
    }

    /** Whether there is a tensor of this name. */
    public boolean hasTensor(String name) {
        return tensors.test(name);
    }

    /** Whether the architecture's key is there. */
    public boolean has(String key) {
        return metadata.has(at + key);
    }

    /** A whole number of the architecture. */
    public int integer(String key, int least, int most) {
        return metadata.integer(at + key, least, most);
    }

    /** The same, or {@code absent} where the key is not there. */
    public int integer(String key, int least, int most, int absent) {
        return metadata.integer(at + key, least, most, absent);
    }

    /** Whether the architecture's key says so; {@code absent} where it is not there. */
    public boolean flag(String key, boolean absent) {
        return metadata.flag(at + key, absent);
    }

    /** A number above zero of the architecture. */
    public double positive(String key) {
        return metadata.positive(at + key);
    }

    /** The same, or {@code absent} where the key is not there. */
    public double positive(String key, double absent) {
        return metadata.positive(at + key, absent);
    }
}
