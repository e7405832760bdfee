package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.Stack;
import dev.zhulong.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;

/** The rotary tables of a stack: one for each way in which some of its layers turn queries and keys, none where positions are learned. */
final class RotaryTables implements AutoCloseable {
    private final Stack stack;
    private final Map<Rope, RotaryTable> tables = new LinkedHashMap<>();

    RotaryTables(Stack stack) {
        this.stack = stack;
        for (int layer = 0; layer < stack.layers().size(); layer++) {
            Rope rope = stack.rope(layer);
            if (rope != null) {
                tables.computeIfAbsent(rope, RotaryTable::new);
            }
        }
    }

    /**
     * Angles at the positions of a pass.
     *
     * @param cos [.., seq, 1, rotary dims]: broadcast over heads
     * @param sin as {@code cos}, negated where {@link RotaryTable#rotate} wants it
     */
    record Angles(Tensor cos, Tensor sin, boolean neighbours) {
        /** Heads [batch, seq, heads, head dim], turned. */
        Tensor rotate(Tensor heads) {
            return RotaryTable.rotate(heads, cos, sin, neighbours);
        }
    }

    /**
     * By layer; null where nothing turns.
     *
     * @param keys      positions that are seen
     * @param positions I64, [seq] or [batch, seq]
     */
    Angles[] at(int keys, Tensor positions) {
        Map<Rope, Angles> made = new LinkedHashMap<>();
        tables.forEach((rope, table) -> made.put(rope, new Angles(table.cos(keys, positions).unsqueeze(-2), table.sin(keys, positions).unsqueeze(-2),
                rope.neighbours())));
        var angles = new Angles[stack.layers().size()];
        for (int layer = 0; layer < angles.length; layer++) {
            angles[layer] = made.get(stack.rope(layer));
        }
        return angles;
    }

    @Override
    public void close() {
        tables.values().forEach(RotaryTable::close);
    }
}
