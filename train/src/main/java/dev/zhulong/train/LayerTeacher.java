package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Head;
import dev.zhulong.model.Pass;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** A teacher that shows what its layers give besides, of the pass that its logits are of. */
public final class LayerTeacher implements TokenTeacher {
    private final Decoder model;
    private final Set<Integer> layers;
    /** What {@link #states} are of; null for nothing. */
    private Batch read;
    private Map<Integer, Tensor> states;

    /**
     * Over a model.
     *
     * @param model  stays as it is, and its owner's
     * @param layers whose states are wanted, from 0
     */
    public LayerTeacher(Decoder model, Set<Integer> layers) {
        this.model = model;
        this.layers = Set.copyOf(layers);
    }

    int hiddenSize() {
        return model.spec().hiddenSize();
    }

    @Override
    public Rows of(Batch batch) {
        try (var off = NoGrad.open()) {
            Pass pass = BatchContext.of(model, batch);
            Tensor[] flow = {Tensor.of(batch.tokens(), batch.batch(), batch.seq())};
            Map<Integer, Tensor> kept = new HashMap<>();
            for (int part = 0; part < model.parts().size(); part++) {
                flow = model.run(model.parts().get(part), flow, pass);
                // the first part is the embedding
                if (layers.contains(part - 1)) {
                    kept.put(part - 1, flow[0]);
                }
            }
            read = batch;
            states = kept;
            Tensor hidden = flow[0].view((long) batch.batch() * batch.seq(), -1);
            Head head = model.head();
            return rows -> {
                try (var still = NoGrad.open()) {
                    return head.logits(hidden.indexSelect(0, Tensor.of(rows, rows.length)));
                }
            };
        }
    }

    /** What the layers give [batch, seq, hidden], by layer: of the last pass where that was over this batch and nobody has asked yet. Usable as long as {@link #of}. */
    Map<Integer, Tensor> states(Batch batch) {
        if (read != batch) {
            of(batch);
        }
        read = null;
        return states;
    }

    /** Of a pass whose scope closes before anyone asks for its states. */
    void forget() {
        read = null;
        states = null;
    }
}
