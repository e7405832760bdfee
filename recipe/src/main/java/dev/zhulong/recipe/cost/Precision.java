package dev.zhulong.recipe.cost;

/**
 * What weights, gradients and optimizer state are stored in; AdamW's two moments are F32 in all of them.
 *
 * @see <a href="https://arxiv.org/abs/1910.02054">Rajbhandari et al. 2020, ZeRO, section 3.1</a>, for the sum of 16 bytes a parameter
 */
public enum Precision {
    /** F32 throughout: 4 + 4 + 8 = 16 bytes a trained parameter. */
    FP32(4, 4, 0),
    /** Weights in 16 bits with F32 masters, gradients in F32 as Megatron-LM accumulates them: 2 + 4 + 4 + 8 = 18 bytes. */
    MIXED(2, 4, 4),
    /** The same with gradients in 16 bits: 2 + 2 + 4 + 8 = 16 bytes. */
    MIXED_16(2, 2, 4);

    /** Bytes of AdamW's first and second moment. */
    public static final int MOMENTS = 8;

    private final int weights;
    private final int gradients;
    private final int masters;

    Precision(int weights, int gradients, int masters) {
        this.weights = weights;
        this.gradients = gradients;
        this.masters = masters;
    }

    /** Bytes of a weight as products read it, and of a value that is kept for backward. */
    public int weights() {
        return weights;
    }

    /** Bytes of a gradient. */
    public int gradients() {
        return gradients;
    }

    /** Bytes of the F32 copy that the optimizer moves; 0 where the weights are it. */
    public int masters() {
        return masters;
    }

    /** Bytes of all a trained parameter has. */
    public int state() {
        return weights + gradients + masters + MOMENTS;
    }
}
