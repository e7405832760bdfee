package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.VisionSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A network in a GGUF file, its weights under Hugging Face's names: what {@link dev.zhulong.formats.ModelDirectory} is to a directory.
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
    private final NetworkSpec spec;
    private final Map<String, GgufWeight> weights;

    private GgufModel(GgufFile file, NetworkSpec spec, Map<String, GgufWeight> weights) {
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
            NetworkSpec spec = GgufConfig.read(file);
            var weights = new LinkedHashMap<String, GgufWeight>();
            Set<String> known = new HashSet<>();
            if (spec instanceof DecoderSpec decoder) {
                known.add("output.weight");
                known.addAll(GgufRope.tensors(decoder.rope()).keySet());
            }
            if (spec instanceof EncoderDecoderSpec) {
                // the first T5's have it, and no program reads it
                known.add("dec.blk.0.cross_attn_rel_b.weight");
            }
            List<GgufWeight> all = GgufWeight.of(spec);
            Map<String, Long> stacked = all.stream().filter(GgufWeight::isStacked).collect(Collectors.groupingBy(GgufWeight::gguf, Collectors.counting()));
            for (GgufWeight weight : all) {
                long[] shape = weight.shape();
                weights.put(weight.huggingFace(), weight);
                if (isCut(file, weight)) {
                    CutUp cut = CutUp.of(file, weight, spec.layer(weight.parameter().layer()).attention());
                    known.add(cut.keys.name());
                    known.add(cut.values.name());
                    continue;
                }
                GgufTensor stored = file.tensor(weight.gguf());
                stored.requireShape(weight.isStacked() ? GgufWeight.stackedShape(stacked.get(weight.gguf()), shape) : shape).requireSupported();
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

    /**
     * The way up to keys and values of latent attention as today's llama.cpp keeps it, cut in two by head.
     *
     * @param keys   [heads, rank, still dimensions], turned over
     * @param values [heads, value dim, rank]
     */
    public record CutUp(GgufTensor keys, GgufTensor values) {
        private static CutUp of(GgufFile file, GgufWeight weight, Attention attention) {
            GgufTensor keys = file.tensor(weight.gguf().replace(".attn_kv_b.", ".attn_k_b.")).requireSupported();
            GgufTensor values = file.tensor(weight.gguf().replace(".attn_kv_b.", ".attn_v_b.")).requireSupported();
            int rank = attention.latent().rank();
            return new CutUp(keys.requireShape(attention.heads(), rank, attention.headDim() - attention.latent().rotaryDim()),
                    values.requireShape(attention.heads(), attention.latent().valueDim(), rank));
        }

        /** As one matrix [heads · (still dimensions + value dim), rank], in F32. */
        private MemorySegment whole(SegmentAllocator to) {
            long heads = keys.shape()[0];
            int rank = (int) keys.shape()[1];
            int still = (int) keys.shape()[2];
            int valueDim = (int) values.shape()[1];
            float[] k = plain(keys);
            float[] v = plain(values);
            MemorySegment whole = to.allocate((k.length + v.length) * (long) Float.BYTES, GgufHeader.DEFAULT_ALIGNMENT);
            long at = 0;
            for (int head = 0; head < heads; head++) {
                for (int i = 0; i < still * rank; i++) {
                    whole.setAtIndex(ValueLayout.JAVA_FLOAT, at++, k[(head * rank + i % rank) * still + i / rank]);
                }
                for (int i = 0; i < valueDim * rank; i++) {
                    whole.setAtIndex(ValueLayout.JAVA_FLOAT, at++, v[head * valueDim * rank + i]);
                }
            }
            return whole;
        }

        private static float[] plain(GgufTensor tensor) {
            return tensor.plain().orElseThrow(() -> FormatException.at(tensor.file(), "tensor " + FormatException.quote(tensor.name()),
                    "F32, F16 or BF16, which can be put together with its other half", tensor.type())).toFloats();
        }
    }

    private static boolean isCut(GgufFile file, GgufWeight weight) {
        return weight.parameter().role() == Role.KV_UP && !file.tensors().containsKey(weight.gguf());
    }

    /** The halves of a weight that lies cut in two; empty for all others. */
    public Optional<CutUp> cut(GgufWeight weight) {
        return isCut(file, weight) ? Optional.of(CutUp.of(file, weight, spec.layer(weight.parameter().layer()).attention())) : Optional.empty();
    }

    /** How a weight is stored; one that lies cut in two, as its values are. */
    public GgufType type(GgufWeight weight) {
        return cut(weight).map(CutUp::values).orElseGet(() -> file.tensor(weight.gguf())).type();
    }

    /** The network's shape. */
    public NetworkSpec network() {
        return spec;
    }

    /**
     * The same, of a decoder.
     *
     * @throws FormatException where the network is none
     */
    public DecoderSpec spec() {
        return switch (spec) {
            case DecoderSpec decoder -> decoder;
            case EncoderSpec encoder -> throw other("an encoder, which reads text and writes none: give it to embed, rerank or serve");
            case EncoderDecoderSpec both -> throw other("an encoder–decoder, which turns one text into another: give it to translate or serve");
            case VisionSpec vision -> throw other("a tower that sees pictures");
        };
    }

    private FormatException other(String kind) {
        return new FormatException(file.path(), spec.family().title() + " is " + kind + "; a decoder is needed here, one of " + Families.names(Families.decoders()));
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
        Optional<CutUp> cut = cut(weight);
        if (cut.isPresent()) {
            return new GgufTensor(huggingFaceName, GgufType.F32, weight.shape(), cut.get().whole(copies), file.path());
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
        if (weight.rowsBefore() > 0) {
            return new GgufTensor(huggingFaceName, GgufType.F32, weight.parameter().shape(), withRowsBefore(weight, stored, copies), stored.file());
        }
        if (weight.isMoved()) {
            MemorySegment moved = copies.allocate(data.byteSize(), GgufHeader.DEFAULT_ALIGNMENT);
            weight.toHuggingFaceRows(data, moved, data.byteSize() / weight.shape()[0]);
            data = moved;
        }
        return new GgufTensor(huggingFaceName, stored.type(), weight.shape(), data, stored.file());
    }

    private MemorySegment withRowsBefore(GgufWeight weight, GgufTensor stored, SegmentAllocator copies) {
        int count = Math.toIntExact(weight.rowsBefore() * weight.shape()[1]);
        float[] before = file.metadata().floats(GgufExport.ROWS_BEFORE, count);
        TensorView plain = stored.plain().orElseThrow(() -> FormatException.at(file.path(), "tensor " + FormatException.quote(stored.name()), "F32, as positions are", stored.type()));
        MemorySegment all = copies.allocate((count + plain.elements()) * Float.BYTES, GgufHeader.DEFAULT_ALIGNMENT);
        MemorySegment.copy(before, 0, all, ValueLayout.JAVA_FLOAT, 0, count);
        HalfFloats.toF32(plain.type(), plain.data(), all.asSlice((long) count * Float.BYTES));
        return all;
    }

    /** Unmaps the file; its tensors die, copies do not. */
    @Override
    public void close() {
        file.close();
    }
}
