package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** The {@link Warmth} of the vector kernels of {@link MatMul}; each is exercised on weights of the type and width it was first asked for. */
final class KernelWarmth {
    /** Time in which compiled code makes a product of two numbers, and code of boxed vectors does not, on anything slow or fast. */
    private static final double NANOS_A_PRODUCT = 0.7;
    /** Blocks of rows that are multiplied in a round. */
    private static final int BLOCKS = 4;

    /** [type, rows of the tile: 1, 4, 8] */
    private static final AtomicReferenceArray<Warmth> ALL = new AtomicReferenceArray<>(WeightType.values().length * 3);

    private KernelWarmth() {}

    /** Of the kernel for weights like {@code w} and tiles of {@code rows}. */
    static Warmth of(PackedWeights w, int rows) {
        int i = 3 * w.type().ordinal() + Activations.tileKind(rows);
        Warmth known = ALL.getPlain(i);
        if (known != null) {
            return known;
        }
        WeightType type = w.type();
        int columns = w.columns();
        ALL.compareAndSet(i, null, new Warmth(() -> exercise(type, columns, rows)));
        return ALL.get(i);
    }

    private static void exercise(WeightType type, int columns, int rows) {
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
            Warmth.repeat(NANOS_A_PRODUCT * rows * outputs * columns, () -> {
                for (int block = 0; block < BLOCKS; block++) {
                    MatMul.vectors(w, block, a, 0, c, block * Lanes.COUNT, outputs);
                }
            });
        }
    }
}
