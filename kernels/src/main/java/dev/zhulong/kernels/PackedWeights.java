package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A matrix W [rows, columns] laid out for the kernels, in native memory: blocks of as many rows as a vector has 32-bit lanes, so that a
 * lane is an output.
 *
 * <p>Weights of four bits stay nibbles, those of two stay a quarter of a byte (a crumb); other quantised weights become signed bytes; floating point keeps its width. Values are never
 * changed. The memory belongs to the arena it was packed into.
 */
public final class PackedWeights {
    /** The shape of the integers or floats of a matrix, which decides the kernel. */
    enum Form { CRUMBS, NIBBLES, BYTES, FLOATS }

    /** Weights along a row that a kernel handles at a time, and that share a scale of the activations. */
    static final int UNIT = 32;

    /** The power of two that makes every f16 normal, and the limit below which it can still be multiplied by it. */
    static final float SMALL = 0x1p10f;
    private static final float LARGE = 0x1p6f - 0x1p-5f;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final WeightType type;
    private final int rows;
    private final int columns;
    final Form form;
    final int units;
    /** What was added to an integer to make it a nibble or a crumb. */
    final int offset;
    /**
     * True when scales and minimums (in floating point: weights) are f32, which those of k-quants and of MXFP4 need to be exact. Otherwise they are f16,
     * {@link #SMALL} times too large, since subnormal ones would stall the multiplier.
     */
    final boolean wide;
    /** What undoes {@link #SMALL} and the kernels' way to widen an f16. */
    final float factor = 0x1p112f / SMALL;
    final boolean hasMin;
    /** Weights that share a scale. */
    final int group;
    /** Units that share a scale, at least one. */
    final int perGroup;
    /** Bytes of a block of {@link #data}. */
    final long blockBytes;
    /** Bytes of a block of {@link #scales}. */
    final long blockScaleBytes;
    /** Bytes of a column of a block, in floating point. */
    final long columnStep;
    /** Bytes of the scales of one group in a block. */
    final long scaleStep;
    /** [block, unit, …] as the form's kernel wants it. */
    final MemorySegment data;
    /** [block, group, lane]; for nibbles and bytes. */
    final MemorySegment scales;
    /** As scales; an empty segment in types without a minimum. */
    final MemorySegment mins;
    /** The machine code of products with tiles of 1, 4 and 8 rows, every way to write them, once they were asked for. */
    final MachineKernel[] kernels = new MachineKernel[3 * MachineKernel.To.values().length];
    private volatile boolean tooLarge;

    private PackedWeights(WeightType type, int rows, int columns, boolean wide, Arena arena) {
        this.type = type;
        this.rows = rows;
        this.columns = columns;
        form = form(type);
        units = (columns + UNIT - 1) / UNIT;
        offset = switch (type) {
            case Q4_0, INT4 -> 8;
            case Q2_0 -> 1;
            default -> 0;
        };
        this.wide = wide;
        hasMin = type.hasMin();
        group = type.group();
        perGroup = Math.max(1, group / UNIT);
        blockBytes = (long) units * UNIT * Lanes.COUNT * bits(form, wide) / 8;
        columnStep = (long) Lanes.COUNT * (wide ? 4 : 2);
        scaleStep = (long) Lanes.COUNT * (wide ? 4 : 2);
        blockScaleBytes = type.quantised() ? columns / group * scaleStep : 0;
        data = arena.allocate(blocks() * blockBytes, 64);
        scales = arena.allocate(blocks() * blockScaleBytes, 64);
        mins = arena.allocate(hasMin ? blocks() * blockScaleBytes : 0, 64);
    }

    private static Form form(WeightType type) {
        return switch (type) {
            case F32, F16, BF16 -> Form.FLOATS;
            case Q2_0 -> Form.CRUMBS;
            case Q4_0, Q4_1, Q4_K, INT4, INT4_ASYM -> Form.NIBBLES;
            default -> Form.BYTES;
        };
    }

