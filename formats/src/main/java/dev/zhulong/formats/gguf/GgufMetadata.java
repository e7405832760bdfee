package dev.zhulong.formats.gguf;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.gguf.GgufValue.Flag;
import dev.zhulong.formats.gguf.GgufValue.Numbers;
import dev.zhulong.formats.gguf.GgufValue.Real;
import dev.zhulong.formats.gguf.GgufValue.Text;
import dev.zhulong.formats.gguf.GgufValue.Texts;
import dev.zhulong.formats.gguf.GgufValue.Whole;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The metadata of a GGUF file, read key by key: each wrong one is named with what was expected and what was found.
 *
 * @param file   for messages
 * @param values in the file's order
 */
public record GgufMetadata(Path file, Map<String, GgufValue> values) {

    public GgufMetadata {
        values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /** What {@code general.architecture} says. */
    public String architecture() {
        return text(GgufConfig.ARCHITECTURE).orElseThrow(() -> wrong(GgufConfig.ARCHITECTURE, "a string"));
    }

    /** Whether the key is there. */
    public boolean has(String key) {
        return values.containsKey(key);
    }

    /** A whole number from {@code least} to {@code most}, whatever integer type it is stored in. */
    public int integer(String key, int least, int most) {
        if (!(values.get(key) instanceof Whole whole) || whole.value() < least || whole.value() > most) {
            throw wrong(key, "a whole number from " + least + " to " + most);
        }
        return (int) whole.value();
    }

    /** {@link #integer(String, int, int)}, or {@code absent} where the key is not there. */
    public int integer(String key, int least, int most, int absent) {
        return has(key) ? integer(key, least, most) : absent;
    }

    /**
     * The same of all layers: a whole number, or a list with one for each layer, as llama.cpp writes where layers may differ.
     *
     * @throws FormatException too where layers differ
     */
    public int integerOfLayers(String key, int layers, int least, int most) {
        if (!(values.get(key) instanceof Numbers)) {
            return integer(key, least, most);
        }
        long[] each = wholes(key, layers);
        for (long value : each) {
            if (value != each[0] || value < least || value > most) {
                throw wrong(key, "the same whole number from " + least + " to " + most + " for each of the " + layers + " layers; layers that differ in it are not supported");
            }
        }
        return (int) each[0];
    }

    /** A finite number above zero. */
    public double positive(String key) {
        if (!(values.get(key) instanceof Real real) || !Double.isFinite(real.value()) || real.value() <= 0) {
            throw wrong(key, "a number above 0");
        }
        return real.decimal();
    }

    /** {@link #positive(String)}, or {@code absent} where the key is not there. */
    public double positive(String key, double absent) {
        return has(key) ? positive(key) : absent;
    }

    /** A boolean, or {@code absent} where the key is not there. */
    public boolean flag(String key, boolean absent) {
        if (!has(key)) {
            return absent;
        }
        if (!(values.get(key) instanceof Flag flag)) {
            throw wrong(key, "a boolean");
        }
        return flag.value();
    }

    /** A string, where the key is there. */
    public Optional<String> text(String key) {
        if (!has(key)) {
            return Optional.empty();
        }
        if (!(values.get(key) instanceof Text text)) {
            throw wrong(key, "a string");
        }
        return Optional.of(text.value());
    }

    /** An array of strings. */
    public List<String> texts(String key) {
        if (!(values.get(key) instanceof Texts texts)) {
            throw wrong(key, "an array of strings");
        }
        return texts.values();
    }

    /** An array of {@code size} floats. */
    public float[] floats(String key, int size) {
        return numbers(key, size).flatMap(Numbers::floats).orElseThrow(() -> wrong(key, "an array of " + size + " FLOAT32"));
    }

    /** An array of {@code size} whole numbers. */
    public long[] wholes(String key, int size) {
        return numbers(key, size).flatMap(Numbers::wholes).orElseThrow(() -> wrong(key, "an array of " + size + " whole numbers"));
    }

    private Optional<Numbers> numbers(String key, int size) {
        return values.get(key) instanceof Numbers numbers && numbers.size() == size ? Optional.of(numbers) : Optional.empty();
    }

    /** A token id below {@code vocabSize}, where the key is there; the number that stands for none in UINT32 is none. */
    public OptionalInt tokenId(String key, int vocabSize) {
        if (!has(key) || values.get(key) instanceof Whole whole && (whole.value() == -1 || whole.value() == 0xffffffffL)) {
            return OptionalInt.empty();
        }
        return OptionalInt.of(integer(key, 0, vocabSize - 1));
    }

    /** The error that {@code key} is not {@code expected}. */
    public FormatException wrong(String key, String expected) {
        GgufValue value = values.get(key);
        String found = switch (value) {
            case null -> "no such key";
            case Whole whole -> whole.type() == GgufValue.Type.UINT64 ? Long.toUnsignedString(whole.value()) : Long.toString(whole.value());
            case Real real -> Double.toString(real.decimal());
            case Flag flag -> Boolean.toString(flag.value());
            case Text text -> FormatException.quote(text.value());
            case Texts texts -> "an array of " + texts.values().size() + " strings";
            case Numbers numbers -> "an array of " + numbers.size() + " " + numbers.element();
        };
        return FormatException.at(file, key, expected, found);
    }
}
