package dev.zhulong.formats;

import dev.zhulong.formats.Stack.Positions.Distances;

/** Which row of a table of distances stands for how far two tokens are apart (He et al. 2021, section 3.2; buckets as in DeBERTa v2). */
public final class DistanceRows {
    private DistanceRows() {}

    /**
     * Rows for all pairs of {@code n} tokens.
     *
     * @return by query - key + n - 1
     */
    public static int[] of(Distances distances, int n) {
        int[] rows = new int[2 * n - 1];
        for (int apart = 1 - n; apart < n; apart++) {
            rows[apart + n - 1] = Math.clamp((long) bucket(distances, apart) + distances.span(), 0, 2 * distances.span() - 1);
        }
        return rows;
    }

    /** Those near have a bucket each; those further off share them, in F32 as the weights were trained with. */
    private static int bucket(Distances distances, int apart) {
        int middle = distances.buckets() / 2;
        int away = Math.abs(apart);
        if (distances.buckets() == 0 || away <= middle) {
            return apart;
        }
        float widths = (float) Math.log((float) away / middle) / (float) Math.log((float) ((distances.furthest() - 1.0) / middle));
        int bucket = (int) Math.ceil(widths * (middle - 1)) + middle;
        return apart < 0 ? -bucket : bucket;
    }
}
