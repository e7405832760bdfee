package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.tensor.Tensor;
import java.util.List;

/** Gradients that are summed over the ranks in one call. */
class Bucket extends FlatGradients {
    final Collectives ranks;

    Bucket(Collectives ranks, List<Tensor> weights) {
        super(ranks.allocate(bytes(weights)), weights);
        this.ranks = ranks;
    }

    /** Sums over the ranks. */
    void exchange(Call call) {
        ranks.allReduce(call, memory);
    }
}
