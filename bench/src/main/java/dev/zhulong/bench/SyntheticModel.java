package dev.zhulong.bench;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** A GGUF file of a known shape with random weights and a made-up vocabulary, for measuring speed without a download; llama.cpp reads it too. */
public enum SyntheticModel {
    /** 0.85 billion weights. */
    LLAMA_1B(32000, 2048, 16, 32, 8, 5632, 0),
    /** The same with eight experts half as wide, of which a token is given two: as many weights a token and the router's, 2.5 billion in all. */
    MIXTRAL_1B(32000, 2048, 16, 32, 8, 2816, 8),
    /** 0.13 billion weights, a third of them in the vocabulary. */
    LLAMA_135M(49152, 576, 30, 9, 3, 1536, 0),
    /** The same with such experts. */
    MIXTRAL_135M(49152, 576, 30, 9, 3, 768, 8);

    private final int vocab;
    private final int hidden;
    private final int layers;
    private final int heads;
    private final int kvHeads;
    private final int inner;
    private final int experts;

    SyntheticModel(int vocab, int hidden, int layers, int heads, int kvHeads, int inner, int experts) {
        this.vocab = vocab;
        this.hidden = hidden;
        this.layers = layers;
        this.heads = heads;
        this.kvHeads = kvHeads;
        this.inner = inner;
        this.experts = experts;
    }

    /** By what users call it: {@code 1b}, {@code 8x1b}, {@code 135m} or {@code 8x135m}. */
    public static SyntheticModel of(String name) {
        return switch (name) {
            case "1b" -> LLAMA_1B;
            case "8x1b" -> MIXTRAL_1B;
            case "135m" -> LLAMA_135M;
            case "8x135m" -> MIXTRAL_135M;
            default -> throw new IllegalArgumentException("no synthetic model '" + name + "'; there are 1b, 8x1b, 135m and 8x135m");
        };
    }

    DecoderSpec spec() {
        var dense = new DecoderSpec(Family.of("llama"), vocab, hidden, layers, heads, kvHeads, hidden / heads, inner, 4096, DecoderSpec.Norm.RMS,
                1e-5, DecoderSpec.Activation.SILU, true, new DecoderSpec.Rope(10_000, hidden / heads, new DecoderSpec.Scaling.None()),
                hidden < 2048, false, false, false, false, Collections.nCopies(layers, 0), 1, List.of(2));
        if (experts == 0) {
            return dense;
        }
        Stack stack = dense.stack();
        var mixed = stack.layers().stream().map(layer -> new Stack.Layer(layer.attention(), new Mlp.Experts(experts, 2, (Mlp.Dense) layer.mlp(), 0))).toList();
        return new DecoderSpec(Family.of("mixtral"), new Stack(hidden, mixed, stack.norm(), stack.normEpsilon(), stack.place(), stack.positions(),
                stack.contextLength()), vocab, dense.tiedEmbeddings(), dense.bosId(), dense.eosIds());
    }

    /**
     * Writes it with matrices of {@code type}.
     *
     * @param type Q2_0, Q4_0 or Q8_0: an f16 scale, then integers
     */
    public void write(Path file, GgufType type) {
        int fileType = switch (type) {
            case Q2_0 -> 41;
            case Q4_0 -> 2;
            case Q8_0 -> 7;
            default -> throw new IllegalArgumentException("a synthetic model has Q2_0, Q4_0 or Q8_0 matrices, not " + type);
        };
        GgufExport.write(file, spec(), SyntheticVocabulary.of(vocab), "synthetic", fileType, Map.of(), weight -> {
            GgufType stored = GgufExport.storedType(weight, type);
            long elements = Arrays.stream(weight.shape()).reduce(1, Math::multiplyExact);
            return new GgufExport.Stored(stored, () -> weight.parameter().role() == Role.ROUTER ? router(elements, weight.gguf().hashCode())
                    : stored == GgufType.F32 ? ones(elements) : blocks(stored, elements, weight.gguf().hashCode() + weight.parameter().expert()));
        });
    }

    /** At random, so that tokens are given to different experts. */
    private MemorySegment router(long elements, long seed) {
        var random = new SplittableRandom(seed);
        float[] values = new float[Math.toIntExact(elements)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() / Math.sqrt(hidden));
        }
        return MemorySegment.ofArray(values);
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
        byte[] all = new byte[Math.toIntExact(elements / type.blockElements() * bytes)];
        new SplittableRandom(seed).nextBytes(all);
        // rms of the integers
        double spread = type == GgufType.Q2_0 ? 1.2 : type == GgufType.Q4_0 ? 4.6 : 74;
        short scale = Float.floatToFloat16((float) (1 / (spread * Math.sqrt(hidden))));
        for (int at = 0; at < all.length; at += bytes) {
            all[at] = (byte) scale;
            all[at + 1] = (byte) (scale >> 8);
        }
        return MemorySegment.ofArray(all);
    }
}
