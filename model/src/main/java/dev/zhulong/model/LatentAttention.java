package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Latent;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Attention whose keys and values are made from one narrow row of each token (DeepSeek-AI 2024): here they are made in full, heads apart. */
final class LatentAttention implements SelfAttention {
    private final Attention shape;
    private final Latent latent;
    private final int layer;
    private final Linear qDown;
    private final Normalisation qNorm;
    private final Linear q;
    private final Linear kvDown;
    private final Normalisation kvNorm;
    private final Linear kvUp;
    private final Linear out;

    LatentAttention(Network network, Stack stack, int layer) {
        this.shape = stack.layers().get(layer).attention();
        this.latent = shape.latent();
        this.layer = layer;
        qDown = network.linear(Role.Q_DOWN, layer, -1);
        qNorm = norm(network, Role.Q_DOWN_NORM, stack);
        q = network.linear(Role.Q, layer, -1);
        kvDown = network.linear(Role.KV_DOWN, layer, -1);
        kvNorm = norm(network, Role.KV_DOWN_NORM, stack);
        kvUp = network.linear(Role.KV_UP, layer, -1);
        out = network.linear(Role.OUT, layer, -1);
    }

    private Normalisation norm(Network network, Role role, Stack stack) {
        Normalisation norm = network.norm(role, layer, stack);
        return norm == null ? null : new Normalisation(norm.kind(), norm.weights(), norm.bias(), Latent.EPSILON);
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = new ArrayList<>(Normalisation.weights(qNorm, kvNorm));
        all.addAll(Linear.weights(qDown, q, kvDown, kvUp, out));
        return all;
    }

    @Override
    public Tensor apply(Tensor h, Pass pass) {
        long batch = h.size(0);
        long seq = h.size(1);
        long still = shape.headDim() - latent.rotaryDim();
        Tensor queries = q.apply(qDown == null ? h : qNorm.apply(qDown.apply(h))).view(batch, seq, shape.heads(), shape.headDim());
        var queryParts = queries.split(-1, still, latent.rotaryDim());
        var narrow = kvDown.apply(h).split(-1, latent.rank(), latent.rotaryDim());
        Tensor turning = pass.turned(layer, narrow.get(1).reshape(batch, seq, 1, latent.rotaryDim()));
        var parts = kvUp.apply(kvNorm.apply(narrow.get(0))).view(batch, seq, shape.heads(), still + latent.valueDim()).split(-1, still, latent.valueDim());
        Tensor keys = Tensor.cat(-1, parts.get(0), turning.expand(batch, seq, shape.heads(), latent.rotaryDim()));
        Tensor turned = Tensor.cat(-1, queryParts.get(0), pass.turned(layer, queryParts.get(1)));
        Tensor y = pass.attend(layer, turned.transpose(1, 2), keys.transpose(1, 2), parts.get(1).transpose(1, 2));
        return out.apply(y.transpose(1, 2).reshape(batch, seq, (long) shape.heads() * latent.valueDim()));
    }
}
