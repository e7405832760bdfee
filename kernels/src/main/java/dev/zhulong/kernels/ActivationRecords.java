package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Rows of int8 activations as {@link IntegerKernelCode} reads them: for each 32 columns of a row a record of {@link #RECORD} 32-bit numbers, those of a tile's rows
 * one after the other.
 */
final class ActivationRecords {
    /** Numbers of a record. The first eight are four int8 each. */
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

    /** [tile, unit, row of the tile, number] */
    private final int[] records;
    private final MemorySegment segment;

    ActivationRecords(int rows, int units) {
        records = new int[Math.multiplyExact(rows * units, RECORD)];
        segment = MemorySegment.ofArray(records);
    }

    /** From the records of a tile on, before which there are only tiles of eight. */
    MemorySegment from(int tile, int units) {
        return segment.asSlice(4L * RECORD * 8 * tile * units);
    }

    /**
     * Fills the record of unit {@code u} in row r of n of a tile from {@code x[from …]}.
     *
     * @param largest absolutely of the 32 values; 0 for a row that is only room
     */
    void put(int tile, int units, int u, int r, int n, float[] x, int from, float largest) {
        int at = at(tile, units, u, r, n);
        if (Activations.inverse(largest) != 0 && DecoderOps.WARMTH.isWarm()) {
            vectorPut(at, x, from, largest);
        } else {
            plainPut(at, x, from, largest);
        }
    }

    /** Fills the records of units {@code first} to {@code end} from {@code x[from …]} by machine code. */
    void put(int tile, int units, int first, int end, int r, int n, float[] x, int from) {
        RecordCode.apply(x, from, records, at(tile, units, first, r, n), end - first, n);
    }

    private static int at(int tile, int units, int u, int r, int n) {
        return (8 * tile * units + u * n + r) * RECORD;
    }

    /** With vectors of 256 bits or more, as machine code has. */
    void vectorPut(int at, float[] x, int from, float largest) {
        float inverse = Activations.inverse(largest);
        int sum0 = 0;
        int sum1 = 0;
        for (int i = 0; i < 32; i += Lanes.COUNT) {
            IntVector q = Activations.rounded(x, from + i, inverse);
            ((ByteVector) q.convertShape(VectorOperators.I2B, Lanes.QUARTER, 0)).reinterpretAsInts().intoArray(records, at + i / 4);
            int sum = q.reduceLanes(VectorOperators.ADD);
            sum0 += i < 16 ? sum : 0;
            sum1 += i < 16 ? 0 : sum;
        }
        sums(at, largest, sum0, sum1);
    }

    private void plainPut(int at, float[] x, int from, float largest) {
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
            records[at + i] = quad;
        }
        sums(at, largest, sum0, sum1);
    }

    /** The numbers of a record after its quads. */
    private void sums(int at, float largest, int sum0, int sum1) {
        int sum = sum0 + sum1;
        float scale = largest / 127;
        records[at + SCALE] = Float.floatToRawIntBits(scale);
        records[at + WEIGHTED] = Float.floatToRawIntBits(scale * sum);
        records[at + WEIGHTED_HALVES] = Float.floatToRawIntBits(scale * sum0);
        records[at + WEIGHTED_HALVES + 1] = Float.floatToRawIntBits(scale * sum1);
        records[at + BIAS_8] = -8 * sum;
        records[at + BIAS_128] = -128 * sum;
        records[at + BIAS_128_HALVES] = -128 * sum0;
        records[at + BIAS_128_HALVES + 1] = -128 * sum1;
    }
}
