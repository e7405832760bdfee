package dev.zhulong.train;

import dev.zhulong.model.Block;
import dev.zhulong.model.Context;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Forward and backward through a decoder, with activations kept or recomputed a block at a time (Chen et al. 2016). */
final class Backward {
    private Backward() {}

    /**
     * Adds gradients to the model's weights.
     *
     * @param ids  I64 [batch, seq]
     * @param head from normed hidden states [batch, seq, hidden], cut from the graph, to the gradient of what is minimised, same shape
     */
    static void through(Decoder model, Tensor ids, Context context, boolean recompute, UnaryOperator<Tensor> head) {
        if (recompute) {
            recomputing(model, ids, context, head);
            return;
        }
        Tensor hidden = model.hidden(ids, context);
        hidden.backward(head.apply(hidden.detach()));
    }

    private static void recomputing(Decoder model, Tensor ids, Context context, UnaryOperator<Tensor> head) {
        List<Tensor> inputs = new ArrayList<>();
        Tensor x;
        try (var off = NoGrad.open()) {
            x = model.embed(ids, context);
            for (Block block : model.blocks()) {
                inputs.add(x);
                try (var scope = TensorScope.open()) {
                    x = scope.handOut(block.forward(x, context));
                }
            }
        }
        Tensor gradient;
        try (var scope = TensorScope.open()) {
            Tensor leaf = x.detach().requiresGrad(true);
            Tensor hidden = model.norm(leaf);
            hidden.backward(head.apply(hidden.detach()));
            gradient = scope.handOut(leaf.grad());
        }
        x.close();
        for (int l = inputs.size() - 1; l >= 0; l--) {
            Tensor input = inputs.get(l);
            Tensor above = gradient;
            try (var scope = TensorScope.open()) {
                Tensor leaf = input.detach().requiresGrad(true);
                model.blocks().get(l).forward(leaf, context).backward(above);
                gradient = scope.handOut(leaf.grad());
            }
            above.close();
            if (l > 0) {
                input.close();
            }
        }
        try (var scope = TensorScope.open()) {
            Tensor embedded = model.embed(ids, context);
            // below an adapter it is frozen
            if (embedded.requiresGrad()) {
                embedded.backward(gradient);
            }
        }
    }
}
