package dev.zhulong.kernels;

import java.util.Arrays;

/**
 * Writes the x86-64 instructions that the machine code of this package is made of: vectors of 512 bits with the EVEX prefix, or of 256 with the VEX prefix.
 *
 * <p>Encodings are those of Intel's Software Developer's Manual, volume 2, chapters 2.3 and 2.7. Operands are in the manual's order. A vector
 * register is its number, 0 … 31 with EVEX, 0 … 15 with VEX.
 */
final class X86Assembler {
    /** A memory operand: a general register and what is added to it. */
    record Mem(int base, int displacement) {}

    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RSI = 6;
    static final int RDI = 7;
    static final int R8 = 8;
    static final int R9 = 9;
    static final int R10 = 10;
    static final int R11 = 11;

    // mandatory prefixes and opcode maps as the prefixes number them
    private static final int NONE = 0;
    private static final int P66 = 1;
    private static final int PF3 = 2;
    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    private static final int MAP_0F3A = 3;

    private final boolean evex;
    private boolean four;
    private byte[] code = new byte[1024];
    private int size;

    /** @param evex whether vectors are of 512 bits */
    X86Assembler(boolean evex) {
        this.evex = evex;
    }

    /** Bytes of a vector. */
    int vectorBytes() {
        return evex ? 64 : 32;
    }

    /** Where the next instruction will be. */
    int position() {
        return size;
    }

    byte[] bytes() {
        return Arrays.copyOf(code, size);
    }

    /** Instructions of vectors of 128 bits with the VEX prefix: four lanes of registers 0 … 15, whose other lanes become 0. */
    void fourLanes(Runnable instructions) {
        four = true;
        instructions.run();
        four = false;
    }

    // ---- integers

    void load(int to, Mem from) {
        vector(PF3, MAP_0F, 0x6f, to, 0, from, vectorBytes(), false);
    }

    /** Asks for the line of the cache that lies there; a register of the first eight. */
    void prefetch(Mem from) {
        put(0x0f, 0x18);
        address(1, from, 1);
    }

    void and(int to, int a, int b) {
        vector(P66, MAP_0F, 0xdb, to, a, b);
    }

    void xor(int to, int a, int b) {
        vector(P66, MAP_0F, 0xef, to, a, b);
    }

    void or(int to, int a, int b) {
        vector(P66, MAP_0F, 0xeb, to, a, b);
    }

    /** Lanes of {@code from} by the numbers in {@code places}. */
    void permuteInts(int to, int places, int from) {
        vector(P66, MAP_0F38, 0x36, to, places, from);
    }

    /** A short of memory for each lane, unsigned. */
    void loadShorts(int to, Mem from) {
        vector(P66, MAP_0F38, 0x33, to, 0, from, vectorBytes() / 2, false);
    }

    /** Of each four lanes, those that two bits each of {@code places} number. */
    void shuffleInts(int to, int from, int places) {
        vector(P66, MAP_0F, 0x70, to, 0, from);
        put(places);
    }

    /** Of the four quarters of 512 bits, those that two bits each of {@code places} number; EVEX only. */
    void shuffleQuarters(int to, int from, int places) {
        vector(P66, MAP_0F3A, 0x43, to, from, from);
        put(places);
    }

    /** Of {@code b} the lanes whose bits are set, the others of {@code a}; VEX only. */
    void blendInts(int to, int a, int b, int bits) {
        vector(P66, MAP_0F3A, 0x02, to, a, b);
        put(bits);
    }

    /** Larger ones, by their signs. */
    void maxInts(int to, int a, int b) {
        vector(P66, MAP_0F38, 0x3d, to, a, b);
    }

    /** Sums of two neighbours, those of {@code a} and then those of {@code b}; of four lanes. */
    void addNeighbourInts(int to, int a, int b) {
        vector(P66, MAP_0F38, 0x02, to, a, b);
    }

    void multiplyInts(int to, int a, int b) {
        vector(P66, MAP_0F38, 0x40, to, a, b);
    }

    /** The lowest byte of each of 16 lanes, in four; EVEX only. */
    void intsToBytes(int to, int from) {
        vector(PF3, MAP_0F38, 0x31, from, 0, to);
    }

    void addInts(int to, int a, int b) {
        vector(P66, MAP_0F, 0xfe, to, a, b);
    }

    void addShorts(int to, int a, int b) {
        vector(P66, MAP_0F, 0xfd, to, a, b);
    }

    void shiftIntsRight(int to, int from, int bits) {
        vector(P66, MAP_0F, 0x72, 2, to, from);
        put(bits);
    }

    void shiftIntsRightSigned(int to, int from, int bits) {
        vector(P66, MAP_0F, 0x72, 4, to, from);
        put(bits);
    }

