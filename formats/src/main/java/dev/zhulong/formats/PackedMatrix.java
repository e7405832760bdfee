package dev.zhulong.formats;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A matrix [outputs, inputs] of integers with a scale and a zero for each group of inputs: {@code weight = scale * (code - zero)}, codes and zeros from 0 to {@code 2^bits - 1}.
 *
 * @param inputs  of an output
 * @param bits    of a code
 * @param codes   where they lie
 * @param zeros   where they lie; null where all are {@code 2^(bits-1)}
 * @param scales  F16, BF16 or F32
 * @param places  of the scale of output o and group g: {@code o * ofOutput + g * ofGroup}
 * @param group   inputs of a group
 * @param groupOf of each input its group; null where they are in order
 */
record PackedMatrix(int outputs, int inputs, int bits, Bits codes, Bits zeros, TensorView scales, Places places, int group, int[] groupOf) {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Numbers of a few bits, of output {@code o} and of an input or a group {@code i}. */
    interface Bits {
        int at(MemorySegment words, int o, int i);

        TensorView view();

        /** What a stored number stands for. */
        default Bits plus(int added, int mask) {
            Bits stored = this;
            return new Bits() {
                @Override
                public int at(MemorySegment words, int o, int i) {
                    return stored.at(words, o, i) + added & mask;
                }

                @Override
                public TensorView view() {
                    return stored.view();
                }
            };
        }
    }

    record Places(long ofOutput, long ofGroup) {}

    /**
     * One after the other, without gaps, across words of 32 bits that begin at {@code o * ofOutput + i * ofOther} and lie {@code step} apart.
     *
     * @param alongOutputs whether neighbours in a word are outputs
     */
    record Dense(TensorView view, int bits, boolean alongOutputs, long start, long step) implements Bits {
        @Override
        public int at(MemorySegment words, int o, int i) {
            long bit = (long) (alongOutputs ? o : i) * bits;
            long at = (alongOutputs ? i : o) * start + (bit >>> 5) * step;
            int shift = (int) (bit & 31);
            int value = words.get(INT, 4 * at) >>> shift;
            if (shift + bits > 32) {
                value |= words.get(INT, 4 * (at + step)) << 32 - shift;
            }
            return value & (1 << bits) - 1;
        }
    }

    /** Eight outputs a word, in AutoAWQ's order. */
    record Interleaved(TensorView view, int outputs) implements Bits {
        /** Of eight outputs each one's nibble. */
        private static final int[] NIBBLE = {0, 4, 1, 5, 2, 6, 3, 7};

        @Override
        public int at(MemorySegment words, int o, int i) {
            return words.get(INT, 4 * ((long) i * (outputs / 8) + o / 8)) >>> 4 * NIBBLE[o % 8] & 15;
        }
    }

    /** Signed bytes, a row of {@code columns} for each output. */
    record Bytes(TensorView view, int columns) implements Bits {
        @Override
        public int at(MemorySegment bytes, int o, int i) {
            return bytes.get(ValueLayout.JAVA_BYTE, (long) o * columns + i) + 128;
        }
    }

    int groups() {
        return (inputs + group - 1) / group;
    }

    private int groupOf(int input) {
        return groupOf == null ? input / group : groupOf[input];
    }

    private float scale(MemorySegment all, int o, int g) {
        long i = o * places.ofOutput + g * places.ofGroup;
        return switch (scales.type()) {
            case F16 -> Float.float16ToFloat(all.get(SHORT, 2 * i));
            case BF16 -> Float.intBitsToFloat(all.get(SHORT, 2 * i) << 16);
            default -> all.get(FLOAT, 4 * i);
        };
    }

    private int zero(MemorySegment all, int o, int g) {
        return zeros == null ? 1 << bits - 1 : zeros.at(all, o, g);
    }

    private MemorySegment zeroData() {
        return zeros == null ? MemorySegment.NULL : zeros.view().data();
    }

    /**
     * A type of blocks that holds the matrix, and whether all of it exactly.
     *
     * @param type  by the names of {@code QuantizationConfig}
     * @param exact false where the minimums, scale times zero, are rounded to F16: by 1/270 of a step at most
     */
    record Blocks(String type, int elements, int bytes, boolean exact) {
        boolean hasMin() {
            return type.equals("INT4_ASYM") || type.equals("Q4_1");
        }
    }

