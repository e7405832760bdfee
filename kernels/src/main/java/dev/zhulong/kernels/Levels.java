package dev.zhulong.kernels;

/** The integers that a weight may become before its scale: all of a range, or the sixteen of {@code IQ4_NL}. */
final class Levels {
    static final Levels BITS_2 = new Levels(-1, 2);
    static final Levels BITS_3 = new Levels(-4, 3);
    static final Levels BITS_4 = new Levels(-8, 7);
    static final Levels BITS_5 = new Levels(-16, 15);
    static final Levels BITS_6 = new Levels(-32, 31);
    static final Levels IQ4 = new Levels(IqBlocks.IQ4);

    final int lowest;
    final int highest;
    /** How many there are. */
    final int count;
    /** Of a range: what is added to a value whose integer part is then its code, from 0 on. */
    final float toCode;
    /** The level nearest to what lies between {@code lowest + i / 2} and half more; null where all of the range are levels. */
    private final byte[] nearest;

    private Levels(int lowest, int highest) {
        this.lowest = lowest;
        this.highest = highest;
        count = highest - lowest + 1;
        toCode = 0.5f - lowest;
        nearest = null;
    }

    private Levels(byte[] table) {
        lowest = table[0];
        highest = table[table.length - 1];
        count = table.length;
        toCode = 0;
        nearest = new byte[2 * (highest - lowest)];
        int level = 0;
        for (int i = 0; i < nearest.length; i++) {
            // two levels meet at a multiple of a half
            while (level + 1 < table.length && 2 * lowest + i >= table[level] + table[level + 1]) {
                level++;
            }
            nearest[i] = table[level];
        }
    }

    boolean isRange() {
        return nearest == null;
    }

    /** The level nearest to {@code value}; at a half the upper one. */
    int nearest(float value) {
        if (nearest == null) {
            return Math.clamp((int) (value + toCode), 0, highest - lowest) + lowest;
        }
        return nearest[Math.clamp((int) (2 * (value - lowest)), 0, nearest.length - 1)];
    }
}
