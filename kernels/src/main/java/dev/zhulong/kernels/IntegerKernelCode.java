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
 * <p>What it computes is, to the bit, what {@link NibbleKernel} and {@link ByteKernel} compute: exact sums of a unit or half of one, then
 * {@code c = fma(sum, scale of W * scale of A, c)} and {@code c = fma(minimum, weighted sum of A, c)}, unit after unit. What it has that the Vector
 * API has not are products of bytes: of four with their sum in one instruction (VNNI), or of two (AVX2).
 *
 * <p>Called as {@code f(data, scales, minimums, records of A, output, blocks, groups of a row)}; {@link ActivationRecords} describes the records.
 */
final class IntegerKernelCode {
    /** The most blocks of a call. */
    static final int MOST_BLOCKS = 64;
    /** Bytes of a row of outputs on their own: a cache line more than it needs, so that rows don't meet in one set of the cache. */
    static final int OUTPUT_STRIDE = MOST_BLOCKS * 64 + 64;

    // offsets of the constants
    private static final int LOW_NIBBLES = 0;
    private static final int SIGN_BITS = 4;
    private static final int SHORT_ONES = 8;
    private static final int SMALL_INVERSE = 12;

    /**
     * What the code depends on.
     *
     * @param outputStride bytes from a row of the output to the next
     */
    record Shape(boolean nibbles, boolean offset, boolean halves, int perGroup, boolean wide, boolean hasMin, int rows, int outputStride) {
        static Shape of(PackedWeights w, int rows, int outputStride) {
            return new Shape(w.form == PackedWeights.Form.NIBBLES, w.offset != 0, w.group == 16, w.perGroup, w.wide, w.hasMin, rows, outputStride);
        }
    }

    private final Shape shape;
    private final boolean vnni;
    private final X86Assembler x;
    private final int rows;

    // registers
    private final int sum;
    private final int c;
    private final int low;
    private final int high;
    private final int scratch;
    private final int scale;
    private final int min;
    private final int mask;
    private final int inverse;
    private final int ones;
    /** Whether outputs stay in registers from unit to unit. */
    private final boolean resident;

    private IntegerKernelCode(Shape shape, boolean vnni) {
        this.shape = shape;
        this.vnni = vnni;
        x = new X86Assembler(vnni);
        rows = shape.rows;
        resident = vnni || rows <= 4;
        sum = 0;
        // sums, outputs and eight more: all that VEX can name with four rows; with eight, outputs are kept in memory
        int next = resident ? 2 * rows : rows;
        c = rows;
        low = next;
        high = next + 1;
        scratch = next + 2;
        scale = next + 3;
        min = next + 4;
        mask = next + 5;
        inverse = next + 6;
        ones = next + 7;
    }