    /** Empty where groups are not in order or not of a multiple of 32, a scale is none of F16, or codes reach too far from their zero. */
    Optional<Blocks> blocks() {
        if (groupOf != null || group % 32 != 0 || inputs % 32 != 0) {
            return Optional.empty();
        }
        MemorySegment scaleData = scales.data();
        MemorySegment zeroData = zeroData();
        int least = Integer.MAX_VALUE;
        int most = 0;
        boolean exact = true;
        for (int o = 0; o < outputs; o++) {
            for (int g = 0; g < groups(); g++) {
                float scale = scale(scaleData, o, g);
                int zero = zero(zeroData, o, g);
                float min = half(scale * zero);
                if (half(scale) != scale || !Float.isFinite(min)) {
                    return Optional.empty();
                }
                exact &= min == scale * zero;
                least = Math.min(least, zero);
                most = Math.max(most, zero);
            }
        }
        int lowest = -most;
        int highest = (1 << bits) - 1 - least;
        boolean large = group % 128 == 0 && inputs % 128 == 0;
        if (lowest >= -8 && highest <= 7) {
            return Optional.of(large ? new Blocks("INT4", 128, 66, true) : new Blocks("Q4_0", 32, 18, true));
        }
        if (bits <= 4) {
            return Optional.of(large ? new Blocks("INT4_ASYM", 128, 68, exact) : new Blocks("Q4_1", 32, 20, exact));
        }
        return lowest >= -128 && highest <= 127 ? Optional.of(new Blocks("Q8_0", 32, 34, true)) : Optional.empty();
    }

    private static float half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    /** Rows of blocks; made in memory of its own. */
    MemorySegment inBlocks(Blocks as) {
        MemorySegment words = codes.view().data();
        MemorySegment scaleData = scales.data();
        MemorySegment zeroData = zeroData();
        int rowBytes = inputs / as.elements * as.bytes;
        MemorySegment to = Arena.ofAuto().allocate((long) outputs * rowBytes, 64);
        IntStream.range(0, outputs).parallel().forEach(o -> {
            byte[] row = new byte[rowBytes];
            for (int first = 0, at = 0; first < inputs; first += as.elements, at += as.bytes) {
                int g = groupOf(first);
                float scale = scale(scaleData, o, g);
                int zero = zero(zeroData, o, g);
                putHalf(row, at, scale);
                int data = at + 2;
                if (as.hasMin()) {
                    putHalf(row, data, -scale * zero);
                    data += 2;
                }
                for (int j = 0; j < as.elements; j++) {
                    int code = codes.at(words, o, first + j);
                    if (as.type.equals("Q8_0")) {
                        row[data + j] = (byte) (code - zero);
                    } else {
                        int half = as.elements / 2;
                        row[data + j % half] |= (byte) ((as.hasMin() ? code : code - zero + 8) << (j < half ? 0 : 4));
                    }
                }
            }
            MemorySegment.copy(row, 0, to, ValueLayout.JAVA_BYTE, (long) o * rowBytes, rowBytes);
        });
        return to;
    }

    private static void putHalf(byte[] row, int at, float value) {
        short bits = Float.floatToFloat16(value);
        row[at] = (byte) bits;
        row[at + 1] = (byte) (bits >> 8);
    }

    /**
     * In the type of the scales, each product rounded once as others' dequantisation rounds it; made in memory of its own.
     *
     * @param turned inputs first
     */
    MemorySegment inFloats(boolean turned) {
        MemorySegment words = codes.view().data();
        MemorySegment scaleData = scales.data();
        MemorySegment zeroData = zeroData();
        MemorySegment to = Arena.ofAuto().allocate((long) outputs * inputs * scales.type().bytes(), 64);
        IntStream.range(0, outputs).parallel().forEach(o -> {
            for (int i = 0; i < inputs; i++) {
                int g = groupOf(i);
                float weight = scale(scaleData, o, g) * (codes.at(words, o, i) - zero(zeroData, o, g));
                long place = turned ? (long) i * outputs + o : (long) o * inputs + i;
                switch (scales.type()) {
                    case F16 -> to.set(SHORT, 2 * place, Float.floatToFloat16(weight));
                    case BF16 -> to.set(SHORT, 2 * place, HalfFloats.floatToBf16(weight));
                    default -> to.set(FLOAT, 4 * place, weight);
                }
            }
        });
        return to;
    }
}
