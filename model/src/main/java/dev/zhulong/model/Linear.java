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
    private QuantizedMatrix quantized;

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
        return (int) (quantized != null ? quantized.size(transposed ? 0 : 1) : weight.size(transposed ? 0 : 1));
    }

    int out() {
        return (int) (quantized != null ? quantized.size(transposed ? 1 : 0) : weight.size(transposed ? 1 : 0));
    }

    boolean transposed() {
        return transposed;
    }

    /** As stored; null where it is quantized. */
    Tensor stored() {
        return weight;
    }

    /** [out, in]: a view, or made anew where the weight is quantized. */
    Tensor weight() {
        Tensor whole = quantized == null ? weight : quantized.dequantize();
        return transposed ? whole.transpose(0, 1) : whole;
    }

    /** Takes the blocks instead of a weight of its own. */
    void quantized(QuantizedMatrix blocks) {
        quantized = blocks;
    }

    boolean isQuantized() {
        return quantized != null;
    }

    void adapt(LoraAdapter.Part part) {
        lora = part;
    }

    /** [.., in] to [.., out]. */
    Tensor apply(Tensor x) {
        Tensor w = weight();
        if (lora == null) {
            return x.linear(w, bias);
        }
        boolean dora = lora.magnitude() != null;
        Tensor y = x.linear(w, dora ? null : bias);
        // the thin product goes straight onto the wide one: a pass over memory less than adding it
        Tensor low = lora.dropout().apply(x).linear(lora.a(), null).view(-1, lora.a().size(0));
        y = y.view(-1, out()).addmm(low, lora.b().transpose(0, 1), lora.scale()).view(y.shape());
        if (dora) {
            y = y.mul(lora.magnitude().div(directionNorm(w)));
            return bias == null ? y : y.add(bias);
        }
        return y;
    }

    /** ‖W + s·BA‖ of each output, [out]: a constant to the gradient (Liu et al. 2024, section 4.3). */
    private Tensor directionNorm(Tensor w) {
        try (var off = NoGrad.open()) {
            return w.add(lora.product()).norm(1).view(out());
        }
    }
}
