package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rows of int8 activations as {@link IntegerKernelCode} reads them: for each 32 columns a record of {@link #RECORD} fields, each of as many 32-bit
 * numbers as the tile has rows, in native memory.
 */
final class ActivationRecords {
    /** Fields of a record. The first eight are four int8 each, of four columns the middle ones exchanged, as weights of eight bits are. */
    static final int QUADS = 0;
    static final int SCALE = 8;
    /** Scale times the sum of the integers; then the same of either half. */
    static final int WEIGHTED = 9;
    static final int WEIGHTED_HALVES = 10;
    /** -8 times the sum of the integers; -128 times; and that of either half. */
    static final int BIAS_8 = 12;
    static final int BIAS_128 = 13;
    static final int BIAS_128_HALVES = 14;
    static final int RECORD = 16;

    /** [tile, unit, field, row of the tile]: filled here, then copied, since stores into a segment are slow in a process that has just started */
    private final int[] filled;
    private final MemorySegment records;

    ActivationRecords(int rows, int units) {
        filled = new int[Math.multiplyExact(rows * units, RECORD)];
        records = Arena.ofAuto().allocate(4L * filled.length, 64);
    }

    /** Address of the records of a tile, before which there are only tiles of eight. */
    long address(int tile, int units) {
        return records.address() + 4L * RECORD * 8 * tile * units;
    }

    /** Fills the record of unit {@code u} in row r of n of a tile from 32 integers {@code q[at …]}. */
    void put(int tile, int units, int u, int r, int n, int[] q, int at, float scale) {
        int to = (8 * tile * units + u * n) * RECORD + r;
        int sum0 = 0;
        int sum = 0;
        for (int i = 0; i < 8; i++) {
            int a = q[at + 4 * i];
            int b = q[at + 4 * i + 1];
            int c = q[at + 4 * i + 2];
            int d = q[at + 4 * i + 3];
            filled[to + (QUADS + i) * n] = a & 0xff | (c & 0xff) << 8 | (b & 0xff) << 16 | d << 24;
            sum += a + b + c + d;
            if (i == 3) {
                sum0 = sum;
            }
        }
        int sum1 = sum - sum0;
        filled[to + SCALE * n] = Float.floatToRawIntBits(scale);
        filled[to + WEIGHTED * n] = Float.floatToRawIntBits(scale * sum);
        filled[to + WEIGHTED_HALVES * n] = Float.floatToRawIntBits(scale * sum0);
        filled[to + (WEIGHTED_HALVES + 1) * n] = Float.floatToRawIntBits(scale * sum1);
        filled[to + BIAS_8 * n] = -8 * sum;
        filled[to + BIAS_128 * n] = -128 * sum;
        filled[to + BIAS_128_HALVES * n] = -128 * sum0;
        filled[to + (BIAS_128_HALVES + 1) * n] = -128 * sum1;
    }

    /** Makes the units {@code first … end} of a tile of n rows, which have been put, ready to be read. */
    void publish(int tile, int units, int first, int end, int n) {
        int from = (8 * tile * units + first * n) * RECORD;
        MemorySegment.copy(filled, from, records, ValueLayout.JAVA_INT, 4L * from, (end - first) * n * RECORD);
    }
}
