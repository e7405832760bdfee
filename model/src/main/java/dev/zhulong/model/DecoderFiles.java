package dev.zhulong.model;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Decoders to and from Hugging Face directories. */
public final class DecoderFiles {
    private DecoderFiles() {}

    /** Opens {@code directory}, loads its weights as F32 and closes it again. */
    public static Decoder load(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files);
        }
    }

    /** Loads weights as F32, whatever float type they are stored in. Buffers that are not weights are passed over; missing or misshapen
     * weights, and weights nobody knows, are errors that name the tensor. */
    public static Decoder load(ModelDirectory files) {
        DecoderSpec spec = files.spec();
        Architecture architecture = Architecture.of(spec);
        Map<String, TensorView> stored = byCanonicalName(files, spec);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        architecture.parameters().forEach((name, p) -> {
            TensorView view = stored.remove(name);
            if (view == null) {
                throw new FormatException(files.path(), "tensor " + name + " of shape " + Arrays.toString(p.shape()) + " is missing"
                        + (name.equals(architecture.head()) ? "; config.json says tie_word_embeddings is false" : ""));
            }
            view.requireShape(p.shape());
            if (!view.type().isFloat()) {
                throw new FormatException(view.file(), "tensor " + view.name() + " has type " + view.type() + ", expected a float type");
            }
            Tensor t = Tensor.empty(DType.F32, p.shape()).keep();
            HalfFloats.toF32(view.type(), view.data(), t.segment());
            tensors.put(name, t);
        });
        if (spec.tiedEmbeddings()) {
            // Hugging Face ignores a stored head when the configuration ties it
            stored.remove(architecture.head());
        }
        if (!stored.isEmpty()) {
            throw new FormatException(files.path(), "tensor " + stored.keySet().iterator().next() + " has no place in a "
                    + spec.family() + " decoder (" + stored.size() + " such)");
        }
        return new Decoder(spec, architecture, tensors);
    }

    private static Map<String, TensorView> byCanonicalName(ModelDirectory files, DecoderSpec spec) {
        Map<String, TensorView> stored = new LinkedHashMap<>();
        files.tensors().forEach((name, view) -> {
            if (name.endsWith(".rotary_emb.inv_freq") || name.endsWith(".attn.bias") || name.endsWith(".attn.masked_bias")) {
                return; // constants older versions of transformers saved
            }
            // GPT-2's first files were saved without the outer prefix
            boolean bare = spec.family() == DecoderSpec.Family.GPT2 && !name.startsWith("transformer.") && !name.startsWith("lm_head.");
            stored.put(bare ? "transformer." + name : name, view);
        });
        return stored;
    }

    /**
     * Writes {@code config.json} and {@code model.safetensors} into {@code directory}, each atomically.
     *
     * @param type F32, BF16 or F16
     */
    public static void save(Decoder model, Path directory, StorageType type) {
        AtomicFile.writeString(directory.resolve("config.json"), HfConfig.write(model.spec(), type));
        writeTensors(directory.resolve("model.safetensors"), model.parameters(), type);
    }

    /** Writes named F32 tensors, in this order, as one safetensors file of {@code type}. */
    public static void writeTensors(Path file, Map<String, Tensor> tensors, StorageType type) {
        try (Arena arena = Arena.ofShared()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            tensors.forEach((name, t) -> entries.add(new SafetensorsWriter.Entry(name, type, t.shape(), () -> {
                if (type == StorageType.F32) {
                    return t.segment();
                }
                MemorySegment half = arena.allocate(t.elements() * type.bytes(), 64);
                HalfFloats.fromF32(t.segment(), type, half);
                return half;
            })));
            SafetensorsWriter.write(file, Map.of("format", "pt"), entries);
        }
    }
}
