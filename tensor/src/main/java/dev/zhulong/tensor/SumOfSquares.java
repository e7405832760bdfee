package dev.zhulong.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.Collection;
import java.util.List;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The sum of the squares of many values, whose bits depend on the values alone: neither on the order of tensors nor on how they are cut at multiples of {@value #PIECE} values, shared
 * among ranks or read from a disk. Squares are added up in F64 within pieces of {@value #PIECE} values, always in one order, and the sums of pieces exactly, as integers.
 *
 * <p>On a GPU, whose memory is out of reach from here, a tensor counts as one piece, and is never cut.
 */
public final class SumOfSquares {
    /** Values of a piece, counted from the beginning of a tensor. */
    public static final int PIECE = 64;
    /** Numbers that {@link #exchanged} gives. */
    public static final int EXCHANGED = 22;

    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    /** A square is a multiple of 2⁻²⁹⁸, and of 53 bits the lowest may be that far down. */
    private static final int LOWEST = -352;
    private static final int BITS = 32;
    private static final long MASK = (1L << BITS) - 1;
    /** From 2⁻³⁵² to 2³²⁰: 2⁵⁷ squares of the largest F32. */
    private static final int LIMBS = EXCHANGED - 1;
    private static final int LANES = 8;
    /** Whether this JVM was started with the module of vectors, and has registers of four or eight F64. Without them the bits are the same. */
    private static final boolean REGISTERS = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent() && Registers.areWide();

    /** Sums of every eighth square of a piece, in registers. */
    private static final class Registers {
        private static final int WIDTH = DoubleVector.SPECIES_PREFERRED.length();

        static boolean areWide() {
            return WIDTH == 4 || WIDTH == 8;
        }

        static void lanes(MemorySegment values, long at, double[] lanes) {
            if (WIDTH == 8) {
                eight(values, at, lanes);
            } else {
                twiceFour(values, at, lanes);
            }
        }

        private static void eight(MemorySegment values, long at, double[] lanes) {
            DoubleVector sum = DoubleVector.zero(DoubleVector.SPECIES_512);
            for (int i = 0; i < PIECE * Float.BYTES; i += LANES * Float.BYTES) {
                var x = (DoubleVector) FloatVector.fromMemorySegment(FloatVector.SPECIES_256, values, at + i, LE).convertShape(VectorOperators.F2D, DoubleVector.SPECIES_512, 0);
                sum = sum.add(x.mul(x));
            }
            sum.intoArray(lanes, 0);
        }

        private static void twiceFour(MemorySegment values, long at, double[] lanes) {
            DoubleVector low = DoubleVector.zero(DoubleVector.SPECIES_256);
            DoubleVector high = low;
            for (int i = 0; i < PIECE * Float.BYTES; i += LANES * Float.BYTES) {
                var x = (DoubleVector) FloatVector.fromMemorySegment(FloatVector.SPECIES_128, values, at + i, LE).convertShape(VectorOperators.F2D, DoubleVector.SPECIES_256, 0);
                var y = (DoubleVector) FloatVector.fromMemorySegment(FloatVector.SPECIES_128, values, at + i + 16, LE).convertShape(VectorOperators.F2D, DoubleVector.SPECIES_256, 0);
                low = low.add(x.mul(x));
                high = high.add(y.mul(y));
            }
            low.intoArray(lanes, 0);
            high.intoArray(lanes, 4);
        }
    }

    private final long[] limbs = new long[LIMBS];
    private final double[] lanes = new double[LANES];
    /** Of what is infinite or no number. */
    private double broken;

    /** Of tensors alone. */
    public static SumOfSquares of(Collection<Tensor> tensors) {
        var sum = new SumOfSquares();
        tensors.forEach(sum::add);
        return sum;
    }

    /** Adds the squares of F32 values, which begin a tensor or lie a multiple of {@value #PIECE} values behind its beginning. */
    public void add(Tensor values) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            if (values.device().isCpu()) {
                add(values.detach().contiguous().segment());
            } else {
                double norm = FusedAdamW.norms(List.of(values)).item();
                addPiece(norm * norm);
            }
        }
    }

    /** The same of values in memory. */
    public void add(MemorySegment values) {
        long end = values.byteSize();
        long piece = PIECE * Float.BYTES;
        long at = 0;
        for (; at + piece <= end; at += piece) {
            if (REGISTERS) {
                Registers.lanes(values, at, lanes);
                addPiece(together());
            } else {
                addPiece(plain(values, at, at + piece));
            }
        }
        if (at < end) {
            addPiece(plain(values, at, end));
        }
    }

    /** The same without registers, and of a piece that is not full. */
    private double plain(MemorySegment values, long begin, long end) {
        java.util.Arrays.fill(lanes, 0);
        int lane = 0;
        for (long at = begin; at < end; at += Float.BYTES) {
            double x = values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
            lanes[lane] += x * x;
            lane = (lane + 1) % LANES;
        }
        return together();
    }

    private double together() {
        return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    }

    private void addPiece(double sum) {
        long bits = Double.doubleToRawLongBits(sum);
        int exponent = (int) (bits >>> 52);
        if (exponent == 0) {
            // nothing but zero is as small
            return;
        }
        if (!Double.isFinite(sum)) {
            broken += sum;
            return;
        }
        long mantissa = bits & (1L << 52) - 1 | 1L << 52;
        int place = exponent - 1075 - LOWEST;
        int limb = place / BITS;
        int shift = place % BITS;
        limbs[limb] += mantissa << shift & MASK;
        limbs[limb + 1] += mantissa >>> BITS - shift & MASK;
        if (shift > 11) {
            limbs[limb + 2] += mantissa >>> 2 * BITS - shift;
        }
    }

    /** Adds another sum. */
    public void add(SumOfSquares other) {
        other.carry();
        carry();
        for (int i = 0; i < LIMBS; i++) {
            limbs[i] += other.limbs[i];
        }
        broken += other.broken;
    }

    private void carry() {
        for (int i = 0; i < LIMBS - 1; i++) {
            limbs[i + 1] += limbs[i] >>> BITS;
            limbs[i] &= MASK;
        }
    }

    /** Its whole state, for another rank. */
    public double[] exchanged() {
        carry();
        double[] all = new double[EXCHANGED];
        for (int i = 0; i < LIMBS; i++) {
            all[i] = limbs[i];
        }
        all[LIMBS] = broken;
        return all;
    }

    /** What another rank's {@link #exchanged} gave. */
    public static SumOfSquares of(double[] exchanged) {
        var sum = new SumOfSquares();
        for (int i = 0; i < LIMBS; i++) {
            sum.limbs[i] = (long) exchanged[i];
        }
        sum.broken = exchanged[LIMBS];
        return sum;
    }

    /** Whether all values are numbers, and finite. */
    public boolean isFinite() {
        return broken == 0;
    }

    /** The sum, rounded once. */
    public double value() {
        if (!isFinite()) {
            return broken;
        }
        carry();
        BigInteger sum = BigInteger.ZERO;
        for (int i = LIMBS - 1; i >= 0; i--) {
            sum = sum.shiftLeft(BITS).add(BigInteger.valueOf(limbs[i]));
        }
        return Math.scalb(sum.doubleValue(), LOWEST);
    }

    /** Euclidean norm of the values. */
    public double norm() {
        return Math.sqrt(value());
    }
}
