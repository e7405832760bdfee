package dev.zhulong.infer.cpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Finds, by a pass of the latency route, which columns of each projection's input the throughput route keeps in F32. */
final class Calibration {
    /** Ids the pass reads at most. */
    static final int TOKENS = 256;
    /** Columns kept at most; more gain little (docs/PRECISION.md). */
    static final int KEPT = 8;

    private final Map<Projection, OutlierColumns> seen = new HashMap<>();
    private final List<Projection> order = new ArrayList<>();

    void feed(Projection projection, float[] in, int rows) {
        seen.computeIfAbsent(projection, key -> {
            order.add(key);
            return new OutlierColumns(((KernelProjection) key).weights()[0].columns());
        }).feed(in, 0, rows);
    }

    /** Of each projection, in the order in which they are run. */
    List<int[]> columns() {
        return order.stream().map(projection -> seen.get(projection).choose(KEPT)).toList();
    }
}
