package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Rows of int8 activations as {@link IntegerKernelCode} reads them: for each 32 columns a record of {@link #RECORD} fields, each of as many 32-bit
 * numbers as the tile has rows, in native memory.
 */
final class ActivationRecords {
    /** Fields of a record. The first eight are four int8 each. */
    static final int QUADS = 0;
    private static final int QUADS_END = 8;
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
    /** Quads of one row of a unit, [tile, unit, 8]. */
    private final int[] quads;

    ActivationRecords(int rows, int units) {
        filled = new int[Math.multiplyExact(rows * units, RECORD)];
        quads = new int[rows == 1 ? 0 : rows * units];
        records = Arena.ofAuto().allocate(4L * filled.length, 64);
    }

    /** Address of the records of a tile, before which there are only tiles of eight. */
    long address(int tile, int units) {
        return records.address() + 4L * RECORD * 8 * tile * units;
    }

    /**
     * Fills the record of unit {@code u} in row r of n of a tile from {@code x[from …]}.
     *
     * @param largest absolutely of the 32 values; 0 for a row that is only room
     */
    void put(int tile, int units, int u, int r, int n, float[] x, int from, float largest) {
        if (Activations.inverse(largest) != 0 && DecoderOps.WARMTH.isWarm()) {
            vectorPut(tile, units, u, r, n, x, from, largest);
        } else {
            plainPut(tile, units, u, r, n, x, from, largest);
        }
    }

    /** With vectors of 256 bits or more, as machine code has. */
    void vectorPut(int tile, int units, int u, int r, int n, float[] x, int from, float largest) {
        int at = (8 * tile * units + u * n) * RECORD;
        float inverse = Activations.inverse(largest);
        int sum0 = 0;
        int sum1 = 0;
        // of one row, quads lie as they are made; of several they are put in their places afterwards
        int[] to = n == 1 ? filled : quads;
        int toAt = n == 1 ? at : 8 * (tile * units + u);
        for (int i = 0; i < 32; i += Lanes.COUNT) {
            IntVector q = Activations.rounded(x, from + i, inverse);
            ((ByteVector) q.convertShape(VectorOperators.I2B, Lanes.QUARTER, 0)).reinterpretAsInts().intoArray(to, toAt + i / 4);
            int sum = q.reduceLanes(VectorOperators.ADD);
            sum0 += i < 16 ? sum : 0;
            sum1 += i < 16 ? 0 : sum;
        }
        if (n > 1) {
            for (int i = 0; i < QUADS_END; i++) {
                filled[at + i * n + r] = quads[toAt + i];
            }
        }
        sums(at + r, n, largest, sum0, sum1);
    }

    private void plainPut(int tile, int units, int u, int r, int n, float[] x, int from, float largest) {
        int at = (8 * tile * units + u * n) * RECORD + r;
        float inverse = Activations.inverse(largest);
        int sum0 = 0;
        int sum1 = 0;
        for (int i = 0; i < QUADS_END; i++) {
            int quad = 0;
            for (int j = 0; j < 4 && inverse != 0; j++) {
                int q = PlainOps.rounded(x[from + 4 * i + j], inverse);
                quad |= (q & 255) << 8 * j;
                sum0 += i < 4 ? q : 0;
                sum1 += i < 4 ? 0 : q;
            }
            filled[at + i * n] = quad;
        }
        sums(at, n, largest, sum0, sum1);
    }

    /** The fields of a row after its quads, which begin at {@code to}. */
    private void sums(int to, int n, float largest, int sum0, int sum1) {
        int sum = sum0 + sum1;
        float scale = largest / 127;
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
