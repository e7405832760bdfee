package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * A weight of a network as GGUF has it, or would have it.
 *
 * @param parameter what it is in Hugging Face's files
 * @param gguf      such as {@code blk.0.attn_q.weight}; null where GGUF has no place for it
 * @param shape     in GGUF, rows first; of an expert, its part of the tensor that all of the layer share
 * @param headDim   rows of a head where the rows are those of heads, else 0
 */
public record GgufWeight(Parameter parameter, String gguf, long[] shape, int headDim) {

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** The name in Hugging Face's files, such as {@code model.layers.0.self_attn.q_proj.weight}. */
    public String huggingFace() {
        return parameter.name();
    }

    /** How the rows of GGUF are made from Hugging Face's. */
    public Layout layout() {
        return parameter.layout();
    }

    /** Whether it is one of several that GGUF keeps in one tensor, as it does with the experts of a layer. */
    public boolean isStacked() {
        return parameter.expert() >= 0;
    }

    /** The weights of a decoder, layer after layer, within one in the order of {@link Role}. */
    public static List<GgufWeight> of(DecoderSpec spec) {
        List<GgufWeight> weights = ofNetwork(spec);
        for (GgufWeight weight : weights) {
            if (weight.gguf == null) {
                throw new IllegalArgumentException("GGUF has no place for " + weight.huggingFace() + " of a " + spec.family().modelType());
            }
        }
        return weights;
    }

    /** The same of any network, whether or not GGUF has a place for it: matrices output by input. */
    public static List<GgufWeight> ofNetwork(NetworkSpec spec) {
        List<GgufWeight> weights = new ArrayList<>();
        for (Parameter p : Parameters.of(spec)) {
            long[] shape = p.layout() == Layout.TRANSPOSED ? new long[] {p.outputs(), p.inputs()} : p.shape();
            weights.add(new GgufWeight(p, p.gguf(), shape, p.layout() == Layout.INTERLEAVED ? spec.stack().layers().get(p.layer()).attention().headDim() : 0));
        }
        weights.sort(Comparator.comparingInt((GgufWeight weight) -> place(weight.parameter)).thenComparing(weight -> weight.parameter.role())
                .thenComparing(weight -> weight.parameter.bias()));
        return weights;
    }

    /** Before the layers, in a layer, or after them. */
    private static int place(Parameter p) {
        return p.layer() >= 0 ? p.layer() : p.role().compareTo(Role.NORM1) < 0 ? -1 : Integer.MAX_VALUE;
    }

    /**
     * Rows of GGUF in Hugging Face's order; the blocks of a row stay as they are, whatever their type.
     *
     * @param rows   the whole tensor, rows of {@code rowBytes}
     * @param target as large as {@code rows}
     */
    public void toHuggingFaceRows(MemorySegment rows, MemorySegment target, long rowBytes) {
        moveRows(rows, target, rowBytes, false);
    }

    /** Rows of Hugging Face's in GGUF's order: the inverse of {@link #toHuggingFaceRows}. */
    public void toGgufRows(MemorySegment rows, MemorySegment target, long rowBytes) {
        moveRows(rows, target, rowBytes, true);
    }

    private void moveRows(MemorySegment source, MemorySegment target, long rowBytes, boolean interleave) {
        if (layout() != Layout.INTERLEAVED) {
            MemorySegment.copy(source, 0, target, 0, source.byteSize());
            return;
        }
        for (long row = 0; row < shape[0]; row++) {
            long interleaved = interleaved(row);
            MemorySegment.copy(source, (interleave ? row : interleaved) * rowBytes, target, (interleave ? interleaved : row) * rowBytes,
                    rowBytes);
        }
    }

    /** {@link #fromHuggingFace(TensorView, SegmentAllocator)} in memory off the heap that lives as long as it is reachable. */
    public MemorySegment fromHuggingFace(TensorView view) {
        return fromHuggingFace(view, Arena.ofAuto());
    }

    /**
     * The weight as GGUF has it, from Hugging Face's, as F32. Nothing else as large is made on the way.
     *
     * @param view an F64, F32, F16 or BF16 tensor of Hugging Face's shape
     * @param to   gives the memory for the result
     * @return {@link #shape} elements
     */
    public MemorySegment fromHuggingFace(TensorView view, SegmentAllocator to) {
        boolean transposed = layout() == Layout.TRANSPOSED;
        view.requireShape(transposed ? new long[] {shape[1], shape[0]} : shape);
        MemorySegment floats = to.allocate(view.elements() * Float.BYTES, Float.BYTES);
        if (layout() == Layout.SAME) {
            HalfFloats.toF32(view.type(), view.data(), floats);
            return floats;
        }
        long rows = shape[transposed ? 1 : 0];
        long width = view.elements() / rows;
        float[] row = new float[Math.toIntExact(width)];
        for (long r = 0; r < rows; r++) {
            HalfFloats.toF32(view.type(), view.data().asSlice(r * width * view.type().bytes(), width * view.type().bytes()), MemorySegment.ofArray(row));
            if (transposed) {
                for (int i = 0; i < row.length; i++) {
                    floats.setAtIndex(ValueLayout.JAVA_FLOAT, i * rows + r, row[i]);
                }
            } else {
                MemorySegment.copy(row, 0, floats, ValueLayout.JAVA_FLOAT, interleaved(r) * width * Float.BYTES, row.length);
            }
        }
        return floats;
    }

    /** Where a row of Hugging Face's stands in GGUF's order. */
    private long interleaved(long row) {
        long inHead = row % headDim;
        return row - inHead + 2 * (inHead % (headDim / 2)) + inHead / (headDim / 2);
    }
}
