package dev.zhulong.model;

import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;

/**
 * What turns the states of the last layer into logits of the vocabulary: {@code cap · tanh(scale · (W·x + b) / cap)}, of which most families have W
 * alone. The only place that knows it; who puts gradients together by hand finds these here too.
 *
 * @param weight   [vocab, hidden]: the embedding's where the two are tied
 * @param bias     [vocab], or null
 * @param scale    of the logits
 * @param cap      that they stay below; 0 for none
 * @param products how the gradient of logits is multiplied; the logits themselves are F32
 */
public record Head(Tensor weight, Tensor bias, double scale, double cap, Products products) {
    /** All of it in F32. */
    public Head(Tensor weight, Tensor bias, double scale, double cap) {
        this(weight, bias, scale, cap, Products.FULL);
    }

    /** One that is a product alone. */
    public Head(Tensor weight) {
        this(weight, null, 1, 0);
    }

    Head(Tensor weight, Tensor bias, Scales scales, Products products) {
        this(weight, bias, scales.logits(), scales.softcap(), products.type() == DType.BF16 ? products : Products.FULL);
    }

    /** States [.., hidden] to logits [.., vocab]. */
    public Tensor logits(Tensor states) {
        Tensor logits = states.linear(weight, bias);
        if (scale != 1) {
            logits = logits.mul(scale);
        }
        return cap == 0 ? logits : logits.mul(1 / cap).tanh().mul(cap);
    }

    /**
     * Turns the gradient of logits into that of {@code W·x + b}.
     *
     * @param gradient [rows, vocab], changed in place
     * @param logits   as {@link #logits} gave them
     */
    public void backward_(Tensor gradient, Tensor logits) {
        if (cap != 0) {
            gradient.mul_(logits.mul(1 / cap).square().neg().add(1));
        }
        if (scale != 1) {
            gradient.mul_(scale);
        }
    }
}
