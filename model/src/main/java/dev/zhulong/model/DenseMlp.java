package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.tensor.Tensor;
import java.util.List;

/** An MLP for all tokens: {@code down(act(gate(x)) * up(x))}, or {@code down(act(up(x)))} where there is no gate; gate and way up may be one matrix. */
final class DenseMlp implements FeedForward {
    private final Mlp.Dense shape;
    private final Linear gate;
    private final Linear up;
    private final Linear gateUp;
    private final Linear down;

    /** @param expert number of the expert that it is, or -1 */
    DenseMlp(Network network, Mlp.Dense shape, int layer, int expert) {
        this.shape = shape;
        gate = network.linear(Role.GATE, layer, expert);
        gateUp = network.linear(Role.GATE_UP, layer, expert);
        up = network.linear(Role.UP, layer, expert);
        down = network.linear(Role.DOWN, layer, expert);
    }

    @Override
    public List<Weight> weights() {
        return Linear.weights(gate, up, gateUp, down);
    }

    @Override
    public Tensor apply(Tensor x, Tensor[] flow, Pass pass) {
        return apply(x);
    }

    /** [.., hidden] to [.., hidden]. */
    Tensor apply(Tensor x) {
        if (!shape.gated()) {
            return down.apply(Activations.apply(shape.activation(), Linear.applyAllAsFactors(x, up)[0]));
        }
        Tensor[] wide = gateUp == null ? Linear.applyAllAsFactors(x, gate, up) : Linear.applyAllAsFactors(x, gateUp)[0].split(-1, shape.width(), shape.width()).toArray(Tensor[]::new);
        return down.apply(Activations.gated(shape.activation(), wide[0], wide[1]));
    }
}
