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

/**
 * Machine code of the product of some rows, as they lie in memory, with groups of consecutive blocks of vectors: a block has a vector a column, whose lanes are
 * outputs. So F32 weights lie ({@link PackedWeights}), keys as {@link FullAttention} lays them out, and values as they come.
 *
 * <p>What it computes is, to the bit, what {@link FloatKernel} computes: units of 32 fused products in order, then {@code c = c + sum}; or one such sum over all
 * columns, as in {@link FullAttention}. Weights in F16 and BF16 become floats as they are loaded. What it has that the Vector API has not is a say in registers: sums of 8 rows by 3 blocks stay in them, with the vectors of
 * 3 blocks and a number of a row, so that a number that is loaded is multiplied three times, and a vector eight times; and rows need not be interleaved first.
 *
 * <p>Called as {@code f(blocks, rows, output, groups, n, rest, bias)}. Of products in one sum n times 8 and the rest are the columns.
 */
final class FloatKernelCode {
    /** The most blocks of a group. */
    static final int MOST_BLOCKS = 3;
    /** Columns between two looks at the counter. */
    static final int STEPS = 8;

    /**
     * What the code depends on. Steps are in bytes.
     *
     * @param rows       that are multiplied
     * @param blocks     of a group
     * @param rowStep    from a row to the next
     * @param columnStep from the vector of a column of a block to the next
     * @param blockStep  from a block to the next
     * @param outputStep from a row of the output to the next
     * @param columns    of products in units; 0 for those in one sum
     * @param eights     of products in one sum, whether there are {@link #STEPS} columns or more
     * @param rest       of these, whether there are columns besides
     * @param type       of the numbers in blocks: F32, F16 times {@link PackedWeights#SMALL} or BF16
     * @param biased     of products in units, whether something is added to each row of the output
     */
    record Shape(int rows, int blocks, int rowStep, int columnStep, int blockStep, int outputStep, int columns, boolean eights, boolean rest, WeightType type,
            boolean biased) {}

    private final Shape shape;
    private final X86Assembler x;
    private final int sums;
    private final int vectors;
    private final int number;
    private final int inverse;

    private FloatKernelCode(Shape shape, boolean wide) {
        this.shape = shape;
        x = new X86Assembler(wide);
        sums = 0;
        vectors = shape.rows * shape.blocks;
        number = vectors + shape.blocks;
        inverse = number + 1;
    }

    /** The most rows of activations: what sums fit into 32 registers, or into 16. */
    static int mostRows(boolean wide) {
        return wide ? 8 : 4;
    }

    /** The most blocks of a group: {@link #MOST_BLOCKS}, or fewer where what widens numbers needs a register. */
    static int mostBlocks(WeightType type, boolean wide) {
        return wide || type == WeightType.F32 ? MOST_BLOCKS : MOST_BLOCKS - 1;
    }

    /** @param wide whether vectors are of 512 bits, or of 256 */
    static byte[] emit(Shape shape, boolean wide) {
        var constants = new CodeConstants(RAX);
        new FloatKernelCode(shape, wide).function(constants, 0);
        var code = new FloatKernelCode(shape, wide);
        code.function(constants, constants.address());
        return code.x.bytes();
    }

    private void function(CodeConstants constants, long address) {
        if (shape.type == WeightType.F16) {
            x.moveConstant(RAX, address);
            x.broadcastFloat(inverse, constants.number(1 / PackedWeights.SMALL));
        }
        if (shape.biased) {
            x.loadStackArgument(R8, 0);
        }
        int group = x.position();
        x.move(R10, RSI);
        x.move(RAX, RDI);
        if (shape.columns > 0) {
            units();
        } else {
            oneSum();
        }
        x.move(RDI, RAX);
        x.move(RSI, R10);
        x.add(RDI, shape.blocks * shape.blockStep);
        x.add(RDX, shape.blocks * x.vectorBytes());
        x.decrement(RCX);
        x.jumpUnlessZero(group);
        x.clearUpper();
        x.ret();
    }

    private void units() {
        x.xor(number, number, number);
        eachSum((sum, to) -> x.storeFloats(to, number));
        if (shape.columns >= PackedWeights.UNIT) {
            x.moveConstant(R9, shape.columns / PackedWeights.UNIT);
            int unit = x.position();
            clearSums();
            x.moveConstant(R11, PackedWeights.UNIT / STEPS);
            loop(STEPS);
            addSums();
            x.decrement(R9);
            x.jumpUnlessZero(unit);
        }
        if (shape.columns % PackedWeights.UNIT != 0) {
            clearSums();
            products(shape.columns % PackedWeights.UNIT);
            addSums();
        }
        if (shape.biased) {
            for (int b = 0; b < shape.blocks; b++) {
                x.loadFloats(vectors + b, new Mem(R8, b * x.vectorBytes()));
            }
            eachSum((sum, to) -> {
                x.addFloats(sum, vectors + (sum - sums) % shape.blocks, to);
                x.storeFloats(to, sum);
            });
            x.add(R8, shape.blocks * x.vectorBytes());
        }
    }

    private void oneSum() {
        clearSums();
        if (shape.eights) {
            x.move(R11, R8);
            loop(STEPS);
        }
        if (shape.rest) {
            x.move(R11, R9);
            loop(1);
        }
        eachSum((sum, to) -> x.storeFloats(to, sum));
    }

    /** {@code R11} times so many columns. */
    private void loop(int columns) {
        int start = x.position();
        products(columns);
        x.decrement(R11);
        x.jumpUnlessZero(start);
    }

    private interface Sum {
        void emit(int register, Mem output);
    }

    private void eachSum(Sum sum) {
        for (int r = 0; r < shape.rows; r++) {
            for (int b = 0; b < shape.blocks; b++) {
                sum.emit(sums + r * shape.blocks + b, new Mem(RDX, r * shape.outputStep + b * x.vectorBytes()));
            }
        }
    }

    private void clearSums() {
        eachSum((sum, to) -> x.xor(sum, sum, sum));
    }

    private void products(int columns) {
        for (int k = 0; k < columns; k++) {
            for (int b = 0; b < shape.blocks; b++) {
                load(vectors + b, new Mem(RDI, b * shape.blockStep + k * shape.columnStep));
            }
            for (int r = 0; r < shape.rows; r++) {
                x.broadcastFloat(number, new Mem(RSI, r * shape.rowStep + Float.BYTES * k));
                for (int b = 0; b < shape.blocks; b++) {
                    x.multiplyAddFloats(sums + r * shape.blocks + b, vectors + b, number);
                }
            }
        }
        x.add(RDI, columns * shape.columnStep);
        x.add(RSI, columns * Float.BYTES);
    }

    private void load(int to, Mem from) {
        switch (shape.type) {
            case F16 -> {
                x.loadHalfFloats(to, from);
                x.multiplyFloats(to, to, inverse);
            }
            case BF16 -> {
                x.loadShorts(to, from);
                x.shiftIntsLeft(to, to, 16);
            }
            default -> x.loadFloats(to, from);
        }
    }

    private void addSums() {
        eachSum((sum, to) -> {
            x.addFloats(sum, sum, to);
            x.storeFloats(to, sum);
        });
    }
}
