package dev.zhulong.kernels;

import static dev.zhulong.kernels.X86Assembler.R10;
import static dev.zhulong.kernels.X86Assembler.R11;
import static dev.zhulong.kernels.X86Assembler.R8;
import static dev.zhulong.kernels.X86Assembler.R9;
import static dev.zhulong.kernels.X86Assembler.RAX;
import static dev.zhulong.kernels.X86Assembler.RCX;
import static dev.zhulong.kernels.X86Assembler.RDI;
import static dev.zhulong.kernels.X86Assembler.RDX;
import static dev.zhulong.kernels.X86Assembler.RSI;

import dev.zhulong.kernels.X86Assembler.Mem;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Machine code of the product of some rows of activations with consecutive blocks of quantised weights, for one shape of weights.
 *
 * <p>What it computes is, to the bit, what {@link CrumbKernel}, {@link NibbleKernel} and {@link ByteKernel} compute: exact sums of a unit or half of one, then
 * {@code c = fma(sum, scale of W * scale of A, c)} and {@code c = fma(minimum, weighted sum of A, c)}, unit after unit. What it has that the Vector
 * API has not are products of bytes: of four with their sum in one instruction (VNNI), or of two (AVX2).
 *
 * <p>Of several rows, VNNI multiplies two blocks at a time, four rows after four, so that four activations that are loaded are multiplied twice: with one block the
 * loads, not the products, would bound the speed. Where few tiles read the weights, which then come from memory, one block at a time is faster.
 *
 * <p>Called as {@code f(data, scales, minimums, records of A, output, groups of blocks, what is added to the output, tiles)}; {@link ActivationRecords} describes the
 * records. Tiles are neighbours, so that a call is worth what it costs.
 */
final class IntegerKernelCode {
    /** The most blocks of a call. */
    static final int MOST_BLOCKS = 64;
    /** Bytes of a row of outputs on their own: a cache line more than it needs, so that rows don't meet in one set of the cache. */
    static final int OUTPUT_STRIDE = MOST_BLOCKS * 64 + 64;

    /** Bytes ahead that weights are asked for: over the end of a page of 4 KB, at which the processor's own fetching stops. */
    private static final int AHEAD = 4096;

    // offsets of the constants
    private static final int LOW_NIBBLES = 0;
    private static final int LOW_CRUMBS = 16;
    private static final int SIGN_BITS = 4;
    private static final int SHORT_ONES = 8;
    private static final int SMALL_INVERSE = 12;

    // what is kept for the next tile
    private static final int TILES = 0;
    private static final int DATA = 1;
    private static final int SCALES = 2;
    private static final int MINS = 3;
    private static final int OUTPUT = 4;
    private static final int GROUPS = 5;

    /**
     * What the code depends on.
     *
     * @param bits         of a weight: 2, 4 or 8
     * @param groups       of scales in a row of W; of halves, which have one each, units
     * @param outputStride bytes from a row of the output to the next
     * @param blocks       that are multiplied at a time
     * @param biased       whether something is added to each row of the output
     */
    record Shape(int bits, boolean offset, boolean halves, int perGroup, boolean wide, boolean hasMin, int groups, int rows, int outputStride, int blocks,
            boolean biased) {
        static Shape of(PackedWeights w, int rows, int outputStride, int blocks, boolean biased) {
            boolean halves = w.group == 16;
            return new Shape(w.bits(), w.offset != 0, halves, w.perGroup, w.wide, w.hasMin, halves ? w.units : w.units / w.perGroup, rows,
                    outputStride, blocks, biased);
        }
    }

    private final Shape shape;
    private final boolean vnni;
    private final X86Assembler x;
    private final int rows;
    private final int blocks;
    /** Rows whose sums are in registers at the same time. */
    private final int together;

    // registers; of each block one of the first kinds, of sums and outputs one of each row and block
    private final int sums;
    private final int outputs;
    private final int weights;
    private final int scales;
    private final int mins;
    private final int other;
    private final int mask;
    private final int inverse;
    private final int ones;
    private final int spare;
    /** Whether outputs stay in registers from unit to unit. */
    private final boolean resident;

    // bytes of a group in a block
    private final int groupData;
    private final int groupScales;

