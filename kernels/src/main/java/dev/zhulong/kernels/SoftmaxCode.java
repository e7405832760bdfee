package dev.zhulong.kernels;

import static dev.zhulong.kernels.X86Assembler.R10;
import static dev.zhulong.kernels.X86Assembler.R11;
import static dev.zhulong.kernels.X86Assembler.R8;
import static dev.zhulong.kernels.X86Assembler.R9;
import static dev.zhulong.kernels.X86Assembler.RAX;
import static dev.zhulong.kernels.X86Assembler.RDI;
import static dev.zhulong.kernels.X86Assembler.RDX;
import static dev.zhulong.kernels.X86Assembler.RSI;

import dev.zhulong.kernels.X86Assembler.Mem;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Machine code of {@link DecoderOps#softmax} over rows of scaled scores, operation for operation. All rows' largest values are found first, then all their
 * exponentials and sums, then they are divided: what a row waits for, another one fills. With vectors of 512 bits constants stay in registers.
 */
final class SoftmaxCode {
    private static final MethodHandle CALL = MachineKernel.isThere() ? Linker.nativeLinker().downcallHandle(
            FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG), Linker.Option.critical(true)) : null;

    private static final Map<Shape, MemorySegment> CODE = new ConcurrentHashMap<>();

    /**
     * What the code depends on.
     *
     * @param rowStep bytes from a row to the next
     */
    private record Shape(float scale, int rowStep) {}

    // registers
    private static final int LARGEST = 0;
    private static final int SUM = 1;
    private static final int OTHER_SUM = 2;
    private static final int SCORE = 3;
    private static final int X = 4;
    private static final int SHIFTED = 5;
    private static final int POWER = 6;
    private static final int R = 7;
    private static final int P = 8;
    private static final int CONSTANT = 9;
    /** From here on, the numbers that are held. */
    private static final int HELD = 16;

    private final X86Assembler x;
    private final Shape shape;
    private final float[] held;
    private final CodeConstants constants;

    private SoftmaxCode(Shape shape, boolean wide, CodeConstants constants, long address) {
        x = new X86Assembler(wide);
        this.shape = shape;
        this.constants = constants;
        held = wide ? new float[] {VectorMath.EXP_LEAST, VectorMath.EXP_MOST, VectorMath.LOG2_E, VectorMath.ROUND, -VectorMath.LN2_HIGH, -VectorMath.LN2_LOW,
            VectorMath.EXP_7, VectorMath.EXP_6, VectorMath.EXP_5, VectorMath.EXP_4, VectorMath.EXP_3, VectorMath.EXP_2, 1, Float.NEGATIVE_INFINITY, shape.scale} : new float[0];
        function(address);
    }

    /**
     * {@code x = softmax(scale * x)} of each row, in place; -infinity becomes 0. A row without a finite largest value becomes NaN.
     *
     * @param step    from a row to the next, {@link DecoderOps#STRANDS} more than columns at least; what lies there is overwritten
     * @param columns of a row, a multiple of the softmax's strands
     */
    static void apply(float[] x, int rows, int step, int columns, float scale) {
        MemorySegment code = CODE.computeIfAbsent(new Shape(scale, Float.BYTES * step), shape -> MachineKernel.load(emit(shape, MachineKernel.isWide())));
        try {
            CALL.invokeExact(code, MemorySegment.ofArray(x), (long) rows, (long) (columns / DecoderOps.STRANDS));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static byte[] emit(Shape shape, boolean wide) {
        var constants = new CodeConstants(RAX);
        new SoftmaxCode(shape, wide, constants, 0);
        return new SoftmaxCode(shape, wide, constants, constants.address()).x.bytes();
    }

    private void function(long address) {
        x.moveConstant(RAX, address);
        for (int i = 0; i < held.length; i++) {
            x.broadcastFloat(HELD + i, constants.number(held[i]));
        }
        var spare = new Mem(R8, shape.rowStep - x.vectorBytes());
        eachRow(() -> {
            load(LARGEST, Float.NEGATIVE_INFINITY);
            eachVector(at -> {
                x.loadFloats(SCORE, at);
                x.multiplyFloats(SCORE, SCORE, constant(shape.scale));
                x.storeFloats(at, SCORE);
                x.maxFloats(LARGEST, LARGEST, SCORE);
            });
            for (int by = lanes() / 2; by > 0; by /= 2) {
                rotate(X, LARGEST, by);
                x.maxFloats(LARGEST, LARGEST, X);
            }
            x.storeFloats(spare, LARGEST);
        });
        eachRow(() -> {
            x.loadFloats(LARGEST, spare);
            x.xor(SUM, SUM, SUM);
            x.xor(OTHER_SUM, OTHER_SUM, OTHER_SUM);
            eachVector(at -> {
                exponential(at);
                int sum = at.displacement() == 0 ? SUM : OTHER_SUM;
                x.addFloats(sum, sum, P);
            });
            if (lanes() < DecoderOps.STRANDS) {
                x.addFloats(SUM, SUM, OTHER_SUM);
            }
            for (int by = lanes() / 2; by > 0; by /= 2) {
                rotate(X, SUM, by);
                x.addFloats(SUM, SUM, X);
            }
            x.divideFloats(SUM, constant(1), SUM);
            x.storeFloats(spare, SUM);
        });
        eachRow(() -> {
            x.loadFloats(SUM, spare);
            eachVector(at -> {
                x.loadFloats(SCORE, at);
                x.multiplyFloats(SCORE, SCORE, SUM);
                x.storeFloats(at, SCORE);
            });
        });
        x.clearUpper();
        x.ret();
    }

    private void eachRow(Runnable row) {
        x.move(R8, RDI);
        x.move(R11, RSI);
        int start = x.position();
        row.run();
        x.add(R8, shape.rowStep);
        x.decrement(R11);
        x.jumpUnlessZero(start);
    }

    private int lanes() {
        return x.vectorBytes() / Float.BYTES;
    }

    private interface Vector {
        void emit(Mem at);
    }

    /** The strands of a softmax are one vector or two. */
    private void eachVector(Vector vector) {
        x.move(R9, R8);
        x.move(R10, RDX);
        int strands = x.position();
        for (int at = 0; at < Float.BYTES * DecoderOps.STRANDS; at += x.vectorBytes()) {
            vector.emit(new Mem(R9, at));
        }
        x.add(R9, Float.BYTES * DecoderOps.STRANDS);
        x.decrement(R10);
        x.jumpUnlessZero(strands);
    }

    /** Lanes moved down. */
    private void rotate(int to, int from, int by) {
        int[] places = new int[lanes()];
        for (int i = 0; i < places.length; i++) {
            places[i] = (i + by) % places.length;
        }
        x.load(CONSTANT, constants.place(places));
        x.permuteInts(to, CONSTANT, from);
    }

    /** In {@link #P} and in place, e to the score less the largest one, 0 for -infinity; {@link VectorMath#exp}. */
    private void exponential(Mem at) {
        x.loadFloats(SCORE, at);
        x.subtractFloats(X, SCORE, LARGEST);
        x.maxFloats(X, constant(VectorMath.EXP_LEAST), X);
        x.minFloats(X, constant(VectorMath.EXP_MOST), X);
        x.multiplyFloats(SHIFTED, X, constant(VectorMath.LOG2_E));
        x.addFloats(SHIFTED, SHIFTED, constant(VectorMath.ROUND));
        x.subtractFloats(POWER, SHIFTED, constant(VectorMath.ROUND));
        x.moveVector(R, X);
        x.multiplyAddFloats(R, POWER, constant(-VectorMath.LN2_HIGH));
        x.multiplyAddFloats(R, POWER, constant(-VectorMath.LN2_LOW));
        load(P, VectorMath.EXP_7);
        for (float next : new float[] {VectorMath.EXP_6, VectorMath.EXP_5, VectorMath.EXP_4, VectorMath.EXP_3, VectorMath.EXP_2}) {
            x.multiplyByAndAdd(P, R, constant(next));
        }
        x.multiplyFloats(X, R, R);
        x.multiplyByAndAdd(P, X, R);
        x.addFloats(P, P, constant(1));
        x.shiftIntsLeft(SHIFTED, SHIFTED, 23);
        x.addInts(P, P, SHIFTED);
        // all bits but for -infinity
        x.xor(SCORE, SCORE, constant(Float.NEGATIVE_INFINITY));
        x.xor(X, X, X);
        x.subtractInts(X, X, SCORE);
        x.or(SCORE, SCORE, X);
        x.shiftIntsRightSigned(SCORE, SCORE, 31);
        x.and(P, P, SCORE);
        x.storeFloats(at, P);
    }

    private int constant(float value) {
        for (int i = 0; i < held.length; i++) {
            if (held[i] == value) {
                return HELD + i;
            }
        }
        x.broadcastFloat(CONSTANT, constants.number(value));
        return CONSTANT;
    }

    private void load(int to, float value) {
        int from = constant(value);
        if (from != to) {
            x.moveVector(to, from);
        }
    }
}
