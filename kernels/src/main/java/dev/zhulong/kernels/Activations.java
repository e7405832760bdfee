package dev.zhulong.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Rows of activations A [rows, columns] in the forms that the kernels read: as they are, and as int8 with a scale for each 32.
 *
 * <p>Rows lie in tiles of eight, the last tile of one, four or eight (zeros where rows are missing); within a tile the rows are
 * interleaved. Made once for a width and the most rows, then filled again and again without allocation.
 */
public final class Activations {
    /** Added to a float below 2^22, leaves it rounded to the nearest integer (of two, the even one) in the low bits. */
    static final float ROUND = 0x1.8p23f;
    static final int ROUND_BITS = 0x4b400000;

    /** Parts that a single tile is prepared in. */
    private static final int PARTS = 8;

    private final int maxRows;
    private final int maxColumns;
    private int rows;
    private int columns;
    // kept, so that preparing allocates nothing
    private final ThreadPool.Task integerParts = this::integerPart;
    private final ThreadPool.Task recordParts = this::recordPart;
    private final ThreadPool.Task floatParts = this::floatPart;
    private int parts;
    private boolean floatsReady;
    private boolean integersReady;
    private boolean recordsReady;
    private float[] source;
    private int sourceOffset;

    /** [tile, column, row of the tile]; null until they are asked for, as are the other forms. */
    float[] values;
    /** The integers for the vector kernels. */
    ActivationIntegers integers;
    /** The integers for machine code. */
    ActivationRecords records;
    /** Integers of 32 columns, [tile and part, column]. */
    private final int[] scratch;

    /** Room for {@code maxRows} rows of {@code maxColumns}. */
    public Activations(int maxRows, int maxColumns) {
        this.maxRows = maxRows;
        this.maxColumns = maxColumns;
        scratch = new int[32 * Math.max(PARTS, room() / 8)];
    }

    private static int paddedColumns(int columns) {
        return (columns + PackedWeights.UNIT - 1) / PackedWeights.UNIT * PackedWeights.UNIT;
    }

    /** Takes rows from {@code from[offset …]}, which must not change until the products with them are done. */
    public void set(float[] from, int offset, int newRows, int newColumns) {
        if (newRows < 1 || newRows > maxRows || newColumns < 1 || newColumns > maxColumns) {
            throw new IllegalArgumentException("activations [" + newRows + ", " + newColumns + "]: there is room for [" + maxRows + ", "
                    + maxColumns + "]");
        }
        if (offset < 0 || from.length - offset < (long) newRows * newColumns) {
            throw new IllegalArgumentException("activations [" + newRows + ", " + newColumns + "] at " + offset + " of an array of " + from.length);
        }
        rows = newRows;
        columns = newColumns;
        source = from;
        sourceOffset = offset;
        floatsReady = false;
        integersReady = false;
        recordsReady = false;
    }

    /** Rows set last. */
    public int rows() {
        return rows;
    }

    /** Columns set last. */
    public int columns() {
        return columns;
    }

    int tiles() {
        return (rows + 7) / 8;
    }

    /** Rows of tile {@code t} with those that are only room: 1, 4 or 8. */
    int tileRows(int t) {
        int left = rows - 8 * t;
        return left == 1 ? 1 : left <= 4 ? 4 : 8;
    }

    /** Number of a tile's kind by its rows: 0, 1, 2 for 1, 4, 8. */
    static int tileKind(int rows) {
        return rows == 1 ? 0 : rows == 4 ? 1 : 2;
    }

    int units() {
        return paddedColumns(columns) / PackedWeights.UNIT;
    }

    /**
     * Makes the form that {@code weights} are multiplied with, unless it is there. What it takes is allocated at the first time.
     *
     * @param machine whether machine code multiplies them
     */
    void prepare(PackedWeights weights, boolean machine, ThreadPool pool) {
        // by columns, not by rows: rows of a tile share cache lines
        parts = rows == 1 ? 1 : tiles() == 1 ? Math.min(PARTS, units()) : 1;
        if (weights.form == PackedWeights.Form.FLOATS) {
            if (!floatsReady) {
                if (values == null) {
                    values = new float[Math.multiplyExact(room(), paddedColumns(maxColumns))];
                }
                pool.run(floatParts, tiles() * parts);
                floatsReady = true;
            }
        } else if (machine) {
            if (!recordsReady) {
                if (records == null) {
                    records = new ActivationRecords(room(), paddedColumns(maxColumns) / PackedWeights.UNIT);
                }
                pool.run(recordParts, tiles() * parts);
                recordsReady = true;
            }
        } else if (!integersReady) {
            if (integers == null) {
                integers = new ActivationIntegers(room(), paddedColumns(maxColumns));
            }
            pool.run(integerParts, tiles() * parts);
            integersReady = true;
        }
    }

