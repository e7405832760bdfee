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

    /** Those of {@code ids} whose row is nearly zero, or the very row of another id, as rows are that were only reserved. */
    static List<Integer> among(SortedSet<Integer> ids, Decoder model) {
        if (ids.isEmpty()) {
            return List.of();
        }
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Tensor embedding = model.parameters().get(model.table().get(Role.EMBED).name());
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
            if (other != id && norms[other] == norms[id]) {
                own = own == null ? embedding.select(0, id).toFloats() : own;
                if (Arrays.equals(own, embedding.select(0, other).toFloats())) {
                    return true;
                }
            }
        }
        return false;
    }
}
