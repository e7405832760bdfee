package dev.zhulong.kernels;

import dev.zhulong.kernels.FloatMachineKernel.Rows;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Rows of activations A [rows, columns] in the forms that the kernels read: as they are, and as int8 with a scale for each 32.
 *
 * <p>Rows lie in tiles of eight, the last tile of one, four or eight (zeros where rows are missing); within a tile the rows are
 * interleaved. Rows may form groups, for {@link MatMul#multiplyGroups}: the tiles of a group are its own. Made once for a width and the most rows, then
 * filled again and again without allocation.
 */
public final class Activations {
    /** Added to a float below 2^22, leaves it rounded to the nearest integer (of two, the even one) in the low bits. */
    static final float ROUND = VectorMath.ROUND;
    static final int ROUND_BITS = VectorMath.ROUND_BITS;

    /** Groups whose largest number is smaller are zeros. */
    static final float LEAST = 0x1p-100f;

    /** Parts that a single tile is prepared in. */
    private static final int PARTS = 8;
    /** Single rows that are prepared sooner than threads are called. */
    private static final int FEW = 2;

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
    private int sourceStride;
    /** Of each row, its number in the source; null where they are in order. */
    private int[] which;
    /** Of each tile: its first row, and how many. */
    private final int[] tileFirst;
    private final int[] tileCount;
    private int tiles;
    /** Whether all tiles have a single row. */
    private boolean single;
    private int groups;
    /** Of each group: its first tile, its first row, and behind the last group the end. */
    private int[] groupTile = new int[2];
    private int[] groupBegin = new int[2];

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
        tileFirst = new int[Math.max(1, room() / 8)];
        tileCount = new int[tileFirst.length];
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
        which = null;
        groupBegin[0] = 0;
        groupBegin[1] = newRows;
        take(from, offset, newColumns, newColumns, 1);
    }

    /**
     * Takes rows in groups, which must not change until the products with them are done. Neighbouring groups of the same single row share its tile.
     *
     * @param from  rows that begin {@code stride} apart, of which the first {@code newColumns} values are taken
     * @param of    of each row, its number in {@code from}; null where they are in order
     * @param begin of each group its first row, and behind the last group the end; no group is empty
     * @throws IllegalArgumentException where there is no room for so many tiles, or rows lie outside of {@code from}
     */
    public void setGroups(float[] from, int stride, int newColumns, int[] of, int[] begin, int newGroups) {
        int end = newGroups < 1 || begin.length <= newGroups ? 0 : begin[newGroups];
        if (end < 1 || newColumns < 1 || newColumns > Math.min(maxColumns, stride) || of != null && of.length < end) {
            throw new IllegalArgumentException("activations [" + end + ", " + newColumns + "] in " + newGroups + " groups: there is room for " + maxColumns
                    + " columns");
        }
        for (int i = 0; i < end; i++) {
            int row = of == null ? i : of[i];
            if (row < 0 || row >= from.length / stride) {
                throw new IllegalArgumentException("row " + row + " of " + from.length / stride);
            }
        }
        which = of;
        if (groupBegin.length <= newGroups) {
            groupBegin = new int[newGroups + 1];
            groupTile = new int[newGroups + 1];
        }
        System.arraycopy(begin, 0, groupBegin, 0, newGroups + 1);
        take(from, 0, stride, newColumns, newGroups);
    }

    private void take(float[] from, int offset, int stride, int newColumns, int newGroups) {
        rows = groupBegin[newGroups];
        columns = newColumns;
        groups = newGroups;
        source = from;
        sourceOffset = offset;
        sourceStride = stride;
        floatsReady = false;
        integersReady = false;
        recordsReady = false;
        tiles = 0;
        single = true;
        for (int group = 0; group < groups; group++) {
            int first = groupBegin[group];
            int count = groupBegin[group + 1] - first;
            if (count == 1 && which != null && group > 0 && groupRows(group - 1) == 1 && which[first] == which[first - 1]) {
                groupTile[group] = tiles - 1;
                continue;
            }
            groupTile[group] = tiles;
            single &= count == 1;
            for (int row = 0; row < count; row += 8) {
                if (tiles == tileFirst.length) {
                    throw new IllegalArgumentException("activations of " + rows + " rows in " + groups + " groups: there is room for " + tiles + " tiles");
                }
                tileFirst[tiles] = first + row;
                tileCount[tiles++] = Math.min(8, count - row);
            }
        }
    }

    /** Rows set last. */
    public int rows() {
        return rows;
    }

    /** Columns set last. */
    public int columns() {
        return columns;
    }

    /** Whether several rows lie one after the other as they were set, so that they can be read where they are. */
    boolean isInOrder() {
        return which == null && !single;
    }

    /** The rows of a tile, where rows are in order. */
    Rows tileSource(int tile) {
        return Rows.of(source, from(tile, 0), sourceStride);
    }

    int groups() {
        return groups;
    }

    int groupTile(int group) {
        return groupTile[group];
    }

    int groupRows(int group) {
        return groupBegin[group + 1] - groupBegin[group];
    }

    /** Number of a group's first row. */
    int groupFirst(int group) {
        return groupBegin[group];
    }

    /** Whether all tiles have a single row. */
    boolean isSingle() {
        return single;
    }

    /** Rows of tile {@code t}, 1 to 8. */
    int tileCount(int t) {
        return tileCount[t];
    }

    /** The same with those that are only room: 1, 4 or 8. */
    int tileRows(int t) {
        return tileCount[t] == 1 ? 1 : tileCount[t] <= 4 ? 4 : 8;
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
        parts = tiles == 1 && !single ? Math.min(PARTS, units()) : 1;
        if (weights.form == PackedWeights.Form.FLOATS) {
            if (!floatsReady) {
                if (values == null) {
                    values = new float[Math.multiplyExact(room(), paddedColumns(maxColumns))];
                }
                run(floatParts, pool);
                floatsReady = true;
            }
        } else if (machine) {
            if (!recordsReady) {
                if (records == null) {
                    records = new ActivationRecords(room(), paddedColumns(maxColumns) / PackedWeights.UNIT);
                }
                run(recordParts, pool);
                recordsReady = true;
            }
        } else if (!integersReady) {
            if (integers == null) {
                integers = new ActivationIntegers(room(), paddedColumns(maxColumns));
            }
            run(integerParts, pool);
            integersReady = true;
        }
    }

    private void run(ThreadPool.Task task, ThreadPool pool) {
        if (single && tiles <= FEW) {
            for (int tile = 0; tile < tiles; tile++) {
                task.run(tile);
            }
        } else {
            pool.runShort(task, tiles * parts);
        }
    }

    /** Where row r of a tile begins in the source; -1 for one that is only room. */
    private int from(int tile, int r) {
        if (r >= tileCount[tile]) {
            return -1;
        }
        int row = tileFirst[tile] + r;
        return sourceOffset + (which == null ? row : which[row]) * sourceStride;
    }

    /** The rows of all tiles. */
    private int room() {
        return maxRows == 1 ? 1 : (maxRows + 7) / 8 * 8;
    }

    private void integerPart(int i) {
        int tile = i / parts;
        int n = tileRows(tile);
        for (int r = 0; r < n; r++) {
            int from = from(tile, r);
            for (int u = firstUnit(i, 0); u < firstUnit(i, 1); u++) {
                float scale = quantise(from < 0 ? -1 : from + 32 * u, 32 * i);
                integers.put(tile, units(), u, r, n, scratch, 32 * i, scale);
            }
        }
    }

    private void recordPart(int i) {
        int tile = i / parts;
        int n = tileRows(tile);
        for (int r = 0; r < n; r++) {
            int from = from(tile, r);
            int first = firstUnit(i, 0);
            int end = firstUnit(i, 1);
            if (from >= 0 && RecordCode.isUsed()) {
                records.put(tile, units(), first, end, r, n, source, from + 32 * first);
                continue;
            }
            for (int u = first; u < end; u++) {
                records.put(tile, units(), u, r, n, source, from + 32 * u, from < 0 ? 0 : largest(source, from + 32 * u));
            }
        }
    }

    private void floatPart(int i) {
        int tile = i / parts;
        int n = tileRows(tile);
        for (int r = 0; r < n; r++) {
            int from = from(tile, r);
            int to = tile * 8 * units() * 32 + r;
            for (int k = 32 * firstUnit(i, 0); k < 32 * firstUnit(i, 1); k++) {
                values[to + k * n] = from >= 0 && k < columns ? source[from + k] : 0;
            }
        }
    }

    /** The units of part {@code i} of a tile start here, and {@code next} parts on. */
    private int firstUnit(int i, int next) {
        return units() * (i % parts + next) / parts;
    }

    /** The scale of a unit, largest / 127, and q = round-half-even(x * (127 / largest)) in {@code scratch[at …]}; zeros where {@code from} is negative. */
    private float quantise(int from, int at) {
        float largest = from < 0 ? 0 : largest(source, from);
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
        return largest >= LEAST ? 127 / largest : 0;
    }
}
