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
    private static final float ROUND = 0x1.8p23f;
    private static final int ROUND_BITS = 0x4b400000;

    /** Parts that a single tile is prepared in. */
    private static final int PARTS = 8;

    private final int maxRows;
    private final int maxColumns;
    private int rows;
    private int columns;
    // kept, so that preparing allocates nothing
    private final ThreadPool.Task integerParts = this::integerPart;
    private final ThreadPool.Task floatParts = this::floatPart;
    private int parts;
    private boolean floatsReady;
    private boolean integersReady;
    private float[] source;
    private int sourceOffset;

    /** [tile, column, row of the tile] */
    final float[] values;
    /** [tile, column / 2, row of the tile]: two int8 as 16-bit halves, the first lower. */
    final int[] pairs;
    /**
     * As {@link #pairs}, of each four (x0, x1, x2, x3) in 16 bits: (x0, x1 - 16 x0, x2 - 16 x1, x3 - 16 x2). With them a word of four nibbles n need not
     * be taken apart: w x0 + (w >> 4)(x1 - 16 x0) + (w >> 8)(x2 - 16 x1) + (w >> 12)(x3 - 16 x2) = n0 x0 + n1 x1 + n2 x2 + n3 x3, modulo 2^16.
     */
    final int[] steps;
    /** The integers as floats, [tile, column, row of the tile], of four columns the middle ones exchanged; of several rows only. */
    final float[] integers;
    /** [tile, column / 32, row of the tile] */
    final float[] scales;
    /** Scale times the sum of the 32 integers, [tile, column / 32, row of the tile]; and of each 16, [tile, column / 16, row]. */
    final float[] weighted;
    final float[] weighted16;
    /** -8 times the sums of the 16 even and the 16 odd integers, as in {@link #pairs}, [tile, column / 32, row of the tile]; or nothing. */
    final int[] bias;
    final int[] none;
    /** Integers of 32 columns, [tile and part, column]. */
    private final int[] scratch;

    /** Room for {@code maxRows} rows of {@code maxColumns}. */
    public Activations(int maxRows, int maxColumns) {
        this.maxRows = maxRows;
        this.maxColumns = maxColumns;
        int r = maxRows == 1 ? 1 : (maxRows + 7) / 8 * 8;
        int k = paddedColumns(maxColumns);
        values = new float[Math.multiplyExact(r, k)];
        pairs = new int[r * k / 2];
        steps = new int[r * k / 2];
        integers = new float[maxRows == 1 ? 0 : r * k];
        scales = new float[r * k / 32];
        weighted = new float[r * k / 32];
        weighted16 = new float[r * k / 16];
        bias = new int[r * k / 32];
        none = new int[r * k / 32];
        scratch = new int[32 * Math.max(PARTS, r / 8)];
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

    int units() {
        return paddedColumns(columns) / PackedWeights.UNIT;
    }

    /** Makes the form that {@code weights} are multiplied with, unless it is there. */
    void prepare(PackedWeights weights, ThreadPool pool) {
        boolean integers = weights.form != PackedWeights.Form.FLOATS;
        if (integers ? integersReady : floatsReady) {
            return;
        }
        // by columns, not by rows: rows of a tile share cache lines
        parts = rows == 1 ? 1 : tiles() == 1 ? Math.min(PARTS, units()) : 1;
        pool.run(integers ? integerParts : floatParts, tiles() * parts);
        if (integers) {
            integersReady = true;
        } else {
            floatsReady = true;
        }
    }

    private void integerPart(int i) {
        int tile = i / parts;
        int n = tileRows(tile);
        for (int r = 0; r < n; r++) {
            quantise(tile, r, n, firstUnit(i, 0), firstUnit(i, 1), 32 * i);
        }
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

    /** q = round-half-even(x * (127 / largest)), scale = largest / 127, for each 32. */
    private void quantise(int t, int r, int n, int first, int end, int scratchAt) {
        boolean there = 8 * t + r < rows;
        int from = sourceOffset + (8 * t + r) * columns;
        int base = 8 * t * units();
        for (int u = first; u < end; u++) {
            int at = from + 32 * u;
            float largest = there ? largest(source, at) : 0;
            float scale = largest / 127;
            float inverse = inverse(largest);
            for (int i = 0; i < 32; i += Lanes.COUNT) {
                IntVector q = IntVector.zero(Lanes.I);
                if (inverse != 0) {
                    q = FloatVector.fromArray(Lanes.F, source, at + i).mul(inverse).add(ROUND).reinterpretAsInts().sub(ROUND_BITS);
                }
                q.intoArray(scratch, scratchAt + i);
            }
            int to = (base + u * n) * 16 + r;
            int even = 0;
            int odd = 0;
            int sum0 = 0;
            int lowBefore = 0;
            int highBefore = 0;
            for (int j = 0; j < 16; j++) {
                int low = scratch[scratchAt + 2 * j];
                int high = scratch[scratchAt + 2 * j + 1];
                pairs[to + j * n] = low & 0xffff | high << 16;
                steps[to + j * n] = low - lowBefore & 0xffff | high - highBefore << 16;
                lowBefore = j % 4 == 3 ? 0 : 16 * low;
                highBefore = j % 4 == 3 ? 0 : 16 * high;
                if (n > 1) {
                    int column = 2 * (to - r) + (j / 2 * 4 + j % 2) * n + r;
                    integers[column] = low;
                    integers[column + 2 * n] = high;
                }
                even += low;
                odd += high;
                if (j == 7) {
                    sum0 = even + odd;
                }
            }
            int sum1 = even + odd - sum0;
            int index = base + u * n + r;
            scales[index] = scale;
            bias[index] = -8 * even & 0xffff | -8 * odd << 16;
            weighted[index] = scale * (sum0 + sum1);
            weighted16[(base + u * n) * 2 + r] = scale * sum0;
            weighted16[(base + u * n) * 2 + n + r] = scale * sum1;
        }
    }

    private static float largest(float[] x, int at) {
        FloatVector v = FloatVector.fromArray(Lanes.F, x, at).abs();
        for (int i = Lanes.COUNT; i < 32; i += Lanes.COUNT) {
            v = v.max(FloatVector.fromArray(Lanes.F, x, at + i).abs());
        }
        return v.reduceLanes(VectorOperators.MAX);
    }

    /** What activations are multiplied with; 0 for groups so small, or so wrong, that all their integers are 0. */
    static float inverse(float largest) {
        return largest >= 0x1p-100f ? 127 / largest : 0;
    }
}
