package dev.zhulong.kernels;

import static dev.zhulong.kernels.X86Assembler.R8;
import static dev.zhulong.kernels.X86Assembler.R9;
import static dev.zhulong.kernels.X86Assembler.RAX;
import static dev.zhulong.kernels.X86Assembler.RCX;
import static dev.zhulong.kernels.X86Assembler.RDI;
import static dev.zhulong.kernels.X86Assembler.RDX;
import static dev.zhulong.kernels.X86Assembler.RSI;

import dev.zhulong.kernels.X86Assembler.Mem;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Machine code of {@link VectorMath#gelu}, operation for operation. On the Vector API so long a chain of operations is more than the compiler inlines, and what it
 * does not inline makes an object of every vector.
 */
final class GeluCode {
    private static final MethodHandle CALL = MachineKernel.isThere() ? Linker.nativeLinker().downcallHandle(MachineKernel.load(emit(MachineKernel.isWide())),
            FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG), Linker.Option.critical(true)) : null;

    // registers
    private static final int INPUT = 0;
    private static final int SIZE = 1;
    private static final int SQUARE = 2;
    private static final int REST = 3;
    private static final int SHIFTED = 4;
    private static final int POWER = 5;
    private static final int R = 6;
    private static final int P = 7;
    private static final int STEP = 8;
    private static final int T = 9;
    private static final int Q = 10;
    private static final int CONSTANT = 11;

    private final X86Assembler x;
    private final CodeConstants constants;

    private GeluCode(boolean wide, CodeConstants constants, long address) {
        x = new X86Assembler(wide);
        this.constants = constants;
        function(address);
    }

    /** In place, over whole vectors of rows that begin {@code stride} apart, the first at {@code x[at]}. */
    static void apply(float[] x, int at, int rows, int stride, int vectors) {
        try {
            CALL.invokeExact(MemorySegment.ofArray(x).asSlice(4L * at), (long) rows, 4L * stride, (long) vectors);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    /** @param wide whether vectors are of 512 bits, or of 256 */
    static byte[] emit(boolean wide) {
        var constants = new CodeConstants(RAX);
        new GeluCode(wide, constants, 0);
        return new GeluCode(wide, constants, constants.address()).x.bytes();
    }

    private void function(long address) {
        x.moveConstant(RAX, address);
        int row = x.position();
        x.move(R8, RDI);
        x.move(R9, RCX);
        int vector = x.position();
        x.loadFloats(INPUT, new Mem(R8, 0));
        x.and(SIZE, INPUT, bits(Integer.MAX_VALUE));
        // of two the second where one is not a number
        x.minFloats(SIZE, constant(VectorMath.GELU_MOST), SIZE);
        exponential();
        smooth();
        x.multiplyFloats(Q, Q, T);
        x.multiplyFloats(Q, Q, SIZE);
        x.multiplyByAndAdd(P, Q, Q);
        x.subtractInts(SHIFTED, SHIFTED, bits(VectorMath.ROUND_BITS));
        x.shiftIntsRightSigned(POWER, SHIFTED, 1);
        x.subtractInts(SHIFTED, SHIFTED, POWER);
        scale(POWER);
        scale(SHIFTED);
        x.xor(R, R, R);
        x.maxFloats(INPUT, R, INPUT);
        x.subtractFloats(INPUT, INPUT, P);
        x.storeFloats(new Mem(R8, 0), INPUT);
        x.add(R8, x.vectorBytes());
        x.decrement(R9);
        x.jumpUnlessZero(vector);
        x.addRegister(RDI, RDX);
        x.decrement(RSI);
        x.jumpUnlessZero(row);
        x.clearUpper();
        x.ret();
    }

    /** In {@link #P} e to the rest of -SIZE² / 2 less 1, in {@link #SHIFTED} the power of two before it. */
    private void exponential() {
        x.multiplyFloats(SQUARE, SIZE, SIZE);
        x.moveVector(REST, SIZE);
        x.multiplyByAndSubtract(REST, SIZE, SQUARE);
        load(SHIFTED, VectorMath.ROUND);
        x.multiplyAddFloats(SHIFTED, SQUARE, constant(-0.5f * VectorMath.LOG2_E));
        x.subtractFloats(POWER, SHIFTED, constant(VectorMath.ROUND));
        x.multiplyFloats(R, SQUARE, constant(-0.5f));
        x.multiplyAddFloats(R, POWER, constant(-VectorMath.LN2_HIGH));
        x.multiplyAddFloats(R, POWER, constant(-VectorMath.LN2_LOW));
        x.multiplyAddFloats(R, REST, constant(-0.5f));
        load(P, VectorMath.EXP_7);
        for (float next : new float[] {VectorMath.EXP_6, VectorMath.EXP_5, VectorMath.EXP_4, VectorMath.EXP_3, VectorMath.EXP_2}) {
            x.multiplyByAndAdd(P, R, constant(next));
        }
        x.multiplyFloats(REST, R, R);
        x.multiplyByAndAdd(P, REST, R);
    }

    /** In {@link #Q} the polynomial, in {@link #T} what it is multiplied with. */
    private void smooth() {
        x.multiplyFloats(STEP, SIZE, constant(VectorMath.GELU_STEP));
        load(T, 1);
        x.addFloats(Q, STEP, T);
        x.divideFloats(T, T, Q);
        x.multiplyFloats(STEP, STEP, T);
        load(Q, VectorMath.GELU[VectorMath.GELU.length - 1]);
        for (int i = VectorMath.GELU.length - 2; i >= 0; i--) {
            x.multiplyByNegativeAndAdd(Q, STEP, constant(VectorMath.GELU[i]));
        }
        x.multiplyByNegativeAndAdd(Q, STEP, constant(0.5f));
    }

    /** {@link #P} times 2 to the integers in {@code power}. */
    private void scale(int power) {
        x.addInts(power, power, bits(127));
        x.shiftIntsLeft(power, power, 23);
        x.multiplyFloats(P, P, power);
    }

    private int constant(float value) {
        load(CONSTANT, value);
        return CONSTANT;
    }

    private int bits(int value) {
        x.broadcastInt(CONSTANT, constants.place(value));
        return CONSTANT;
    }

    private void load(int to, float value) {
        x.broadcastFloat(to, constants.number(value));
    }
}
