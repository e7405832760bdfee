package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.kernels.DecoderOps;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What a stack adds to the embedding of a token for its place: rows of a table that was learned, or sines. */
final class PositionRows {
    /** [rows, hidden]; null where they are sines. */
    private final float[] table;
    private final Positions.Sinusoidal sines;
    private final int hidden;
    private final Map<Integer, float[]> made = new ConcurrentHashMap<>();

    private PositionRows(float[] table, Positions.Sinusoidal sines, int hidden) {
        this.table = table;
        this.sines = sines;
        this.hidden = hidden;
    }

    /** @param table null where the stack has none  @return null where nothing is added */
    static PositionRows of(Stack stack, float[] table) {
        Positions.Sinusoidal sines = stack.positions() instanceof Positions.Sinusoidal rows ? rows : null;
        return table == null && sines == null ? null : new PositionRows(table, sines, stack.hiddenSize());
    }

    /** Adds a row, given by its number in the table, to {@code x[at …]}. */
    void add(int row, float[] x, int at) {
        if (table != null) {
            DecoderOps.add(x, at, table, row * hidden, hidden);
        } else {
            DecoderOps.add(x, at, made.computeIfAbsent(row, number -> sines.row(number, hidden)), 0, hidden);
        }
    }
}