    private IntegerKernelCode(Shape shape, boolean vnni) {
        this.shape = shape;
        this.vnni = vnni;
        x = new X86Assembler(vnni);
        rows = shape.rows;
        blocks = shape.blocks;
        together = blocks > 1 ? Math.min(rows, 4) : rows;
        resident = vnni || rows <= 4;
        // with VEX 16 registers have names: eight rows keep their outputs in memory
        sums = 0;
        outputs = sums + together * blocks;
        weights = outputs + (resident ? rows * blocks : 0);
        scales = weights + blocks;
        other = scales + blocks;
        mask = other + 1;
        mins = mask + 1;
        // scales in f32, which need no inverse, are those that two blocks can have minimums with
        inverse = mins + (shape.hasMin ? blocks : 0);
        ones = inverse + 1;
        spare = ones + 1;
        int parts = shape.halves ? 2 : shape.perGroup;
        groupData = parts * vectors() * x.vectorBytes();
        groupScales = (shape.halves ? 2 : 1) * x.vectorBytes() / (shape.wide ? 1 : 2);
    }

    /** Blocks that products of tiles of {@code rows} multiply at a time: as many as have room in registers. */
    static int blocks(PackedWeights w, int rows, boolean vnni) {
        return vnni && rows > 1 && (w.wide || !w.hasMin) ? 2 : 1;
    }

    /** The constants that the code reads, for the life of the process. */
    static MemorySegment constants() {
        return Arena.global().allocateFrom(ValueLayout.JAVA_INT, 0x0f0f0f0f, 0x80808080, 0x00010001, Float.floatToRawIntBits(1 / PackedWeights.SMALL), 0x03030303);
    }

    /**
     * The code for {@code shape}, with 512-bit vectors and VNNI, or with 256-bit ones and AVX2.
     *
     * @param constants address of the constants
     */
    static X86Assembler emit(Shape shape, boolean vnni, long constants) {
        var code = new IntegerKernelCode(shape, vnni);
        code.function(constants);
        return code.x;
    }

    /** Vectors of weights that share an activation's sums: a unit, or half of one. */
    private int vectors() {
        return shape.bits / (shape.halves ? 2 : 1);
    }

    private void function(long constants) {
        x.moveConstant(RAX, constants);
        if (shape.bits < 8 || vnni) {
            x.broadcastInt(mask, new Mem(RAX, shape.bits == 2 ? LOW_CRUMBS : shape.bits == 4 ? LOW_NIBBLES : SIGN_BITS));
        }
        if (!vnni) {
            x.broadcastInt(ones, new Mem(RAX, SHORT_ONES));
        }
        if (!shape.wide) {
            x.broadcastFloat(inverse, new Mem(RAX, SMALL_INVERSE));
        }
        x.loadStackArgument(R11, 1);
        x.keep(R11, TILES);
        int tile = x.position();
        x.keep(RDI, DATA);
        x.keep(RSI, SCALES);
        x.keep(RDX, MINS);
        x.keep(R8, OUTPUT);
        x.keep(R9, GROUPS);
        if (shape.biased) {
            x.loadStackArgument(R10, 0);
        }
        int start = x.position();
        x.move(R11, RCX);
        x.moveConstant(RAX, shape.groups);
        eachOutput(0, rows, (r, b) -> {
            int zero = resident ? output(r, b) : other;
            x.xor(zero, zero, zero);
            if (!resident) {
                x.storeFloats(memory(r, b), zero);
            }
        });
        int group = x.position();
        group();
        x.decrement(RAX);
        x.jumpUnlessZero(group);
        store();
        x.add(R8, blocks * x.vectorBytes());
        x.add(RDI, (blocks - 1) * shape.groups * groupData);
        x.add(RSI, (blocks - 1) * shape.groups * groupScales);
        if (shape.hasMin) {
            x.add(RDX, (blocks - 1) * shape.groups * groupScales);
        }
        x.decrement(R9);
        x.jumpUnlessZero(start);
        x.restore(RDI, DATA);
        x.restore(RSI, SCALES);
        x.restore(RDX, MINS);
        x.restore(R8, OUTPUT);
        x.restore(R9, GROUPS);
        x.add(RCX, shape.groups * (shape.halves ? 1 : shape.perGroup) * ActivationRecords.RECORD * 4 * rows);
        x.add(R8, rows * shape.outputStride);
        x.restore(R11, TILES);
        x.decrement(R11);
        x.keep(R11, TILES);
        x.jumpUnlessZero(tile);
        x.clearUpper();
        x.ret();
    }

