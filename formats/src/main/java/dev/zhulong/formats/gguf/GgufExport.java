package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;

/** Writes a network of Hugging Face's layout as a GGUF file that llama.cpp reads. */
public final class GgufExport {
    /** The text of a {@code generation_config.json}, where a directory has one that says how texts are searched for. */
    public static final String GENERATION = "zhulong.generation_config";
    /** The rows of a table of positions before that of position 0, which llama.cpp's tensor has not: padding stands in one of them. */
    static final String ROWS_BEFORE = "zhulong.position_rows";

    private GgufExport() {}

    /**
     * Writes a model in plain floats.
     *
     * @param spec      its shape, with the ids that end a sequence
     * @param tensors   gives a weight by Hugging Face's name
     * @param tokenizer keys of {@code tokenizer.*}; where the spec names the same token, the spec holds
     * @param name      what the model is called
     * @param type      F32, F16 or BF16 for matrices; vectors and learned positions are F32, as ggml wants them
     * @throws IllegalArgumentException when GGUF cannot express the spec, or a finite weight is beyond F16
     */
    public static void write(Path file, NetworkSpec spec, Function<String, TensorView> tensors, Map<String, GgufValue> tokenizer,
            String name, GgufType type) {
        try (var scratch = new Scratch()) {
            write(file, spec, tokenizer, name, fileType(type), rowsBefore(spec, tensors), weight -> {
                GgufType stored = storedType(weight, type);
                return new Stored(stored, () -> {
                    Arena arena = scratch.next();
                    return narrowed(weight, weight.fromHuggingFace(tensors.apply(weight.huggingFace()), arena), stored, arena);
                });
            });
        }
    }

