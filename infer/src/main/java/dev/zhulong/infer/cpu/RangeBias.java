package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Positions.RelativeBias;

/**
 * The learned numbers that are added to scores by how far two tokens are apart (T5, Raffel et al. 2020), laid out for each head by distance, so that those of
 * neighbouring positions stand side by side.
 */
final class RangeBias {
    private final RelativeBias positions;
    /** [buckets, heads]. */
    private final float[] table;
    private final int heads;
    private final boolean bothWays;
    private int longest;
    private float[] values = {};

    /** @param bothWays whether positions see what comes after them too */
    RangeBias(RelativeBias positions, float[] table, int heads, boolean bothWays) {
        this.positions = positions;
        this.table = table;
        this.heads = heads;
        this.bothWays = bothWays;
    }

    /** Makes those of sequences of {@code length} tokens. Not while others read. */
    void reach(int length) {
        if (length <= longest) {
            return;
        }
        longest = Math.max(length, Math.min(2 * longest, length + 1024));
        int span = span();
        values = new float[Math.multiplyExact(heads, span)];
        for (int i = 0; i < span; i++) {
            int bucket = positions.bucket(i - longest + 1, bothWays);
            for (int head = 0; head < heads; head++) {
                values[head * span + i] = table[bucket * heads + head];
            }
        }
    }

    /** Distances of each head: position seen, less the position that sees. */
    private int span() {
        return bothWays ? 2 * longest - 1 : longest;
    }

    float[] values() {
        return values;
    }

    /** Where in {@link #values} the number of position 0 stands for a query of a head; that of position p stands p further. */
    int at(int head, int query) {
        return head * span() + longest - 1 - query;
    }

    long bytes() {
        return (long) Float.BYTES * table.length;
    }
}