    /** The constants that the code reads, for the life of the process. */
    static MemorySegment constants() {
        return Arena.global().allocateFrom(ValueLayout.JAVA_INT, 0x0f0f0f0f, 0x80808080, 0x00010001, Float.floatToRawIntBits(1 / PackedWeights.SMALL));
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

    private void function(long constants) {
        x.loadStackArgument(R10, 0);
        x.moveConstant(RAX, constants);
        if (shape.nibbles || vnni) {
            x.broadcastInt(mask, new Mem(RAX, shape.nibbles ? LOW_NIBBLES : SIGN_BITS));
        }
        if (!vnni) {
            x.broadcastInt(ones, new Mem(RAX, SHORT_ONES));
        }
        if (!shape.wide) {
            x.broadcastFloat(inverse, new Mem(RAX, SMALL_INVERSE));
        }
        int block = x.position();
        x.move(R11, RCX);
        x.move(RAX, R10);
        for (int r = 0; r < rows; r++) {
            int zero = resident ? c + r : low;
            x.xor(zero, zero, zero);
            if (!resident) {
                x.storeFloats(output(r), zero);
            }
        }
        int group = x.position();
        group();
        x.decrement(RAX);
        x.jumpUnlessZero(group);
        if (resident) {
            for (int r = 0; r < rows; r++) {
                x.storeFloats(output(r), c + r);
            }
        }
        x.add(R8, x.vectorBytes());
        x.decrement(R9);
        x.jumpUnlessZero(block);
        x.clearUpper();
        x.ret();
    }

    private Mem output(int r) {
        return new Mem(R8, r * shape.outputStride);
    }

    /** Units that share a scale; or the two halves of a unit, which have one each. */
    private void group() {
        int vectors = (shape.nibbles ? 4 : 8) / (shape.halves ? 2 : 1);
        int parts = shape.halves ? 2 : shape.perGroup;
        int data = 0;
        int scales = 0;
        int record = 0;
        for (int part = 0; part < parts; part++) {
            if (part == 0 || shape.halves) {
                scale(scale, new Mem(RSI, scales));
                if (shape.hasMin) {
                    scale(min, new Mem(RDX, scales));
                }
                scales += x.vectorBytes() / (shape.wide ? 1 : 2);
            }
            sums(record, shape.halves ? part : -1, vectors, data);
            data += vectors * x.vectorBytes();
            outputs(record, shape.halves ? part : -1);
            if (!shape.halves) {
                record += ActivationRecords.RECORD * 4 * rows;
            }
        }
        x.add(RDI, data);
        x.add(RSI, scales);
        if (shape.hasMin) {
            x.add(RDX, scales);
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

    /** Integer sums of a unit or of half {@code half} of one. */
    private void sums(int record, int half, int vectors, int data) {
        boolean shifted = shape.nibbles ? shape.offset : vnni;
        for (int r = 0; r < rows; r++) {
            if (vnni && shifted) {
                x.broadcastInt(sum + r, bias(record, half, r));
            } else {
                x.xor(sum + r, sum + r, sum + r);
            }
        }
        int quad = half == 1 ? 4 : 0;
        for (int i = 0; i < vectors; i++) {
            x.load(low, new Mem(RDI, data + i * x.vectorBytes()));
            if (shape.nibbles) {
                x.shiftIntsRight(high, low, 4);
                x.and(low, low, mask);
                x.and(high, high, mask);
                products(low, record, quad++);
                products(high, record, quad++);
            } else if (vnni) {
                x.xor(low, low, mask);
                products(low, record, quad++);
            } else {
                signedProducts(record, quad++);
            }
        }
        if (shape.nibbles && !vnni) {
            for (int r = 0; r < rows; r++) {
                x.multiplyShorts(sum + r, sum + r, ones);
                if (shifted) {
                    x.broadcastInt(scratch, bias(record, half, r));
                    x.addInts(sum + r, sum + r, scratch);
                }
            }
        }
    }

    private Mem bias(int record, int half, int r) {
        return field(record, shape.nibbles ? ActivationRecords.BIAS_8 : half < 0 ? ActivationRecords.BIAS_128 : ActivationRecords.BIAS_128_HALVES + half, r);
    }

    /** Unsigned bytes times four activations; with AVX2 they are nibbles, of which 16 products fit 16 bits. */
    private void products(int unsigned, int record, int quad) {
        for (int r = 0; r < rows; r++) {
            Mem four = field(record, ActivationRecords.QUADS + quad, r);
            if (vnni) {
                x.addByteProducts(sum + r, unsigned, four);
            } else {
                x.broadcastInt(scratch, four);
                x.multiplyBytes(scratch, unsigned, scratch);
                x.addShorts(sum + r, sum + r, scratch);
            }
        }
    }

    /** Signed bytes times four activations, with AVX2: the weights' signs go to the activations, and two products of 128 and 127 fit 16 bits. */
    private void signedProducts(int record, int quad) {
        x.absBytes(high, low);
        for (int r = 0; r < rows; r++) {
            x.broadcastInt(scratch, field(record, ActivationRecords.QUADS + quad, r));
            x.signBytes(scratch, scratch, low);
            x.multiplyBytes(scratch, high, scratch);
            x.multiplyShorts(scratch, scratch, ones);
            x.addInts(sum + r, sum + r, scratch);
        }
    }

    private void outputs(int record, int half) {
        for (int r = 0; r < rows; r++) {
            int to = resident ? c + r : high;
            if (!resident) {
                x.loadFloats(to, output(r));
            }
            x.intsToFloats(sum + r, sum + r);
            x.broadcastFloat(low, field(record, ActivationRecords.SCALE, r));
            x.multiplyFloats(low, low, scale);
            x.multiplyAddFloats(to, sum + r, low);
            if (shape.hasMin) {
                x.broadcastFloat(low, field(record, half < 0 ? ActivationRecords.WEIGHTED : ActivationRecords.WEIGHTED_HALVES + half, r));
                x.multiplyAddFloats(to, min, low);
            }
            if (!resident) {
                x.storeFloats(output(r), to);
            }
        }
    }
}
