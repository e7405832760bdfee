package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Attention within pieces that do not see each other: documents, or the blocks that they are cut into, the last partial one included. */
final class PieceAttention implements LocalAttention {
    /**
     * Pieces of the same length, one after another.
     *
     * @param mask added to the scores [count, 1, 1 or length, length]; null where all is seen
     */
    private record Run(int count, int length, Tensor mask) {}

    private final Rows rows;
    private final boolean causal;
    private final List<Run> runs = new ArrayList<>();
    /** 0 where a token sees nothing, [tokens, 1, 1]; null where none does. */
    private final Tensor sees;

    /** @param most longest piece */
    PieceAttention(Rows rows, int most, boolean causal) {
        this.rows = rows;
        this.causal = causal;
        boolean[] blind = new boolean[rows.tokens()];
        int from = 0;
        int count = 0;
        int length = 0;
        for (int at = 0; at < rows.tokens();) {
            int next = Math.min(rows.end(at), at + most);
            if (count > 0 && next - at != length) {
                runs.add(run(from, count, length, blind));
                from = at;
                count = 0;
            }
            length = next - at;
            count++;
            at = next;
        }
        runs.add(run(from, count, length, blind));
        sees = Rows.allBut(blind);
    }

    /** A run that begins at token {@code from}; marks what sees nothing. */
    private Run run(int from, int count, int length, boolean[] blind) {
        boolean masked = false;
        float[] hidden = new float[count * length];
        float[] nothing = new float[count * length];
        for (int piece = 0; piece < count; piece++) {
            int at = piece * length;
            int seen = 0;
            for (int i = at; i < at + length; i++) {
                hidden[i] = rows.isHidden(from + i) ? 1 : 0;
                seen += rows.isHidden(from + i) ? 0 : 1;
                blind[from + i] = rows.isBlind(from + i) || causal && seen == 0;
            }
            if (seen == 0) {
                // a softmax over nothing is no number: what sees nothing looks at all, and is made 0 afterwards
                Arrays.fill(hidden, at, at + length, 0);
                Arrays.fill(blind, from + at, from + at + length, true);
            }
            for (int i = at; i < at + length; i++) {
                nothing[i] = blind[from + i] ? 1 : 0;
                masked |= hidden[i] > 0;
            }
        }
        if (!masked) {
            return new Run(count, length, null);
        }
        Tensor no = Tensor.zeros(DType.F32, 1);
        Tensor mask = Tensor.zeros(DType.F32, count, 1, causal ? length : 1, length)
                .maskedFill_(Tensor.of(hidden, count, 1, 1, length).gt(no), Double.NEGATIVE_INFINITY);
        if (causal) {
            mask.maskedFill_(Tensor.arange(length).unsqueeze(0).gt(Tensor.arange(length).unsqueeze(1)), Double.NEGATIVE_INFINITY);
            mask.maskedFill_(Tensor.of(nothing, count, 1, length, 1).gt(no), 0);
        }
        return new Run(count, length, mask);
    }

    @Override
    public Tensor rowsToAll() {
        return null;
    }

    @Override
    public Tensor attend(Tensor q, Tensor k, Tensor v, Scoring scoring, Own own) {
        List<Tensor> queries = split(q);
        List<Tensor> keys = split(k);
        List<Tensor> values = split(v);
        Tensor[] parts = new Tensor[runs.size()];
        for (int i = 0; i < parts.length; i++) {
            Run run = runs.get(i);
            Tensor y = scoring.attend(heads(queries.get(i), run), heads(keys.get(i), run), heads(values.get(i), run), run.mask, causal && run.mask == null);
            parts[i] = LocalAttention.flat(y);
        }
        Tensor all = parts.length == 1 ? parts[0] : Tensor.cat(0, parts);
        return LocalAttention.heads(sees == null ? all : all.mul(sees.to(all.dtype())), rows);
    }

    /** By run; joined again in one copy on the way back. */
    private List<Tensor> split(Tensor x) {
        Tensor flat = LocalAttention.flat(x);
        return runs.size() == 1 ? List.of(flat) : flat.split(0, runs.stream().mapToLong(run -> (long) run.count * run.length).toArray());
    }

    private static Tensor heads(Tensor flat, Run run) {
        return flat.view(run.count, run.length, flat.size(1), flat.size(2)).transpose(1, 2);
    }
}
