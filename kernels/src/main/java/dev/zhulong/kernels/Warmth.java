package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Which vector kernels C2 has compiled. One that was asked for and is not there yet is run on a thread of its own, on weights of the same type and
 * width, until it is as fast as compiled code; the products meanwhile are {@link PlainKernel}'s.
 */
final class Warmth {
    private static final int COLD = 0;
    private static final int WARMING = 1;
    private static final int WARM = 2;

    /** Time in which compiled code makes a product of two numbers, and code of boxed vectors does not, on anything slow or fast. */
    private static final double NANOS_A_PRODUCT = 0.7;
    /** After which a kernel counts as compiled whatever its speed: then it is as fast as it will be. */
    private static final long PATIENCE_NANOS = 3_000_000_000L;
    /** Before it begins: the compiler has enough to do in a process that has just started, and a small model's first token is out by then. */
    private static final long DELAY_MILLIS = 150;
    /** Blocks of rows that are multiplied in a round. */
    private static final int BLOCKS = 4;

    /** [type, rows of the tile: 1, 4, 8] */
    private static final AtomicIntegerArray STATES = new AtomicIntegerArray(WeightType.values().length * 3);

    private Warmth() {}

    /** Whether the kernel for weights like {@code w} and tiles of {@code rows} is compiled; if nobody has, asks for it. */
    static boolean isWarm(PackedWeights w, int rows) {
        int i = 3 * w.type().ordinal() + (rows == 1 ? 0 : rows == 4 ? 1 : 2);
        int state = STATES.getPlain(i);
        if (state == COLD && STATES.compareAndSet(i, COLD, WARMING)) {
            WeightType type = w.type();
            int columns = w.columns();
            Thread.ofPlatform().daemon().name("kernel-warmth").start(() -> {
                try {
                    Thread.sleep(DELAY_MILLIS);
                    warm(type, columns, rows);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                } finally {
                    STATES.set(i, WARM);
                }
            });
        }
        return state == WARM;
    }

    /** Until no kernel that was asked for is still to be compiled. */
    static void await() {
        long until = System.nanoTime() + 4 * PATIENCE_NANOS;
        for (int i = 0; i < STATES.length(); ) {
            if (STATES.get(i) != WARMING || System.nanoTime() > until) {
                i++;
                continue;
            }
            try {
                Thread.sleep(5);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** For tests: every kernel counts as compiled, or none does and none is asked for. */
    static void pretend(boolean warm) {
        setAll(warm ? WARM : WARMING);
    }

    /** For tests: as in a new JVM. */
    static void forget() {
        setAll(COLD);
    }

    private static void setAll(int state) {
        for (int i = 0; i < STATES.length(); i++) {
            STATES.set(i, state);
        }
    }

    private static void warm(WeightType type, int columns, int rows) {
        try (Arena arena = Arena.ofConfined();
                ThreadPool alone = new ThreadPool(1)) {
            int outputs = BLOCKS * Lanes.COUNT;
            PackedWeights w = PackedWeights.pack(type, arena.allocate(outputs * type.rowBytes(columns), 64), outputs, columns, arena, alone);
            var a = new Activations(rows, columns);
            float[] values = new float[rows * columns];
            Arrays.fill(values, 0.5f);
            a.set(values, 0, rows, columns);
            a.prepare(w, false, alone);
            float[] c = new float[rows * outputs];
            double enough = NANOS_A_PRODUCT * rows * outputs * columns;
            long start = System.nanoTime();
            for (long from = start, to; ; from = to) {
                for (int block = 0; block < BLOCKS; block++) {
                    MatMul.vectors(w, block, a, 0, c, block * Lanes.COUNT, outputs);
                }
                to = System.nanoTime();
                if (to - from < enough || to - start > PATIENCE_NANOS) {
                    return;
                }
            }
        }
    }
}