    /** The rows of all tiles. */
    private int room() {
        return maxRows == 1 ? 1 : (maxRows + 7) / 8 * 8;
    }

    private void integerPart(int i) {
        int tile = i / parts;
        int n = tileRows(tile);
        for (int r = 0; r < n; r++) {
            for (int u = firstUnit(i, 0); u < firstUnit(i, 1); u++) {
                float scale = quantise(8 * tile + r, u, 32 * i);
                integers.put(tile, units(), u, r, n, scratch, 32 * i, scale);
            }
        }
    }

    private void recordPart(int i) {
        int tile = i / parts;
        int n = tileRows(tile);
        for (int r = 0; r < n; r++) {
            int row = 8 * tile + r;
            for (int u = firstUnit(i, 0); u < firstUnit(i, 1); u++) {
                int from = sourceOffset + row * columns + 32 * u;
                records.put(tile, units(), u, r, n, source, from, row < rows ? largest(source, from) : 0);
            }
        }
        records.publish(tile, units(), firstUnit(i, 0), firstUnit(i, 1), n);
    }

    private void floatPart(int i) {
        int tile = i / parts;
        int n = tileRows(tile);
        for (int r = 0; r < n; r++) {
            int row = 8 * tile + r;
            int to = tile * 8 * units() * 32 + r;
            for (int k = 32 * firstUnit(i, 0); k < 32 * firstUnit(i, 1); k++) {
                values[to + k * n] = row < rows && k < columns ? source[sourceOffset + row * columns + k] : 0;
            }
        }
    }

    /** The units of part {@code i} of a tile start here, and {@code next} parts on. */
    private int firstUnit(int i, int next) {
        return units() * (i % parts + next) / parts;
    }

    /** The scale of unit u of a row, largest / 127, and q = round-half-even(x * (127 / largest)) in {@code scratch[at …]}; zeros of a row that is only room. */
    private float quantise(int row, int u, int at) {
        int from = sourceOffset + row * columns + 32 * u;
        float largest = row < rows ? largest(source, from) : 0;
        float inverse = inverse(largest);
        if (inverse != 0 && DecoderOps.WARMTH.isWarm()) {
            for (int i = 0; i < 32; i += Lanes.COUNT) {
                rounded(source, from + i, inverse).intoArray(scratch, at + i);
            }
        } else {
            for (int i = 0; i < 32; i++) {
                scratch[at + i] = inverse == 0 ? 0 : PlainOps.rounded(source[from + i], inverse);
            }
        }
        return largest / 127;
    }

    /** Integers nearest to {@code x[at …] * inverse}. */
    static IntVector rounded(float[] x, int at, float inverse) {
        return FloatVector.fromArray(Lanes.F, x, at).mul(inverse).add(ROUND).reinterpretAsInts().sub(ROUND_BITS);
    }

    /** The largest absolute value of 32, NaN if one is: compared as integers, whose order is the same without a sign. */
    private static float largest(float[] x, int at) {
        return DecoderOps.WARMTH.isWarm() ? vectorLargest(x, at) : PlainOps.largest(x, at, 32);
    }

    static float vectorLargest(float[] x, int at) {
        IntVector v = FloatVector.fromArray(Lanes.F, x, at).reinterpretAsInts().and(Integer.MAX_VALUE);
        for (int i = Lanes.COUNT; i < 32; i += Lanes.COUNT) {
            v = v.max(FloatVector.fromArray(Lanes.F, x, at + i).reinterpretAsInts().and(Integer.MAX_VALUE));
        }
        return Float.intBitsToFloat(v.reduceLanes(VectorOperators.MAX));
    }

    /** What activations are multiplied with; 0 for groups so small, or so wrong, that all their integers are 0. */
    static float inverse(float largest) {
        return largest >= 0x1p-100f ? 127 / largest : 0;
    }
}
