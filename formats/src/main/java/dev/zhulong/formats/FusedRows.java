package dev.zhulong.formats;

import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import java.util.Arrays;
import java.util.stream.IntStream;

/** Matrices that files hold fused: which of their rows belong to which product. */
public final class FusedRows {
    private FusedRows() {}

    /**
     * The rows (outputs) of each product of a weight, or the elements of its bias: queries, keys and values of {@link Role#QKV}, gate and way up of
     * {@link Role#GATE_UP}, all rows of any other.
     */
    public static int[][] of(Parameter parameter, Layer layer) {
        int[] rows = IntStream.range(0, Math.toIntExact(parameter.outputs())).toArray();
        return switch (parameter.role()) {
            case QKV -> {
                Attention a = layer.attention();
                yield cut(parameter.layout() == Layout.BY_HEAD ? byHead(a) : rows, a.width(), a.kvWidth(), a.kvWidth());
            }
            case GATE_UP -> cut(rows, rows.length / 2, rows.length / 2);
            default -> new int[][] {rows};
        };
    }

    /** Rows of a {@link Layout#BY_HEAD} matrix in the order of GGUF: all queries, all keys, all values. */
    public static int[] byHead(Attention a) {
        int[] rows = new int[a.width() + 2 * a.kvWidth()];
        int sharing = a.heads() / a.kvHeads();
        for (int row = 0; row < rows.length; row++) {
            int group = row / ((sharing + 2) * a.headDim());
            int head = row / a.headDim() % (sharing + 2);
            int first = head < sharing ? (group * sharing + head) * a.headDim() : a.width() + (head - sharing) * a.kvWidth() + group * a.headDim();
            rows[first + row % a.headDim()] = row;
        }
        return rows;
    }

    private static int[][] cut(int[] rows, int... widths) {
        int[][] parts = new int[widths.length][];
        int from = 0;
        for (int i = 0; i < widths.length; i++) {
            parts[i] = Arrays.copyOfRange(rows, from, from + widths[i]);
            from += widths[i];
        }
        return parts;
    }
}
