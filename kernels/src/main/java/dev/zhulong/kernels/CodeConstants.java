package dev.zhulong.kernels;

import dev.zhulong.kernels.X86Assembler.Mem;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Numbers that machine code reads from a register on. The code is written twice: once to learn which numbers, then with their address. */
final class CodeConstants {
    private final int base;
    private int[] bits = new int[0];

    /** @param base the register that holds {@link #address} when the code runs */
    CodeConstants(int base) {
        this.base = base;
    }

    Mem number(float value) {
        return place(Float.floatToRawIntBits(value));
    }

    /** Where these stand, one after the other. */
    Mem place(int... values) {
        for (int at = 0; at + values.length <= bits.length; at++) {
            if (Arrays.equals(bits, at, at + values.length, values, 0, values.length)) {
                return new Mem(base, 4 * at);
            }
        }
        bits = Arrays.copyOf(bits, bits.length + values.length);
        System.arraycopy(values, 0, bits, bits.length - values.length, values.length);
        return new Mem(base, 4 * (bits.length - values.length));
    }

    /** All of them, in memory for the life of the process. */
    long address() {
        return Arena.global().allocateFrom(ValueLayout.JAVA_INT, bits).address();
    }
}