    /** Bits of a weight, its share of a scale aside. */
    private static long bits(Form form, boolean wide) {
        return switch (form) {
            case CRUMBS -> 2;
            case NIBBLES -> 4;
            case BYTES -> 8;
            case FLOATS -> wide ? 32 : 16;
        };
    }

    /** Whether scales or weights need f32 to be exact; rare values make others need it too. */
    private static boolean wide(WeightType type) {
        return type.blockElements() == 256 || type == WeightType.F32 || type == WeightType.MXFP4;
    }

    /** {@link #bytes()} of a matrix before it is packed; what is packed can be larger where a scale does not fit an f16. */
    public static long bytes(WeightType type, long rows, long columns) {
        long outputs = (rows + Lanes.COUNT - 1) / Lanes.COUNT * Lanes.COUNT;
        long inputs = (columns + UNIT - 1) / UNIT * UNIT;
        long scale = (wide(type) ? 4 : 2) * (type.hasMin() ? 2 : 1);
        return outputs * inputs * bits(form(type), wide(type)) / 8 + (type.quantised() ? outputs * (columns / type.group()) * scale : 0);
    }

    /**
     * Packs the rows that lie one after another in {@code source}.
     *
     * @param source at least {@code rows * type.rowBytes(columns)} bytes, mapped or not; not kept
     * @throws IllegalArgumentException when the segment is too short, blocks do not divide a row, or a scale or weight is not finite
     */
    public static PackedWeights pack(WeightType type, MemorySegment source, int rows, int columns, Arena arena, ThreadPool pool) {
        long rowBytes = type.rowBytes(columns);
        if (rows < 1 || source.byteSize() < rows * rowBytes) {
            throw new IllegalArgumentException("weights [" + rows + ", " + columns + "] of " + type + ": expected " + rows * rowBytes
                    + " bytes, found " + source.byteSize());
        }
        PackedWeights packed = new PackedWeights(type, rows, columns, wide(type), arena);
        pool.run(block -> packed.packBlock(block, source, Math.toIntExact(rowBytes)), packed.blocks());
        if (packed.tooLarge) {
            // rare: the memory of the first attempt stays with the arena
            PackedWeights again = new PackedWeights(type, rows, columns, true, arena);
            pool.run(block -> again.packBlock(block, source, Math.toIntExact(rowBytes)), again.blocks());
            return again;
        }
        return packed;
    }

    private void packBlock(int block, MemorySegment source, int rowBytes) {
        byte[] bytes = new byte[rowBytes];
        GroupedRow row = type.quantised() ? new GroupedRow(type, columns) : null;
        // put together on the heap: in a process that has just started, stores into a segment one by one are slow
        int[] words = new int[row == null ? 0 : (int) (blockBytes / 4)];
        for (int lane = 0; lane < Lanes.COUNT; lane++) {
            int r = block * Lanes.COUNT + lane;
            if (r >= rows) {
                break;
            }
            MemorySegment.copy(source, ValueLayout.JAVA_BYTE, (long) r * rowBytes, bytes, 0, rowBytes);
            if (row == null) {
                packFloats(bytes, block, lane, r);
                continue;
            }
            switch (type) {
                // the types most files have, without a byte for each weight in between: a start waits for this
                case Q4_0, Q4_1, INT4, INT4_ASYM -> SimpleBlocks.packNibbles(bytes, row, words, lane);
                case Q8_0 -> SimpleBlocks.packBytes(bytes, row, words, lane);
                default -> {
                    row.read(bytes);
                    switch (form) {
                        case CRUMBS -> packCrumbs(row.q, words, lane);
                        case NIBBLES -> packNibbles(row.q, words, lane);
                        default -> packBytes(row.q, words, lane);
                    }
                }
            }
            packScales(row, block, lane, r);
        }
        MemorySegment.copy(words, 0, data, INT, block * blockBytes, words.length);
    }

