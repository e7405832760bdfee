package dev.zhulong.model;

import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.util.Map;

/** A projection of a block, and the adapter on it, if any. */
final class Linear {
    private final Tensor weight;
    private final Tensor bias;
    private final boolean transposed;
    private LoraAdapter.Part lora;

    private Linear(Tensor weight, Tensor bias, boolean transposed) {
        this.weight = weight;
        this.bias = bias;
        this.transposed = transposed;
    }

    /**
     * The projection {@code name}, noted in {@code all}.
     *
     * @param transposed stored [in, out], as GPT-2's are
     */
    static Linear of(Map<String, Tensor> parameters, String name, boolean transposed, Map<String, Linear> all) {
        var linear = new Linear(parameters.get(name + ".weight"), parameters.get(name + ".bias"), transposed);
        all.put(name, linear);
        return linear;
    }

    int in() {
        return (int) weight.size(transposed ? 0 : 1);
    }

    int out() {
        return (int) weight.size(transposed ? 1 : 0);
    }

    boolean transposed() {
        return transposed;
    }

    /** As stored. */
    Tensor stored() {
        return weight;
    }

    /** [out, in], a view. */
    Tensor weight() {
        return transposed ? weight.transpose(0, 1) : weight;
    }

    void adapt(LoraAdapter.Part part) {
        lora = part;
    }

    /** [.., in] to [.., out]. */
    Tensor apply(Tensor x) {
        if (lora == null) {
            return x.linear(weight(), bias);
        }
        boolean dora = lora.magnitude() != null;
        Tensor y = x.linear(weight(), dora ? null : bias);
        // the thin product goes straight onto the wide one: a pass over memory less than adding it
        Tensor low = x.linear(lora.a(), null).view(-1, lora.a().size(0));
        y = y.view(-1, out()).addmm(low, lora.b().transpose(0, 1), lora.scale()).view(y.shape());
        if (dora) {
            y = y.mul(lora.magnitude().div(directionNorm()));
            return bias == null ? y : y.add(bias);
        }
        return y;
    }

    /** ‖W + s·BA‖ of each output, [out]: a constant to the gradient (Liu et al. 2024, section 4.3). */
    private Tensor directionNorm() {
        try (var off = NoGrad.open()) {
            return weight().add(lora.product()).norm(1).view(out());
        }
    }
}