    /**
     * The weights of an encoder–decoder whose logits are not scaled, which llama.cpp never does: the last norm's weight is, once and for all.
     *
     * @param tensors gives a weight by Hugging Face's name
     * @return of {@link EncoderDecoderSpec#withScaledNorm}
     */
    public static Function<String, TensorView> withScaledNorm(EncoderDecoderSpec spec, Function<String, TensorView> tensors) {
        String norm = Parameters.of(spec).get(Role.FINAL_NORM).name();
        return name -> {
            TensorView view = tensors.apply(name);
            if (!name.equals(norm) || spec.decoder().scales().logits() == 1) {
                return view;
            }
            float[] scaled = view.toFloats();
            for (int i = 0; i < scaled.length; i++) {
                scaled[i] = (float) (scaled[i] * spec.decoder().scales().logits());
            }
            return new TensorView(name, StorageType.F32, view.shape(), Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, scaled), view.file());
        };
    }

    /**
     * {@code general.architecture} of a network's file.
     *
     * @throws IllegalArgumentException where GGUF cannot express the spec
     */
    public static String architecture(NetworkSpec spec) {
        return ((GgufValue.Text) GgufConfig.write(spec).get(GgufConfig.ARCHITECTURE)).value();
    }

    /**
     * What of the weights lies in a key; nothing, of most networks.
     *
     * @param tensors gives a weight by Hugging Face's name
     */
    public static Map<String, GgufValue> rowsBefore(NetworkSpec spec, Function<String, TensorView> tensors) {
        for (GgufWeight weight : weights(spec)) {
            if (weight.rowsBefore() > 0) {
                float[] all = tensors.apply(weight.huggingFace()).requireShape(weight.parameter().shape()).toFloats();
                return Map.of(ROWS_BEFORE, GgufValue.of(Arrays.copyOf(all, Math.toIntExact(weight.rowsBefore() * weight.shape()[1]))));
            }
        }
        return Map.of();
    }

    /** Memory for one tensor at a time: that of one is freed when the next is asked for. */
    private static final class Scratch implements AutoCloseable {
        private Arena arena = Arena.ofConfined();

        Arena next() {
            arena.close();
            arena = Arena.ofConfined();
            return arena;
        }

        @Override
        public void close() {
            arena.close();
        }
    }

    /**
     * How a weight is stored.
     *
     * @param type of its blocks
     * @param data gives them, rows in GGUF's order; asked once, when the weight's turn to be written comes
     */
    public record Stored(GgufType type, Supplier<MemorySegment> data) {}

    /**
     * Writes a model whose weights may be quantised.
     *
     * @param spec      its shape, with the ids that end a sequence
     * @param tokenizer keys of {@code tokenizer.*}; where the spec names the same token, the spec holds
     * @param name      what the model is called
     * @param fileType  llama.cpp's number for the kind of file ({@code llama_ftype})
     * @param more      keys besides
     * @param weights   how each of {@link #weights} is stored
     * @throws IllegalArgumentException when GGUF cannot express the spec
     */
    public static void write(Path file, NetworkSpec spec, Map<String, GgufValue> tokenizer, String name, int fileType, Map<String, GgufValue> more,
            Function<GgufWeight, Stored> weights) {
        Map<String, GgufValue> config = GgufConfig.write(spec);
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put(GgufConfig.ARCHITECTURE, config.get(GgufConfig.ARCHITECTURE));
        metadata.put("general.name", GgufValue.of(name));
        metadata.put("general.file_type", GgufValue.of(fileType));
        metadata.putAll(more);
        metadata.putAll(tokenizer);
        metadata.putAll(config);
        var entries = new ArrayList<GgufWriter.Entry>();
        if (spec instanceof DecoderSpec decoder) {
            new TreeMap<>(GgufRope.tensors(decoder.rope())).forEach((tensor, factors) -> entries.add(new GgufWriter.Entry(tensor, GgufType.F32,
                    new long[] {factors.length}, () -> MemorySegment.ofArray(factors))));
        }
        List<GgufWeight> all = weights(spec);
        for (int i = 0; i < all.size(); ) {
            GgufWeight weight = all.get(i);
            int next = i + 1;
            while (next < all.size() && all.get(next).gguf().equals(weight.gguf())) {
                next++;
            }
            entries.add(weight.isStacked() ? stacked(all.subList(i, next), weights) : alone(weight, weights.apply(weight)));
            i = next;
        }
        GgufWriter.write(file, metadata, List.copyOf(entries));
    }

    private static GgufWriter.Entry alone(GgufWeight weight, Stored stored) {
        return new GgufWriter.Entry(weight.gguf(), stored.type, weight.shape(), stored.data);
    }

    /** The experts of a layer, or its heads' norms, one after the other in one tensor. */
    private static GgufWriter.Entry stacked(List<GgufWeight> experts, Function<GgufWeight, Stored> weights) {
        List<Stored> stored = experts.stream().map(weights).toList();
        GgufType type = stored.getFirst().type;
        if (stored.stream().anyMatch(each -> each.type != type)) {
            throw new IllegalArgumentException(experts.getFirst().gguf() + ": expected one type for all experts, found several");
        }
        return new GgufWriter.Entry(experts.getFirst().gguf(), type, GgufWeight.stackedShape(experts.size(), experts.getFirst().shape()), stored.stream().map(Stored::data).toList());
    }

    /** The weights a file holds: those of the model, and for some tied ones the embedding once more as the head llama.cpp asks for. */
    public static List<GgufWeight> weights(NetworkSpec spec) {
        var weights = new ArrayList<>(GgufWeight.of(spec));
        if (spec instanceof DecoderSpec decoder && spec.tiedEmbeddings() && GgufConfig.family(decoder).repeatsTiedHead()) {
            GgufWeight embedding = weights.getFirst();
            weights.add(new GgufWeight(embedding.parameter(), "output.weight", embedding.shape(), null));
        }
        return weights;
    }

    /** The type a weight has in a file whose matrices are of {@code matrices}. */
    public static GgufType storedType(GgufWeight weight, GgufType matrices) {
        return weight.shape().length < 2 || weight.parameter().role().isKeptWhole() ? GgufType.F32 : matrices;
    }

    /** llama.cpp's number for a kind of file ({@code llama_ftype}). */
    private static int fileType(GgufType type) {
        return switch (type) {
            case F32 -> 0;
            case F16 -> 1;
            case BF16 -> 32;
            default -> throw new IllegalArgumentException("a GGUF file of plain floats is F32, F16 or BF16, not " + type);
        };
    }

    private static MemorySegment narrowed(GgufWeight weight, MemorySegment floats, GgufType type, Arena arena) {
        if (type == GgufType.F32) {
            return floats;
        }
        long elements = floats.byteSize() / Float.BYTES;
        if (type == GgufType.F16) {
            for (long i = 0; i < elements; i++) {
                float value = floats.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                if (Float.isFinite(value) && Float.isInfinite(Float.float16ToFloat(Float.floatToFloat16(value)))) {
                    throw new IllegalArgumentException("tensor " + weight.huggingFace() + ": expected weights F16 can hold, found " + value
                            + "; write BF16 or F32");
                }
            }
        }
        MemorySegment narrowed = arena.allocate(type.bytes(elements), Float.BYTES);
        HalfFloats.fromF32(floats, type == GgufType.F16 ? StorageType.F16 : StorageType.BF16, narrowed);
        return narrowed;
    }
}
