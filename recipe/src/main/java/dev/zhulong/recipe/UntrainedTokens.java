package dev.zhulong.recipe;

import dev.zhulong.formats.Role;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;

/** Control tokens whose embedding rows were never trained: an adapter leaves embeddings as they are, so it can't learn what such a token means. */
final class UntrainedTokens {
    /** A trained row is not shorter than this share of the usual length. */
    private static final double SHORT = 0.1;

    private UntrainedTokens() {}

    /** Rows that are this near to each other, as a share of their length, were never told apart. */
    private static final double NEAR = 0.01;

    /** Those of {@code ids} whose row is nearly zero, or all but the row of another id, as rows are that were only reserved or that no text ever had. */
    static List<Integer> among(SortedSet<Integer> ids, Decoder model) {
        return among(ids, model.parameters().get(model.table().get(Role.EMBED).name()));
    }

    /** The same of what a model writes: those that its head cannot tell from others. */
    static List<Integer> written(SortedSet<Integer> ids, Decoder model) {
        return among(ids, model.head().weight());
    }

    private static List<Integer> among(SortedSet<Integer> ids, Tensor embedding) {
        if (ids.isEmpty()) {
            return List.of();
        }
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            float[] norms = embedding.norm(1).toFloats();
            float[] sorted = norms.clone();
            Arrays.sort(sorted);
            double usual = sorted[sorted.length / 2];
            List<Integer> untrained = new ArrayList<>();
            for (int id : ids) {
                if (norms[id] < SHORT * usual || hasTwin(embedding, norms, id)) {
                    untrained.add(id);
                }
            }
            return untrained;
        }
    }

    private static boolean hasTwin(Tensor embedding, float[] norms, int id) {
        float[] own = null;
        for (int other = 0; other < norms.length; other++) {
            // rows that are near each other are of about the same length
            if (other != id && Math.abs(norms[other] - norms[id]) <= NEAR * norms[id]) {
                own = own == null ? embedding.select(0, id).toFloats() : own;
                if (distance(own, embedding.select(0, other).toFloats()) <= NEAR * norms[id]) {
                    return true;
                }
            }
        }
        return false;
    }

    private static double distance(float[] one, float[] other) {
        double squares = 0;
        for (int i = 0; i < one.length; i++) {
            squares += ((double) one[i] - other[i]) * ((double) one[i] - other[i]);
        }
        return Math.sqrt(squares);
    }
}