    void shiftIntsLeft(int to, int from, int bits) {
        vector(P66, MAP_0F, 0x72, 6, to, from);
        put(bits);
    }

    void subtractInts(int to, int a, int b) {
        vector(P66, MAP_0F, 0xfa, to, a, b);
    }

    void absBytes(int to, int from) {
        vector(P66, MAP_0F38, 0x1c, to, 0, from);
    }

    /** Bytes of {@code a} with the signs of {@code b}, 0 where that is 0; VEX only. */
    void signBytes(int to, int a, int b) {
        vector(P66, MAP_0F38, 0x08, to, a, b);
    }

    /** Sums of two products of an unsigned byte of {@code a} and a signed of {@code b}, saturated to 16 bits. */
    void multiplyBytes(int to, int a, int b) {
        vector(P66, MAP_0F38, 0x04, to, a, b);
    }

    /** Sums of two products of shorts. */
    void multiplyShorts(int to, int a, int b) {
        vector(P66, MAP_0F, 0xf5, to, a, b);
    }

    /** Adds to ints the sums of four products of an unsigned byte and a signed one, those the same four in every lane; EVEX only (VNNI). */
    void addByteProducts(int to, int unsigned, Mem signedFour) {
        vector(P66, MAP_0F38, 0x50, to, unsigned, signedFour, 4, true);
    }

    /** The same with products of corresponding lanes. */
    void addByteProducts(int to, int unsigned, int signed) {
        vector(P66, MAP_0F38, 0x50, to, unsigned, signed);
    }

    void broadcastInt(int to, Mem from) {
        vector(P66, MAP_0F38, 0x58, to, 0, from, 4, false);
    }

    // ---- floats

    void loadFloats(int to, Mem from) {
        vector(NONE, MAP_0F, 0x10, to, 0, from, vectorBytes(), false);
    }

    void storeFloats(Mem to, int from) {
        vector(NONE, MAP_0F, 0x11, from, 0, to, vectorBytes(), false);
    }

    void loadHalfFloats(int to, Mem from) {
        vector(P66, MAP_0F38, 0x13, to, 0, from, vectorBytes() / 2, false);
    }

    /** The nearest integers; of two, the even one. */
    void floatsToInts(int to, int from) {
        vector(P66, MAP_0F, 0x5b, to, 0, from);
    }

    /** All bits where {@code a >= b}, none where one is not a number; VEX only. */
    void atLeastFloats(int to, int a, int b) {
        vector(NONE, MAP_0F, 0xc2, to, a, b);
        put(0x0d);
    }

    void intsToFloats(int to, int from) {
        vector(NONE, MAP_0F, 0x5b, to, 0, from);
    }

    void addFloats(int to, int a, Mem b) {
        vector(NONE, MAP_0F, 0x58, to, a, b, vectorBytes(), false);
    }

    void addFloats(int to, int a, int b) {
        vector(NONE, MAP_0F, 0x58, to, a, b);
    }

    void subtractFloats(int to, int a, int b) {
        vector(NONE, MAP_0F, 0x5c, to, a, b);
    }

    void divideFloats(int to, int a, int b) {
        vector(NONE, MAP_0F, 0x5e, to, a, b);
    }

    /** The smaller ones; {@code b} where one is not a number, or both are zeros. */
    void minFloats(int to, int a, int b) {
        vector(NONE, MAP_0F, 0x5d, to, a, b);
    }

    /** The larger ones; {@code b} where one is not a number, or both are zeros. */
    void maxFloats(int to, int a, int b) {
        vector(NONE, MAP_0F, 0x5f, to, a, b);
    }

    void moveVector(int to, int from) {
        vector(NONE, MAP_0F, 0x28, to, 0, from);
    }

    void multiplyFloats(int to, int a, int b) {
        vector(NONE, MAP_0F, 0x59, to, a, b);
    }

    /** {@code to + a * b}, rounded once. */
    void multiplyAddFloats(int to, int a, int b) {
        vector(P66, MAP_0F38, 0xb8, to, a, b);
    }

    /** {@code to * a + b}, rounded once. */
    void multiplyByAndAdd(int to, int a, int b) {
        vector(P66, MAP_0F38, 0xa8, to, a, b);
    }

    /** {@code to * a - b}, rounded once. */
    void multiplyByAndSubtract(int to, int a, int b) {
        vector(P66, MAP_0F38, 0xaa, to, a, b);
    }

    /** {@code -(to * a) + b}, rounded once. */
    void multiplyByNegativeAndAdd(int to, int a, int b) {
        vector(P66, MAP_0F38, 0xac, to, a, b);
    }