    /** Whether each weight is read once, from memory as a rule: of several rows others come to read it from the cache. */
    private boolean comesFromMemory() {
        return rows == 1;
    }

    private interface Output {
        void emit(int row, int block);
    }

    private void eachOutput(int first, int end, Output output) {
        for (int r = first; r < end; r++) {
            for (int b = 0; b < blocks; b++) {
                output.emit(r, b);
            }
        }
    }

    private int sum(int r, int b) {
        return sums + r % together * blocks + b;
    }

    private int output(int r, int b) {
        return outputs + r * blocks + b;
    }

    private Mem memory(int r, int b) {
        return new Mem(R8, r * shape.outputStride + b * x.vectorBytes());
    }

    private void store() {
        for (int b = 0; b < blocks && shape.biased; b++) {
            x.loadFloats(weights + b, new Mem(R10, b * x.vectorBytes()));
        }
        eachOutput(0, rows, (r, b) -> {
            int sum = resident ? output(r, b) : other;
            if (!resident && shape.biased) {
                x.loadFloats(sum, memory(r, b));
            }
            if (shape.biased) {
                x.addFloats(sum, sum, weights + b);
            }
            if (resident || shape.biased) {
                x.storeFloats(memory(r, b), sum);
            }
        });
        if (shape.biased) {
            x.add(R10, blocks * x.vectorBytes());
        }
    }

    /** Units that share a scale; or the two halves of a unit, which have one each. */
    private void group() {
        int parts = shape.halves ? 2 : shape.perGroup;
        int record = 0;
        for (int part = 0; part < parts; part++) {
            if (part == 0 || shape.halves) {
                for (int b = 0; b < blocks; b++) {
                    int at = b * shape.groups * groupScales + part * groupScales / 2;
                    scale(scales + b, new Mem(RSI, at));
                    if (shape.hasMin) {
                        scale(mins + b, new Mem(RDX, at));
                    }
                    if (comesFromMemory()) {
                        int ahead = AHEAD / groupData * groupScales;
                        x.prefetch(new Mem(RSI, at + ahead));
                        if (shape.hasMin) {
                            x.prefetch(new Mem(RDX, at + ahead));
                        }
                    }
                }
            }
            for (int first = 0; first < rows; first += together) {
                sums(first, record, shape.halves ? part : -1, part * vectors() * x.vectorBytes());
                outputs(first, record, shape.halves ? part : -1);
            }
            if (!shape.halves) {
                record += ActivationRecords.RECORD * 4 * rows;
            }
        }
        x.add(RDI, groupData);
        x.add(RSI, groupScales);
        if (shape.hasMin) {
            x.add(RDX, groupScales);
        }
        x.add(R11, shape.halves ? ActivationRecords.RECORD * 4 * rows : record);
    }

    private void scale(int to, Mem from) {
        if (shape.wide) {
            x.loadFloats(to, from);
        } else {
            x.loadHalfFloats(to, from);
            x.multiplyFloats(to, to, inverse);
        }
    }

    /** A field of the record at {@code record} for row r. */
    private Mem field(int record, int field, int r) {
        return new Mem(R11, record + 4 * (ActivationRecords.RECORD * r + field));
    }

