package dev.zhulong.model;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.gguf.DirectoryWeights;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/** Networks to and from Hugging Face directories. */
public final class NetworkFiles {
    private NetworkFiles() {}

    /** The tensors of a network, and the projections that were rounded, by module name; both belong to who asked. */
    record Loaded(Map<String, Tensor> tensors, Map<String, QuantizedMatrix> quantized) {}

    /** Opens {@code directory}, loads its network as F32, onto the device whose scope is open, and closes it again. */
    public static Network load(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files);
        }
    }

    /** Loads the network of an open directory as F32, onto the device whose scope is open. */
    public static Network load(ModelDirectory files) {
        return switch (files.network()) {
            case DecoderSpec decoder -> DecoderFiles.load(files);
            case EncoderSpec encoder -> EncoderFiles.load(files);
            case EncoderDecoderSpec both -> EncoderDecoder.load(files);
            case VisionSpec vision -> VisionEncoder.load(files);
        };
    }

    /**
     * Loads the network that an adapter was made for: an encoder has the head that the adapter brings, whatever it holds until the adapter is on.
     *
     * @throws FormatException where neither the base nor the adapter has a weight; names it
     */
    public static Network loadBase(Path base, Path adapter) {
        if (!(ModelDirectory.readNetwork(base) instanceof EncoderSpec)) {
            return load(base);
        }
        EncoderSpec spec;
        try (ModelDirectory adapted = ModelDirectory.open(base, Optional.of(adapter))) {
            spec = (EncoderSpec) adapted.network();
            DirectoryWeights.of(adapted, Map.of());
        }
        try (ModelDirectory files = ModelDirectory.open(base)) {
            return EncoderFiles.loadAs(files, spec, 0);
        }
    }

    /**
     * Loads weights as F32 onto the device whose scope is open, whatever float type they are stored in. Buffers that are not weights are passed over;
     * missing or misshapen weights, and weights nobody knows, are errors that name the tensor.
     *
     * @param format what the layers' projections are rounded to as they are read, so that they are never all there in F32
     */
    static Loaded load(ModelDirectory files, Optional<QuantizedMatrix.Format> format) {
        Map<String, TensorView> stored = DirectoryWeights.of(files.plain(), Map.of());
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        Map<String, QuantizedMatrix> quantized = new LinkedHashMap<>();
        try {
            Parameters.of(files.network()).forEach(p -> {
                TensorView view = stored.get(p.name());
                if (format.isPresent() && p.isProjection()) {
                    quantized.put(p.module(), quantize(view, format.get(), p.shape()));
                } else {
                    Tensor t = Tensor.empty(DType.F32, p.shape()).keep();
                    tensors.put(p.name(), t);
                    if (view == null) {
                        t.zero_();
                    } else {
                        read(view, t);
                    }
                }
            });
        } catch (RuntimeException | Error e) {
            tensors.values().forEach(Tensor::close);
            quantized.values().forEach(QuantizedMatrix::close);
            throw e;
        }
        return new Loaded(tensors, quantized);
    }

    /** Loads plain weights, each put somewhere as soon as it is read: the file's pages leave memory again as well. */
    static Map<String, Tensor> load(ModelDirectory files, Placing placing) {
        Map<String, TensorView> stored = DirectoryWeights.of(files.plain(), Map.of());
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try {
            for (Parameter p : Parameters.of(files.network())) {
                TensorView view = stored.get(p.name());
                Tensor t = Tensor.empty(DType.F32, p.shape()).keep();
                if (view == null) {
                    t.zero_();
                } else {
                    t.write_(memory -> {
                        MemorySegment data = view.data();
                        HalfFloats.toF32(view.type(), data, memory);
                        if (data.isMapped() && placing != Placing.HERE) {
                            data.unload();
                        }
                    });
                }
                Tensor placed = placing.place(p, t);
                if (placed != null) {
                    tensors.put(p.name(), placed);
                }
            }
            return tensors;
        } catch (RuntimeException | Error e) {
            tensors.values().forEach(Tensor::close);
            throw e;
        }
    }

    /**
     * Reads the weights of a directory, one after another, as F32.
     *
     * @param spec that it must be of
     * @param into told each, which is gone afterwards
     * @throws FormatException if it is of another network
     */
    public static void read(Path directory, NetworkSpec spec, BiConsumer<Parameter, Tensor> into) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            if (!files.network().equals(spec)) {
                throw new FormatException(directory, "it holds a model of another shape");
            }
            load(files, (parameter, tensor) -> {
                try (tensor) {
                    into.accept(parameter, tensor);
                }
                return null;
            });
        }
    }

    /** The same for a network with a head that is to be trained: what the directory lacks of it is drawn. */
    static Loaded loadFresh(ModelDirectory files, NetworkSpec spec, Optional<QuantizedMatrix.Format> format, long seed) {
        Map<String, TensorView> stored = DirectoryWeights.of(files.plain(), spec, files.plain().weightsAs(spec), p -> switch (p.role()) {
            case HEAD, HEAD_DENSE, HEAD_NORM -> true;
            default -> false;
        });
        Map<String, Tensor> tensors = Network.fresh(spec, seed, Placing.only(p -> !stored.containsKey(p.name())));
        Map<String, QuantizedMatrix> quantized = new LinkedHashMap<>();
        try {
            for (Parameter p : Parameters.of(spec)) {
                TensorView view = stored.get(p.name());
                if (view != null && format.isPresent() && p.isProjection()) {
                    quantized.put(p.module(), quantize(view, format.get(), p.shape()));
                } else if (view != null) {
                    Tensor t = Tensor.empty(DType.F32, p.shape()).keep();
                    tensors.put(p.name(), t);
                    read(view, t);
                }
            }
            return new Loaded(tensors, quantized);
        } catch (RuntimeException | Error e) {
            tensors.values().forEach(Tensor::close);
            quantized.values().forEach(QuantizedMatrix::close);
            throw e;
        }
    }

    private static void read(TensorView view, Tensor to) {
        to.write_(memory -> HalfFloats.toF32(view.type(), view.data(), memory));
    }

    /** Names of the projections inside the blocks, as modules. */
    static List<String> projections(NetworkSpec spec) {
        return Parameters.of(spec).all().stream().filter(Parameter::isProjection).map(Parameter::module).toList();
    }

    private static QuantizedMatrix quantize(TensorView view, QuantizedMatrix.Format format, long[] shape) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment floats = arena.allocate(4 * shape[0] * shape[1], 64);
            HalfFloats.toF32(view.type(), view.data(), floats);
            return QuantizedMatrix.of(floats, format, shape[0], shape[1]);
        } catch (IllegalArgumentException e) {
            throw new FormatException(view.file(), "tensor " + view.name() + ": " + e.getMessage());
        }
    }

    /**
     * Writes {@code config.json} and {@code model.safetensors} into {@code directory}, each atomically.
     *
     * @param type F32, BF16 or F16
     * @throws IllegalArgumentException naming the tensor, if a finite weight is too large for {@code type}; nothing is written then
     * @throws IllegalStateException    naming a weight that is away for good
     */
    public static void save(Network model, Path directory, StorageType type) {
        if (model.isQuantized()) {
            throw new IllegalArgumentException("a quantized model is not written: save its adapter, and merge that into the model it was loaded from");
        }
        if (model.residency() == Residency.HERE) {
            // one that is away is an error: a file without it would be found out only when it is read
            model.weights().values().forEach(Weight::tensor);
        }
        try (var weights = new EachWeight(model)) {
            if (type != StorageType.F32) {
                model.weights().forEach((name, weight) -> requireFits(name, weights.tensor(weight), type));
            }
            AtomicFile.writeString(directory.resolve("config.json"), HfConfig.write(model.spec(), type));
            write(directory.resolve("model.safetensors"), model, weights, type);
        }
    }

    /** Under the names, and in the order, that files of the family have. */
    private static void write(Path file, Network model, EachWeight each, StorageType type) {
        Map<String, TensorView> weights = new LinkedHashMap<>();
        model.weights().forEach((name, weight) -> weights.put(name,
                TensorView.made(name, StorageType.F32, weight.parameter().shape(), () -> floats(each.tensor(weight)), file)));
        Map<String, TensorView> stored = model.spec().family().stored(model.spec(), weights);
        if (stored == weights) {
            writeTensors(file, model.weights().values().stream().map(weight ->
                    new Named(weight.parameter().name(), weight.parameter().shape(), () -> each.tensor(weight))).toList(), type);
            return;
        }
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        stored.values().forEach(view -> entries.add(new SafetensorsWriter.Entry(view.name(), type, view.shape(), () -> {
            MemorySegment floats = view.data();
            if (type == StorageType.F32) {
                return floats;
            }
            MemorySegment half = Arena.ofAuto().allocate(view.elements() * type.bytes(), 64);
            HalfFloats.fromF32(floats, type, half);
            return half;
        })));
        SafetensorsWriter.write(file, Map.of("format", "pt"), entries);
    }

    private static MemorySegment floats(Tensor t) {
        MemorySegment copy = Arena.ofAuto().allocate(4 * t.elements(), 64);
        try (var fetched = new FetchedTensor()) {
            copy.copyFrom(fetched.elements(t));
        }
        return copy;
    }

    /** Refuses F32 weights that storing as {@code type} would turn into infinities. */
    static void requireFits(String name, Tensor weights, StorageType type) {
        if (type == StorageType.F32) {
            return;
        }
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            double largest = weights.abs().max().item();
            if (Double.isFinite(largest) && Double.isInfinite(Tensor.of(new float[] {(float) largest}, 1).to(dtype(type)).to(DType.F32).max().item())) {
                throw new IllegalArgumentException("tensor " + name + ": expected weights " + type + " can hold, found " + largest
                        + "; write " + (type == StorageType.F16 ? "BF16 or F32" : "F32"));
            }
        }
    }

    /** The type in which libtorch holds what is stored as {@code type}: F32, BF16 or F16. */
    static DType dtype(StorageType type) {
        return switch (type) {
            case BF16 -> DType.BF16;
            case F16 -> DType.F16;
            default -> DType.F32;
        };
    }

    /** Writes named F32 tensors as one safetensors file of {@code type}. */
    public static void writeTensors(Path file, Map<String, Tensor> tensors, StorageType type) {
        writeTensors(file, tensors.entrySet().stream().map(e -> new Named(e.getKey(), e.getValue().shape(), e::getValue)).toList(), type);
    }

    /**
     * A tensor to write.
     *
     * @param tensor F32 of this shape; asked for when its turn has come, and needed until the next is asked for
     */
    public record Named(String name, long[] shape, Supplier<Tensor> tensor) {}

    /** The same of tensors that need not all be there at once. */
    public static void writeTensors(Path file, List<Named> tensors, StorageType type) {
        try (var fetched = new FetchedTensor()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            tensors.forEach(named -> entries.add(new SafetensorsWriter.Entry(named.name, type, named.shape, () -> {
                MemorySegment floats = fetched.elements(named.tensor.get());
                if (type == StorageType.F32) {
                    return floats;
                }
                MemorySegment half = Arena.ofAuto().allocate(floats.byteSize() / Float.BYTES * type.bytes(), 64);
                HalfFloats.fromF32(floats, type, half);
                return half;
            })));
            SafetensorsWriter.write(file, Map.of("format", "pt"), entries);
        }
    }
}
