package dev.zhulong.model;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** A projection of a block, and the adapter on it, if any. */
final class Linear {
    private final Weight weight;
    private final Weight bias;
    private final boolean transposed;
    private final QuantizedMatrix quantized;
    private LoraAdapter.Part lora;
    private Products products = Products.FULL;
    /** Null for nobody. */
    private ProjectionObserver observer;

    /**
     * @param bias      null for none
     * @param quantized the weight in blocks, where it is; null where the weight is plain
     */
    Linear(Weight weight, Weight bias, QuantizedMatrix quantized) {
        this.weight = weight;
        this.bias = bias;
        this.transposed = weight.parameter().layout() == Layout.TRANSPOSED;
        this.quantized = quantized;
    }

    /** The weights of projections; null stands for one that is not there. */
    static List<Weight> weights(Linear... projections) {
        return Arrays.stream(projections).filter(p -> p != null).flatMap(p -> Stream.of(p.weight, p.bias)).filter(w -> w != null).toList();
    }

    Parameter parameter() {
        return weight.parameter();
    }

    int in() {
        return Math.toIntExact(weight.parameter().inputs());
    }

    int out() {
        return Math.toIntExact(weight.parameter().outputs());
    }

    Layout layout() {
        return weight.parameter().layout();
    }

    boolean transposed() {
        return transposed;
    }

    /** As stored. */
    Tensor stored() {
        return weight.tensor();
    }

    /** [out, in]: a view, or made anew where the weight is quantized. */
    Tensor weight() {
        Tensor whole = quantized == null ? weight.tensor() : quantized.dequantize();
        return transposed ? whole.transpose(0, 1) : whole;
    }

    void adapt(LoraAdapter.Part part) {
        lora = part;
    }

    /** Has it multiplied so from now on; the thin products of an adapter stay in F32. */
    void products(Products how) {
        products = how;
    }

    Products products() {
        return products;
    }

    void observe(ProjectionObserver by) {
        observer = by;
    }

    private static void tell(Tensor x, Linear... projections) {
        if (projections[0].observer != null) {
            projections[0].observer.given(x, Arrays.stream(projections).map(Linear::parameter).toList());
        }
    }

    /** [.., in] to [.., out]. */
    Tensor apply(Tensor x) {
        tell(x, this);
        return product(x);
    }

    private Tensor product(Tensor x) {
        return lora == null ? products.linear(products.factor(x), weight(), bias()) : MergedProduct.suits(this, x) ? MergedProduct.of(this, x) : adapted(x, low(x));
    }

    /** [out], or null. */
    Tensor bias() {
        return bias == null ? null : bias.tensor();
    }

    LoraAdapter.Part lora() {
        return lora;
    }

    /** Several projections of one input. Their adapters read it together: one thin product, and in backward one more gradient to add, not several. */
    static Tensor[] applyAll(Tensor x, Linear... projections) {
        tell(x, projections);
        Tensor[] out = new Tensor[projections.length];
        boolean together = Arrays.stream(projections).allMatch(p -> p.lora != null && !p.lora.dropout().isOn() && !MergedProduct.suits(p, x));
        if (!together) {
            Products how = projections[0].products;
            Tensor factor = Arrays.stream(projections).anyMatch(p -> p.lora == null) ? how.factor(x) : null;
            Arrays.setAll(out, i -> projections[i].lora == null ? how.linear(factor, projections[i].weight(), projections[i].bias()) : projections[i].product(x));
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

    /**
     * The same, left in the type of the factors where nothing is added to a result: for what an MLP makes of them before they are factors again. BF16 only, whose range is that of F32.
     */
    static Tensor[] applyAllAsFactors(Tensor x, Linear... projections) {
        Products how = projections[0].products;
        if (how.type() != DType.BF16 || Arrays.stream(projections).anyMatch(p -> p.lora != null || p.bias != null)) {
            return applyAll(x, projections);
        }
        tell(x, projections);
        Tensor factor = how.factor(x);
        return Arrays.stream(projections).map(p -> factor.linear(how.factor(p.weight()), null)).toArray(Tensor[]::new);
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
        Tensor y = products.linear(products.factor(x.reshape(-1, in())), w, dora ? null : bias()).addmm_(low, lora.b().transpose(0, 1), 1, lora.scale());
        if (dora) {
            y = y.mul(lora.magnitude().div(directionNorm(w)));
            y = bias == null ? y : y.add(bias());
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