    /** Integer sums of a unit or of half {@code half} of one, of the rows from {@code first} on. */
    private void sums(int first, int record, int half, int data) {
        boolean shifted = shape.bits < 8 ? shape.offset : vnni;
        eachOutput(first, first + together, (r, b) -> {
            if (!vnni || !shifted) {
                x.xor(sum(r, b), sum(r, b), sum(r, b));
            } else if (b == 0) {
                bias(sum(r, b), record, half, r);
            } else {
                x.moveVector(sum(r, b), sum(r, 0));
            }
        });
        int quad = half == 1 ? 4 : 0;
        for (int i = 0; i < vectors(); i++) {
            int at = data + i * x.vectorBytes();
            for (int part = 0; part < 8 / shape.bits; part++) {
                for (int b = 0; b < blocks; b++) {
                    load(b, at + b * shape.groups * groupData, part);
                }
                products(first, record, quad++);
            }
        }
        if (shape.bits < 8 && !vnni) {
            for (int r = first; r < first + together; r++) {
                x.multiplyShorts(sum(r, 0), sum(r, 0), ones);
                if (shifted) {
                    bias(other, record, half, r);
                    x.addInts(sum(r, 0), sum(r, 0), other);
                }
            }
        }
    }

    /** Part {@code part} of each byte: weights of a block, unsigned but for bytes with AVX2. */
    private void load(int b, int at, int part) {
        // of one block they are loaded once; two have no register for what is loaded
        int loaded = blocks == 1 && shape.bits < 8 ? spare : weights + b;
        if (part == 0 || blocks > 1) {
            x.load(loaded, new Mem(RDI, at));
        }
        if (part == 0 && comesFromMemory()) {
            x.prefetch(new Mem(RDI, at + AHEAD));
        }
        if (part > 0) {
            x.shiftIntsRight(weights + b, loaded, shape.bits * part);
        }
        if (shape.bits < 8) {
            x.and(weights + b, part > 0 ? weights + b : loaded, mask);
        } else if (vnni) {
            x.xor(weights + b, weights + b, mask);
        }
    }

    /** What makes up for weights that are too large by 1, 8 or 128. */
    private void bias(int to, int record, int half, int r) {
        x.broadcastInt(to, field(record, shape.bits < 8 ? ActivationRecords.BIAS_8 : half < 0 ? ActivationRecords.BIAS_128 : ActivationRecords.BIAS_128_HALVES + half, r));
        if (shape.bits == 2) {
            x.shiftIntsRightSigned(to, to, 3);
        }
    }

    /** Bytes times four activations. */
    private void products(int first, int record, int quad) {
        for (int r = first; r < first + together; r++) {
            Mem four = field(record, ActivationRecords.QUADS + quad, r);
            if (vnni && blocks == 1) {
                x.addByteProducts(sum(r, 0), weights, four);
            } else if (vnni) {
                x.broadcastInt(other, four);
                for (int b = 0; b < blocks; b++) {
                    x.addByteProducts(sum(r, b), weights + b, other);
                }
            } else if (shape.bits < 8) {
                // 16 products of nibbles fit 16 bits
                x.broadcastInt(other, four);
                x.multiplyBytes(other, weights, other);
                x.addShorts(sum(r, 0), sum(r, 0), other);
            } else {
                signedProducts(sum(r, 0), four);
            }
        }
    }

    /** Signed bytes times four activations, with AVX2: the weights' signs go to the activations, and two products of 128 and 127 fit 16 bits. */
    private void signedProducts(int sum, Mem four) {
        x.broadcastInt(other, four);
        x.signBytes(other, other, weights);
        x.absBytes(spare, weights);
        x.multiplyBytes(other, spare, other);
        x.multiplyShorts(other, other, ones);
        x.addInts(sum, sum, other);
    }

    private void outputs(int first, int record, int half) {
        for (int r = first; r < first + together; r++) {
            if (!resident) {
                x.loadFloats(spare, memory(r, 0));
            }
            x.broadcastFloat(other, field(record, ActivationRecords.SCALE, r));
            for (int b = 0; b < blocks; b++) {
                x.intsToFloats(sum(r, b), sum(r, b));
                x.multiplyFloats(weights + b, other, scales + b);
                x.multiplyAddFloats(resident ? output(r, b) : spare, sum(r, b), weights + b);
            }
            if (shape.hasMin) {
                x.broadcastFloat(other, field(record, half < 0 ? ActivationRecords.WEIGHTED : ActivationRecords.WEIGHTED_HALVES + half, r));
                for (int b = 0; b < blocks; b++) {
                    x.multiplyAddFloats(resident ? output(r, b) : spare, mins + b, other);
                }
            }
            if (!resident) {
                x.storeFloats(memory(r, 0), spare);
            }
        }
    }
}
