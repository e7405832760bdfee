package dev.zhulong.bench;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufConfig;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SplittableRandom;

/** A GGUF file of a known shape with random weights and a made-up vocabulary, for measuring speed without a download; llama.cpp reads it too. */
public enum SyntheticModel {
    /** 0.85 billion weights. */
    LLAMA_1B(32000, 2048, 16, 32, 8, 5632),
    /** 0.13 billion weights, a third of them in the vocabulary. */
    LLAMA_135M(49152, 576, 30, 9, 3, 1536);

    private final int vocab;
    private final int hidden;
    private final int layers;
    private final int heads;
    private final int kvHeads;
    private final int inner;

    SyntheticModel(int vocab, int hidden, int layers, int heads, int kvHeads, int inner) {
        this.vocab = vocab;
        this.hidden = hidden;
        this.layers = layers;
        this.heads = heads;
        this.kvHeads = kvHeads;
        this.inner = inner;
    }

    /** By what users call it: {@code 1b} or {@code 135m}. */
    public static SyntheticModel of(String name) {
        return switch (name) {
            case "1b" -> LLAMA_1B;
            case "135m" -> LLAMA_135M;
            default -> throw new IllegalArgumentException("no synthetic model '" + name + "'; there are 1b and 135m");
        };
    }

    DecoderSpec spec() {
        return new DecoderSpec(Family.of("llama"), vocab, hidden, layers, heads, kvHeads, hidden / heads, inner, 4096, DecoderSpec.Norm.RMS,
                1e-5, DecoderSpec.Activation.SILU, true, new DecoderSpec.Rope(10_000, hidden / heads, new DecoderSpec.Scaling.None()),
                this == LLAMA_135M, false, false, false, false, Collections.nCopies(layers, 0), 1, List.of(2));
    }

    /**
     * Writes it with matrices of {@code type}.
     *
     * @param type Q4_0 or Q8_0: blocks of 32, an f16 scale first
     */
    public void write(Path file, GgufType type) {
        if (type != GgufType.Q4_0 && type != GgufType.Q8_0) {
            throw new IllegalArgumentException("a synthetic model has Q4_0 or Q8_0 matrices, not " + type);
        }
        DecoderSpec spec = spec();
        var metadata = new LinkedHashMap<>(GgufConfig.write(spec));
        metadata.put("general.name", GgufValue.of("synthetic"));
        metadata.put("general.file_type", GgufValue.of(type == GgufType.Q4_0 ? 2 : 7));
        metadata.putAll(SyntheticVocabulary.of(vocab));
        List<GgufWriter.Entry> entries = new ArrayList<>();
        for (var weight : GgufExport.weights(spec)) {
            GgufType stored = GgufExport.storedType(weight, type);
            long elements = 1;
            for (long size : weight.shape()) {
                elements *= size;
            }
            long count = elements;
            entries.add(new GgufWriter.Entry(weight.gguf(), stored, weight.shape(), () -> stored == GgufType.F32 ? ones(count) : blocks(stored, count,
                    weight.gguf().hashCode())));
        }
        GgufWriter.write(file, metadata, entries);
    }

    private static MemorySegment ones(long elements) {
        MemorySegment floats = Arena.ofAuto().allocate(elements * Float.BYTES, Float.BYTES);
        for (long i = 0; i < elements; i++) {
            floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
        }
        return floats;
    }

    /** Integers at random, scales so that a product neither grows nor vanishes much. */
    private MemorySegment blocks(GgufType type, long elements, long seed) {
        int bytes = type.blockBytes();
        byte[] all = new byte[Math.toIntExact(elements / 32 * bytes)];
        new SplittableRandom(seed).nextBytes(all);
        double spread = type == GgufType.Q4_0 ? 4.6 : 74;
        short scale = Float.floatToFloat16((float) (1 / (spread * Math.sqrt(hidden))));
        for (int at = 0; at < all.length; at += bytes) {
            all[at] = (byte) scale;
            all[at + 1] = (byte) (scale >> 8);
        }
        return MemorySegment.ofArray(all);
    }
}
