package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Pool;
import dev.zhulong.tensor.Tensor;

/** What makes one vector of the states of a picture ({@link Pool}). */
final class VisionPool {
    private final Network network;
    private final VisionSpec spec;
    private final Linear dense;
    private final Normalisation norm;

    VisionPool(Network network, VisionSpec spec) {
        this.network = network;
        this.spec = spec;
        dense = network.linear(Role.HEAD_DENSE, -1, -1);
        norm = network.norm(Role.POOL_NORM, -1, spec.stack());
    }

    /** [batch, tokens, hidden] to [batch, pooled size]. */
    Tensor apply(Tensor states) {
        return switch (spec.pool()) {
            case FIRST -> states.select(1, 0);
            case FIRST_DENSE -> dense.apply(states.select(1, 0)).tanh();
            case FIRST_NORMED -> norm.apply(states.select(1, 0));
            case FIRST_AND_MEAN -> {
                int before = spec.patches().before();
                yield Tensor.cat(1, states.select(1, 0), states.narrow(1, before, states.size(1) - before).mean(1, false));
            }
            case ATTENTION -> gathered(states);
        };
    }

    private Tensor gathered(Tensor states) {
        long batch = states.size(0);
        int hidden = spec.hiddenSize();
        int heads = spec.layer(0).attention().heads();
        Tensor weight = tensor(Role.POOL_QKV);
        Tensor bias = bias(Role.POOL_QKV);
        Tensor query = tensor(Role.POOL_QUERY).view(1, 1, hidden).linear(weight.narrow(0, 0, hidden), bias.narrow(0, 0, hidden)).expand(batch, 1, hidden);
        Tensor keys = states.linear(weight.narrow(0, hidden, hidden), bias.narrow(0, hidden, hidden));
        Tensor values = states.linear(weight.narrow(0, 2L * hidden, hidden), bias.narrow(0, 2L * hidden, hidden));
        Tensor y = Tensor.attention(apart(query, heads), apart(keys, heads), apart(values, heads), null, false).transpose(1, 2).reshape(batch, hidden);
        Tensor x = y.linear(tensor(Role.POOL_OUT), bias(Role.POOL_OUT));
        Tensor inner = Activations.apply(spec.layer(0).mlp().activation(), norm.apply(x).linear(tensor(Role.POOL_UP), bias(Role.POOL_UP)));
        return x.add(inner.linear(tensor(Role.POOL_DOWN), bias(Role.POOL_DOWN)));
    }

    private static Tensor apart(Tensor rows, int heads) {
        return rows.reshape(rows.size(0), rows.size(1), heads, rows.size(2) / heads).transpose(1, 2);
    }

    private Tensor tensor(Role role) {
        return network.weight(role, -1).tensor();
    }

    private Tensor bias(Role role) {
        return network.bias(role, -1).tensor();
    }
}