    void broadcastFloat(int to, Mem from) {
        vector(P66, MAP_0F38, 0x18, to, 0, from, 4, false);
    }

    /** The first lane in all lanes. */
    void broadcastFloat(int to, int from) {
        vector(P66, MAP_0F38, 0x18, to, 0, from);
    }

    /** Upper parts of the registers set to zero, as code that uses none of them expects. */
    void clearUpper() {
        put(0xc5, 0xf8, 0x77);
    }

    // ---- general registers

    void move(int to, int from) {
        general(0x89, from, to);
    }

    void moveConstant(int to, long value) {
        put(0x48 | to >> 3, 0xb8 | to & 7);
        for (int i = 0; i < 8; i++) {
            put((int) (value >> 8 * i));
        }
    }

    /** The argument number {@code index} of those on the stack, before anything was pushed. */
    void loadStackArgument(int to, int index) {
        stack(0x8b, to, 8 + 8 * index);
    }

    private void stack(int opcode, int register, int displacement) {
        put(0x48 | register >> 3 << 2, opcode, 0x44 | (register & 7) << 3, 0x24, displacement);
    }

    /** Keeps a register below the stack, where a function that calls none may: place 0 … 15. */
    void keep(int register, int place) {
        stack(0x89, register, -8 * (place + 1));
    }

    /** What was kept. */
    void restore(int register, int place) {
        stack(0x8b, register, -8 * (place + 1));
    }

    void addRegister(int to, int from) {
        general(0x01, from, to);
    }

    void add(int to, int value) {
        if (value != 0) {
            general(0x81, 0, to);
            putInt(value);
        }
    }

    /** Sets the flags for {@link #jumpUnlessZero}. */
    void decrement(int register) {
        general(0xff, 1, register);
    }

    void jumpUnlessZero(int target) {
        put(0x0f, 0x85);
        putInt(target - (size + 4));
    }

    void ret() {
        put(0xc3);
    }

    private void general(int opcode, int reg, int rm) {
        put(0x48 | reg >> 3 << 2 | rm >> 3, opcode, 0xc0 | (reg & 7) << 3 | rm & 7);
    }

    // ---- prefixes

    private void vector(int prefix, int map, int opcode, int reg, int second, int rm) {
        if (evex && !four) {
            // of a register rm, bit 4 is where an index register's bit 3 would be
            evex(prefix, map, reg, second, rm, false);
        } else {
            vex(prefix, map, reg, second, rm);
        }
        put(opcode, 0xc0 | (reg & 7) << 3 | rm & 7);
    }

    /** @param unit bytes that a short displacement counts in, with EVEX */
    private void vector(int prefix, int map, int opcode, int reg, int second, Mem rm, int unit, boolean broadcast) {
        if (evex && !four) {
            evex(prefix, map, reg, second, rm.base, broadcast);
        } else {
            vex(prefix, map, reg, second, rm.base);
        }
        put(opcode);
        address(reg, rm, evex && !four ? unit : 1);
    }

    private void vex(int prefix, int map, int reg, int second, int rm) {
        put(0xc4, (~reg >> 3 & 1) << 7 | 1 << 6 | (~rm >> 3 & 1) << 5 | map, (~second & 15) << 3 | (four ? 0 : 1 << 2) | prefix);
    }

    private void evex(int prefix, int map, int reg, int second, int rm, boolean broadcast) {
        put(0x62,
                (~reg >> 3 & 1) << 7 | (~rm >> 4 & 1) << 6 | (~rm >> 3 & 1) << 5 | (~reg >> 4 & 1) << 4 | map,
                (~second & 15) << 3 | 1 << 2 | prefix,
                2 << 5 | (broadcast ? 1 << 4 : 0) | (~second >> 4 & 1) << 3);
    }

    /** A memory operand, whose short displacement counts in {@code unit} bytes. */
    private void address(int reg, Mem rm, int unit) {
        if ((rm.base & 7) == 4) {
            throw new IllegalArgumentException("register " + rm.base + " cannot be a base here");
        }
        int low = (reg & 7) << 3 | rm.base & 7;
        if (rm.displacement == 0 && (rm.base & 7) != 5) {
            put(low);
        } else if (rm.displacement % unit == 0 && rm.displacement / unit == (byte) (rm.displacement / unit)) {
            put(0x40 | low, rm.displacement / unit);
        } else {
            put(0x80 | low);
            putInt(rm.displacement);
        }
    }

    private void put(int... values) {
        if (size + values.length > code.length) {
            code = Arrays.copyOf(code, 2 * code.length);
        }
        for (int value : values) {
            code[size++] = (byte) value;
        }
    }

    private void putInt(int value) {
        put(value, value >> 8, value >> 16, value >> 24);
    }
}
