package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Attention of Longformer (Beltagy et al. 2020): tokens attend to a window and to global tokens, these to all tokens, with projections of their own. */
final class GlobalAttention implements SelfAttention {
    private final Attention shape;
    private final int layer;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear out;
    private final Linear qGlobal;
    private final Linear kGlobal;
    private final Linear vGlobal;

    GlobalAttention(Network network, Stack stack, int layer) {
        this.layer = layer;
        shape = stack.layers().get(layer).attention();
        q = network.linear(Role.Q, layer, -1);
        k = network.linear(Role.K, layer, -1);
        v = network.linear(Role.V, layer, -1);
        qGlobal = network.linear(Role.Q_GLOBAL, layer, -1);
        kGlobal = network.linear(Role.K_GLOBAL, layer, -1);
        vGlobal = network.linear(Role.V_GLOBAL, layer, -1);
        out = network.linear(Role.OUT, layer, -1);
    }

    @Override
    public List<Weight> weights() {
        return new ArrayList<>(Linear.weights(q, k, v, qGlobal, kGlobal, vGlobal, out));
    }

    @Override
    public Tensor apply(Tensor h, Pass pass) {
        LocalAttention local = pass.local(layer);
        Tensor[] apart = Linear.applyAll(h, q, k, v);
        Tensor toAll = local.rowsToAll();
        LocalAttention.Own own = null;
        if (toAll != null) {
            Tensor asked = h.reshape(-1, h.size(2)).indexSelect(0, toAll);
            own = new LocalAttention.Own(qGlobal.apply(asked).view(-1, shape.heads(), shape.headDim()), heads(kGlobal.apply(h)), heads(vGlobal.apply(h)));
        }
        Tensor y = local.attend(heads(apart[0]), heads(apart[1]), heads(apart[2]), Scoring.PLAIN, own);
        return out.apply(y.transpose(1, 2).reshape(h.size(0), h.size(1), shape.width()));
    }

    private Tensor heads(Tensor x) {
        return x.view(x.size(0), x.size(1), shape.heads(), shape.headDim()).transpose(1, 2);
    }
}
