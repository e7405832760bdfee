package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.model.Part;
import dev.zhulong.model.Residency;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Tells other ranks of gradients while backward goes on: those of the last part first. What more than one part uses, and what has sums of earlier batches put aside, comes at
 * the end.
 */
final class PartGradients {
    private final Network model;
    private final Ranks ranks;
    private final Map<Part, Integer> groups = new IdentityHashMap<>();

    /** @param accumulation batches of a step on this rank */
    PartGradients(Network model, Ranks ranks, int accumulation) {
        // where each batch goes by itself nothing is added to sums of earlier ones
        boolean single = accumulation == 1 || ranks.sumsEachBatch();
        this.model = model;
        this.ranks = ranks;
        List<Tensor> left = new ArrayList<>(model.trainable().values());
        List<List<Tensor>> all = new ArrayList<>();
        if (model.residency() == Residency.HERE) {
            Set<Tensor> late = Collections.newSetFromMap(new IdentityHashMap<>());
            late.addAll(single ? List.of() : model.gatheredInPieces());
            Map<Tensor, Integer> uses = uses();
            for (Part part : model.parts().reversed()) {
                List<Tensor> group = new ArrayList<>(model.trainable(part).stream().filter(w -> uses.get(w) == 1 && !late.contains(w) && isAmong(w, left)).toList());
                if (all.isEmpty() && single) {
                    // a head's, which are there before the first part is told of
                    left.stream().filter(w -> !uses.containsKey(w)).forEach(group::add);
                }
                left.removeIf(w -> isAmong(w, group));
                groups.put(part, all.size());
                all.add(group);
            }
        }
        all.add(left);
        ranks.expect(all);
    }

    private Map<Tensor, Integer> uses() {
        Map<Tensor, Integer> uses = new IdentityHashMap<>();
        model.parts().forEach(part -> model.trainable(part).forEach(weight -> uses.merge(weight, 1, Integer::sum)));
        return uses;
    }

    private static boolean isAmong(Tensor weight, List<Tensor> weights) {
        return weights.stream().anyMatch(each -> each == weight);
    }

    /** Runs the last backward of a step. */
    Loss during(Supplier<Loss> last) {
        if (groups.isEmpty()) {
            return last.get();
        }
        model.onGradients(part -> ranks.there(groups.getOrDefault(part, groups.size())));
        try {
            return last.get();
        } finally {
            model.onGradients(null);
        }
    }
}
