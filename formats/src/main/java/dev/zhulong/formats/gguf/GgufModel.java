package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A decoder in a GGUF file, its weights under Hugging Face's names: what {@link dev.zhulong.formats.ModelDirectory} is to a directory.
 *
 * <pre>{@code
 * try (var model = GgufModel.open(Path.of("model.Q8_0.gguf")); var arena = Arena.ofShared()) {
 *     DecoderSpec spec = model.spec();
 *     GgufTensor query = model.tensor("model.layers.0.self_attn.q_proj.weight", arena);
 * }
 * }</pre>
 */
public final class GgufModel implements AutoCloseable {

    private final GgufFile file;
    private final DecoderSpec spec;
    private final Map<String, GgufWeight> weights;

    private GgufModel(GgufFile file, DecoderSpec spec, Map<String, GgufWeight> weights) {
        this.file = file;
        this.spec = spec;
        this.weights = Collections.unmodifiableMap(weights);
    }

    /**
     * Opens a model and checks that its weights are all there, of the right shapes and of types Zhulong computes with.
     *
     * @throws FormatException when something is missing, wrong, or more than the architecture has
     */
    public static GgufModel open(Path path) {
        GgufFile file = GgufFile.open(path);
        boolean opened = false;
        try {
            DecoderSpec spec = GgufConfig.read(file);
            var weights = new LinkedHashMap<String, GgufWeight>();
            Set<String> known = new HashSet<>(Set.of("output.weight"));
            known.addAll(GgufRope.tensors(spec.rope()).keySet());
            List<GgufWeight> all = GgufWeight.of(spec);
            Map<String, Long> stacked = all.stream().filter(GgufWeight::isStacked).collect(Collectors.groupingBy(GgufWeight::gguf, Collectors.counting()));
            for (GgufWeight weight : all) {
                long[] shape = weight.shape();
                GgufTensor stored = file.tensor(weight.gguf());
                stored.requireShape(weight.isStacked() ? GgufWeight.stackedShape(stacked.get(weight.gguf()), shape) : shape).requireSupported();
                weights.put(weight.huggingFace(), weight);
                known.add(weight.gguf());
            }
            for (String name : file.tensors().keySet()) {
                if (!known.contains(name)) {
                    throw FormatException.at(path, "tensor " + FormatException.quote(name), "only weights that " + spec.family().title()
                            + " has (a model with more would run wrongly without them)", "this one too");
                }
            }
            opened = true;
            return new GgufModel(file, spec, weights);
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    /** The decoder's shape. */
    public DecoderSpec spec() {
        return spec;
    }

    /** The container. */
    public GgufFile file() {
        return file;
    }

    /** The weights by Hugging Face's names, in the order of the model. */
    public Map<String, GgufWeight> weights() {
        return weights;
    }

    /**
     * A weight with its rows in Hugging Face's order. GPT-2's projections stay output by input, the transpose of Hugging Face's.
     *
     * @param huggingFaceName such as {@code model.layers.0.self_attn.q_proj.weight}
     * @param copies          where rows go that had to be put in another order; the others stay where they lie in the file
     * @throws FormatException when the model has no such weight
     */
    public GgufTensor tensor(String huggingFaceName, SegmentAllocator copies) {
        GgufWeight weight = weights.get(huggingFaceName);
        if (weight == null) {
            throw new FormatException(file.path(), "no weight " + FormatException.quote(huggingFaceName) + " in this model");
        }
        GgufTensor stored = file.tensor(weight.gguf());
        MemorySegment data = stored.data();
        if (weight.isStacked()) {
            long bytes = data.byteSize() / stored.shape()[0];
            data = data.asSlice(weight.parameter().expert() * bytes, bytes);
        }
        if (weight.layout() == Layout.LESS_ONE) {
            TensorView plain = stored.plain().orElseThrow(() -> FormatException.at(file.path(), "tensor " + FormatException.quote(stored.name()),
                    "F32, as norms are", stored.type()));
            data = copies.allocate(plain.elements() * Float.BYTES, GgufHeader.DEFAULT_ALIGNMENT);
            HalfFloats.toF32(plain.type(), plain.data(), data);
            GgufWeight.add(data, -1);
            return new GgufTensor(huggingFaceName, GgufType.F32, weight.shape(), data, stored.file());
        }
        if (weight.isMoved()) {
            MemorySegment moved = copies.allocate(data.byteSize(), GgufHeader.DEFAULT_ALIGNMENT);
            weight.toHuggingFaceRows(data, moved, data.byteSize() / weight.shape()[0]);
            data = moved;
        }
        return new GgufTensor(huggingFaceName, stored.type(), weight.shape(), data, stored.file());
    }

    /** Unmaps the file; its tensors die, copies do not. */
    @Override
    public void close() {
        file.close();
    }
}
