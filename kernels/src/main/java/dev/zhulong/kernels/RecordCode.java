package dev.zhulong.kernels;

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

/**
 * Machine code that fills records of {@link ActivationRecords} from a row of numbers, the same bits as {@link ActivationRecords#put}; with vectors of 512 bits. In the
 * Vector API sums over lanes, and the way from 32 bits to 8, take several times as long.
 */
final class RecordCode {
    private static final MethodHandle CALL = MachineKernel.isThere() && MachineKernel.isWide() ? Linker.nativeLinker().downcallHandle(
            FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG), Linker.Option.critical(true)) : null;

    /** By the number of a tile's kind. */
    private static final MemorySegment[] CODE = CALL == null ? null : new MemorySegment[] {load(1), load(4), load(8)};

    // registers
    private static final int LOW = 0;
    private static final int HIGH = 1;
    private static final int LARGEST = 2;
    private static final int OTHER = 3;
    private static final int SCALES = 4;
    private static final int SUMS = 5;
    private static final int SIZE = 6;
    private static final int MOST = 7;
    private static final int LEAST = 8;
    private static final int BYTE_ONES = 9;
    private static final int SHORT_ONES = 10;
    private static final int ONES = 11;
    private static final int FACTORS = 12;

    private final X86Assembler x = new X86Assembler(true);
    private final CodeConstants constants;
    private final int step;

    private RecordCode(int rows, CodeConstants constants, long address) {
        this.constants = constants;
        step = Integer.BYTES * ActivationRecords.RECORD * rows;
        function(address);
    }

    /** Whether records are made by it. */
    static boolean isUsed() {
        return CODE != null && MachineKernel.isUsed();
    }

    /**
     * Fills records of one row.
     *
     * @param x       numbers, 32 a record, from {@code from} on
     * @param records of which the first begins at {@code at}
     * @param rows    of a tile, from one record of the row to the next: 1, 4 or 8
     */
    static void apply(float[] x, int from, int[] records, int at, int units, int rows) {
        try {
            CALL.invokeExact(CODE[Activations.tileKind(rows)], MemorySegment.ofArray(x).asSlice(4L * from), MemorySegment.ofArray(records).asSlice(4L * at), (long) units);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static MemorySegment load(int rows) {
        var constants = new CodeConstants(RAX);
        new RecordCode(rows, constants, 0);
        return MachineKernel.load(new RecordCode(rows, constants, constants.address()).x.bytes());
    }

    private void function(long address) {
        x.moveConstant(RAX, address);
        x.broadcastInt(SIZE, constants.place(Integer.MAX_VALUE));
        x.broadcastFloat(MOST, constants.number(127));
        x.broadcastFloat(LEAST, constants.number(Activations.LEAST));
        x.broadcastInt(BYTE_ONES, constants.place(0x01010101));
        x.broadcastInt(SHORT_ONES, constants.place(0x00010001));
        x.broadcastInt(ONES, constants.place(1));
        x.fourLanes(() -> x.load(FACTORS, constants.place(-8, -128, -128, -128)));
        int unit = x.position();
        x.loadFloats(LOW, new Mem(RDI, 0));
        x.loadFloats(HIGH, new Mem(RDI, 64));
        largest();
        x.fourLanes(this::scales);
        x.broadcastFloat(OTHER, OTHER);
        integers(LOW);
        integers(HIGH);
        x.fourLanes(this::rest);
        x.add(RDI, 2 * x.vectorBytes());
        x.add(RSI, step);
        x.decrement(RDX);
        x.jumpUnlessZero(unit);
        x.clearUpper();
        x.ret();
    }

    /** In all lanes the largest absolute value: compared as integers, whose order is the same without a sign, and in which NaN is largest. */
    private void largest() {
        x.and(LARGEST, LOW, SIZE);
        x.and(OTHER, HIGH, SIZE);
        x.maxInts(LARGEST, LARGEST, OTHER);
        for (int places : new int[] {0x4e, 0xb1}) {
            x.shuffleQuarters(OTHER, LARGEST, places);
            x.maxInts(LARGEST, LARGEST, OTHER);
        }
        for (int places : new int[] {0x4e, 0xb1}) {
            x.shuffleInts(OTHER, LARGEST, places);
            x.maxInts(LARGEST, LARGEST, OTHER);
        }
    }

    /** The scale in all four lanes of {@link #SCALES}, and what numbers are multiplied with in those of {@link #OTHER}: 0 where the scale is tiny or NaN. */
    private void scales() {
        x.blendInts(OTHER, LARGEST, MOST, 0b0010);
        x.blendInts(SCALES, MOST, LARGEST, 0b0010);
        x.divideFloats(SCALES, OTHER, SCALES);
        x.atLeastFloats(LARGEST, LARGEST, LEAST);
        x.shuffleInts(OTHER, SCALES, 0x55);
        x.and(OTHER, OTHER, LARGEST);
        x.shuffleInts(SCALES, SCALES, 0);
    }

    private void integers(int numbers) {
        x.multiplyFloats(numbers, numbers, OTHER);
        x.floatsToInts(numbers, numbers);
        x.intsToBytes(numbers, numbers);
    }

    /** The quads, and what comes after them. */
    private void rest() {
        x.storeFloats(field(ActivationRecords.QUADS), LOW);
        x.storeFloats(field(ActivationRecords.QUADS + 4), HIGH);
        for (int quads : new int[] {LOW, HIGH}) {
            x.multiplyBytes(quads, BYTE_ONES, quads);
            x.multiplyShorts(quads, quads, SHORT_ONES);
        }
        // the sums of the halves, twice; of both in the first two lanes
        x.addNeighbourInts(SUMS, LOW, HIGH);
        x.addNeighbourInts(SUMS, SUMS, SUMS);
        x.shuffleInts(OTHER, SUMS, 0xb1);
        x.addInts(OTHER, OTHER, SUMS);
        x.blendInts(SUMS, OTHER, SUMS, 0b1100);
        x.multiplyInts(OTHER, SUMS, FACTORS);
        x.storeFloats(field(ActivationRecords.BIAS_8), OTHER);
        x.blendInts(SUMS, SUMS, ONES, 0b0001);
        x.intsToFloats(SUMS, SUMS);
        x.multiplyFloats(SUMS, SUMS, SCALES);
        x.storeFloats(field(ActivationRecords.SCALE), SUMS);
    }

    private static Mem field(int number) {
        return new Mem(RSI, Integer.BYTES * number);
    }
}