    /** [block, column, lane] */
    private void packFloats(byte[] bytes, int block, int lane, int r) {
        MemorySegment row = MemorySegment.ofArray(bytes);
        for (int k = 0; k < columns; k++) {
            float value = switch (type) {
                case F32 -> row.get(FLOAT.withByteAlignment(1), 4L * k);
                case F16 -> Float.float16ToFloat(row.get(SHORT.withByteAlignment(1), 2L * k));
                default -> Float.intBitsToFloat(row.get(SHORT.withByteAlignment(1), 2L * k) << 16);
            };
            if (!Float.isFinite(value)) {
                throw new IllegalArgumentException("weight [" + r + ", " + k + "] is " + value + ": expected finite weights");
            }
            long index = block * blockBytes / (wide ? 4 : 2) + (long) k * Lanes.COUNT + lane;
            if (type == WeightType.BF16) {
                data.setAtIndex(SHORT, index, (short) (Float.floatToRawIntBits(value) >>> 16));
            } else {
                put(data, index, value);
            }
        }
    }

    private void packScales(GroupedRow row, int block, int lane, int r) {
        int groups = row.scales.length;
        for (int g = 0; g < groups; g++) {
            if (!Float.isFinite(row.scales[g]) || !Float.isFinite(row.mins[g])) {
                throw new IllegalArgumentException("row " + r + ", group " + g + " of " + type + ": scale " + row.scales[g] + ", minimum "
                        + row.mins[g] + ": expected finite ones");
            }
            long index = ((long) block * groups + g) * Lanes.COUNT + lane;
            put(scales, index, row.scales[g]);
            if (type.hasMin()) {
                put(mins, index, row.mins[g]);
            }
        }
    }

    private void put(MemorySegment to, long index, float value) {
        if (wide) {
            to.setAtIndex(FLOAT, index, value);
        } else if (Math.abs(value) < LARGE) {
            to.setAtIndex(SHORT, index, Float.floatToFloat16(value * SMALL));
        } else {
            tooLarge = true;
        }
    }

    /** Where of sixteen weights number j stands in its word: the first four are the bytes' lowest two bits. */
    static int crumbShift(int j) {
        return 8 * (j % 4) + j / 4 * 2;
    }

    /** [block, unit, 2, lane] of ints, each sixteen weights. */
    private void packCrumbs(byte[] q, int[] words, int lane) {
        for (int k = 0; k < columns; k += 16) {
            int word = 0;
            for (int j = 0; j < 16; j++) {
                word |= (q[k + j] + offset) << crumbShift(j);
            }
            words[k / 16 * Lanes.COUNT + lane] = word;
        }
    }

    /** Where of eight weights number j stands in its word: the first four are the bytes' lower halves. */
    static int nibbleShift(int j) {
        return 8 * (j % 4) + j / 4 * 4;
    }

    /** [block, unit, 4, lane] of ints, each eight weights. */
    private void packNibbles(byte[] q, int[] words, int lane) {
        for (int k = 0; k < columns; k += 8) {
            int word = 0;
            for (int j = 0; j < 8; j++) {
                word |= (q[k + j] + offset) << nibbleShift(j);
            }
            words[k / 8 * Lanes.COUNT + lane] = word;
        }
    }

    /** [block, unit, 8, lane] of ints, each four weights. */
    private void packBytes(byte[] q, int[] words, int lane) {
        for (int k = 0; k < columns; k += 4) {
            int word = q[k] & 0xff | (q[k + 1] & 0xff) << 8 | (q[k + 2] & 0xff) << 16 | q[k + 3] << 24;
            words[k / 4 * Lanes.COUNT + lane] = word;
        }
    }

    /** The type the matrix was packed from. */
    public WeightType type() {
        return type;
    }

    /** Rows of W: outputs of the product. */
    public int rows() {
        return rows;
    }

    /** Columns of W: inputs of the product. */
    public int columns() {
        return columns;
    }

    /** Bytes that a product reads. */
    public long bytes() {
        return data.byteSize() + scales.byteSize() + mins.byteSize();
    }

    /** Bits of an integer as it is packed. */
    int bits() {
        return (int) bits(form, wide);
    }

    int blocks() {
        return (rows + Lanes.COUNT - 1) / Lanes.COUNT;
    }
}
