package dev.zhulong.model;

import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.util.Arrays;
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
        return lora == null ? x.linear(weight(), bias) : MergedProduct.suits(this, x) ? MergedProduct.of(this, x) : adapted(x, low(x));
    }

    Tensor bias() {
        return bias;
    }

    LoraAdapter.Part lora() {
        return lora;
    }

    /** Several projections of one input. Their adapters read it together: one thin product, and in backward one more gradient to add, not several. */
    static Tensor[] applyAll(Tensor x, Linear... projections) {
        Tensor[] out = new Tensor[projections.length];
        boolean together = Arrays.stream(projections).allMatch(p -> p.lora != null && !p.lora.dropout().isOn() && !MergedProduct.suits(p, x));
        if (!together) {
            Arrays.setAll(out, i -> projections[i].apply(x));
            return out;
        }
        Tensor a = Tensor.cat(0, Arrays.stream(projections).map(p -> p.lora.a()).toArray(Tensor[]::new));
        Tensor low = x.linear(a, null).view(-1, a.size(0));
        long at = 0;
        for (int i = 0; i < out.length; i++) {
            long rank = projections[i].lora.a().size(0);
            out[i] = projections[i].adapted(x, low.narrow(1, at, rank));
            at += rank;
        }
        return out;
    }

    /** A·x of the adapter, [rows, rank]. */
    private Tensor low(Tensor x) {
        return lora.dropout().apply(x).linear(lora.a(), null).view(-1, lora.a().size(0));
    }

    private Tensor adapted(Tensor x, Tensor low) {
        Tensor w = weight();
        boolean dora = lora.magnitude() != null;
        long[] shape = x.shape();
        shape[shape.length - 1] = out();
        // the thin product goes straight onto the wide one, whose values nothing has seen yet: no second tensor of this size. In rows, since
        // autograd copies the gradient of what is changed through a view.
        Tensor y = x.reshape(-1, in()).linear(w, dora ? null : bias).addmm_(low, lora.b().transpose(0, 1), 1, lora.scale());
        if (dora) {
            y = y.mul(lora.magnitude().div(directionNorm(w)));
            y = bias == null ? y : y.add(bias);
        }
        return y.view(shape);
    }

    /** ‖W + s·BA‖ of each output, [out]: a constant to the gradient (Liu et al. 2024, section 4.3). */
    private Tensor directionNorm(Tensor w) {
        try (var off = NoGrad.open()) {
            return w.add(lora.product()).norm(1).view(out());
        }
    }
}
