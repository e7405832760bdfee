package dev.zhulong.formats.gguf;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FusedRows;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.LongStream;

/**
 * A weight of a network as GGUF has it, or would have it.
 *
 * @param parameter what it is in Hugging Face's files
 * @param gguf      such as {@code blk.0.attn_q.weight}; null where GGUF has no place for it
 * @param shape     in GGUF, rows first; of an expert, its part of the tensor that all of the layer share
 * @param attention of its layer, where the order of its rows follows from that; else null
 */
public record GgufWeight(Parameter parameter, String gguf, long[] shape, Attention attention) {

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

    /** Shape of a tensor that holds {@code count} weights of a shape. */
    static long[] stackedShape(long count, long... each) {
        return LongStream.concat(LongStream.of(count), LongStream.of(each)).toArray();
    }

    /** Whether it is one of several that GGUF keeps in one tensor, as it does with the experts of a layer. */
    public boolean isStacked() {
        return parameter.expert() >= 0;
    }

    /**
     * The weights of a network, layer after layer, within one in the order of {@link Role}.
     *
     * @throws IllegalArgumentException where GGUF has no place for one
     */
    public static List<GgufWeight> of(NetworkSpec spec) {
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
            long[] shape = switch (p.layout()) {
                case TRANSPOSED -> new long[] {p.outputs(), p.inputs()};
                case ROW -> new long[] {p.inputs()};
                case FROM_FIRST -> new long[] {p.outputs() - first(spec), p.inputs()};
                default -> p.shape();
            };
            boolean byHeads = p.layout() == Layout.INTERLEAVED || p.layout() == Layout.BY_HEAD;
            weights.add(new GgufWeight(p, p.gguf(), shape, byHeads ? spec.layer(p.layer()).attention() : null));
        }
        weights.sort(Comparator.comparingInt((GgufWeight weight) -> place(weight.parameter)).thenComparing(weight -> weight.parameter.role())
                .thenComparing(weight -> weight.parameter.bias()));
        return weights;
    }

    /** Row of a table of positions where position 0 stands. */
    private static int first(NetworkSpec spec) {
        return spec instanceof EncoderSpec encoder ? encoder.firstPosition() : 0;
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

    private void moveRows(MemorySegment source, MemorySegment target, long rowBytes, boolean toGguf) {
        int[] rows = huggingFaceRows();
        if (rows == null) {
            MemorySegment.copy(source, 0, target, 0, source.byteSize());
            return;
        }
        for (int row = 0; row < rows.length; row++) {
            MemorySegment.copy(source, (toGguf ? rows[row] : row) * rowBytes, target, (toGguf ? row : rows[row]) * rowBytes, rowBytes);
        }
    }

    /** Hugging Face's row for each of GGUF's; null where they are the same. */
    private int[] huggingFaceRows() {
        return switch (layout()) {
            case INTERLEAVED -> interleaved();
            case BY_HEAD -> FusedRows.byHead(attention);
            case SAME, TRANSPOSED, ROW, LESS_ONE, FROM_FIRST -> null;
        };
    }

    private int[] interleaved() {
        int[] rows = new int[Math.toIntExact(shape[0])];
        int half = attention.headDim() / 2;
        for (int row = 0; row < rows.length; row++) {
            int inHead = row % attention.headDim();
            rows[row] = row - inHead + inHead / 2 + inHead % 2 * half;
        }
        return rows;
    }

    /** Whether files of either kind hold other numbers, or hold them in another order. */
    public boolean isMoved() {
        return layout() == Layout.INTERLEAVED || layout() == Layout.BY_HEAD || layout() == Layout.LESS_ONE;
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
        view.requireShape(parameter.shape());
        MemorySegment floats = to.allocate(view.elements() * Float.BYTES, Float.BYTES);
        if (!transposed && huggingFaceRows() == null) {
            HalfFloats.toF32(view.type(), view.data(), floats);
            add(floats, layout() == Layout.LESS_ONE ? 1 : 0);
            return layout() == Layout.FROM_FIRST ? floats.asSlice(rowsBefore() * shape[1] * Float.BYTES) : floats;
        }
        if (transposed) {
            transpose(view, floats);
            return floats;
        }
        int[] rows = huggingFaceRows();
        long bytes = view.elements() / rows.length * view.type().bytes();
        long floatBytes = view.elements() / rows.length * Float.BYTES;
        MemorySegment data = view.data();
        for (int row = 0; row < rows.length; row++) {
            HalfFloats.toF32(view.type(), data.asSlice(rows[row] * bytes, bytes), floats.asSlice(row * floatBytes, floatBytes));
        }
        return floats;
    }

    /** Rows of Hugging Face's that GGUF has not, before all others. */
    long rowsBefore() {
        return layout() == Layout.FROM_FIRST ? parameter.outputs() - shape[0] : 0;
    }

    private static void transpose(TensorView view, MemorySegment floats) {
        long rows = view.shape()[0];
        float[] row = new float[Math.toIntExact(view.shape()[1])];
        long bytes = row.length * (long) view.type().bytes();
        MemorySegment data = view.data();
        for (long r = 0; r < rows; r++) {
            HalfFloats.toF32(view.type(), data.asSlice(r * bytes, bytes), MemorySegment.ofArray(row));
            for (int i = 0; i < row.length; i++) {
                floats.setAtIndex(ValueLayout.JAVA_FLOAT, i * rows + r, row[i]);
            }
        }
    }

    /** Adds a number to each of {@code floats}. */
    static void add(MemorySegment floats, float more) {
        for (long i = 0; more != 0 && i < floats.byteSize() / Float.BYTES; i++) {
            floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, floats.getAtIndex(ValueLayout.JAVA_FLOAT, i) + more);
        }
    }
}
