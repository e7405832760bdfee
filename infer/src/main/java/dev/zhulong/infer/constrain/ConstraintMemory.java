package dev.zhulong.infer.constrain;

/** What constraints may take of the heap, in bytes as they are estimated: sizes that fit the machine are no danger to what else runs on it. */
final class ConstraintMemory {
    private static final long HEAP = Runtime.getRuntime().maxMemory();
    /** Of a compiled constraint, and of what compiling it needs at once. */
    static final long MOST = HEAP / 16;
    /** Of what one keeps of the texts it has followed. */
    static final long MOST_KEPT = Math.clamp(HEAP / 64, 2L << 20, 96L << 20);

    /** Of a grammar's state with its lists, of an edge in them, and of another entry. */
    static final int STATE = 100;
    static final int EDGE = 32;
    static final int ENTRY = 8;

    private ConstraintMemory() {}

    /** So many things of {@code bytes} each as fit into {@link #MOST}, at most {@code most}. */
    static int fitting(int most, int bytes) {
        return (int) Math.min(most, MOST / bytes);
    }
}
