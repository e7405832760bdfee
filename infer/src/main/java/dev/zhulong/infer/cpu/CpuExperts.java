package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.PackedWeights;
import java.util.Arrays;

/**
 * The weights of a mixture of experts: each row is given to the few experts its router chooses ({@link ExpertChoice}), and to the expert that all rows
 * share, where there is one. {@link ExpertPass} runs them.
 */
final class CpuExperts implements CpuMlp {
    private final Mlp.Experts shape;
    private final PackedWeights router;
    private final float[] bias;
    private final ExpertChoice choice;
    private final Dense[] experts;
    private final Dense shared;
    private final float[] sharedScale;

    /**
     * @param router      [experts, hidden]
     * @param bias        of the router, or null
     * @param correction  added to scores for the choice, or null
     * @param shared      null for none
     * @param sharedScale [hidden], or null
     */
    CpuExperts(Mlp.Experts shape, PackedWeights router, float[] bias, float[] correction, Dense[] experts, Dense shared, float[] sharedScale) {
        this.shape = shape;
        this.router = router;
        this.bias = bias;
        this.choice = new ExpertChoice(shape, correction);
        this.experts = experts;
        this.shared = shared;
        this.sharedScale = sharedScale;
    }

    /** The expert that all rows are given to besides; null for none. */
    Dense shared() {
        return shared;
    }

    @Override
    public long bytes() {
        return router.bytes() + Arrays.stream(experts).mapToLong(Dense::bytes).sum() + (shared == null ? 0 : shared.bytes());
    }

    @Override
    public long bytesOfAToken() {
        long idle = Arrays.stream(experts).mapToLong(Dense::bytes).sum() / experts.length * (experts.length - shape.chosen());
        return bytes() - idle;
    }

    @Override
    public void close() {
        Arrays.stream(experts).forEach(Dense::close);
        if (shared != null) {
            shared.close();
        }
    }

    /** [experts, hidden] */
    PackedWeights router() {
        return router;
    }

    /** Gate and up of an expert, or up alone. */
    KernelProjection in(int expert) {
        return (KernelProjection) experts[expert].in();
    }

    KernelProjection down(int expert) {
        return (KernelProjection) experts[expert].down();
    }

    /** Chooses for a row by its logits at {@code at}, without the router's bias yet; experts and weights, highest first, go to {@code to}. */
    void choose(float[] logits, int at, int[] chosen, float[] weights, int to) {
        if (bias != null) {
            DecoderOps.add(logits, at, bias, 0, shape.count());
        }
        choice.choose(logits, at, chosen, weights, to);
    }

    /** Multiplies what the shared expert made of rows of {@code in} by their scale, where it has one; both [rows, hidden]. */
    void scaleShared(float[] in, int rows, float[] out) {
        if (sharedScale == null) {
            return;
        }
        int hidden = router.columns();
        for (int row = 0; row < rows; row++) {
            double logit = 0;
            for (int i = 0; i < hidden; i++) {
                logit += (double) in[row * hidden + i] * sharedScale[i];
            }
            float scale = (float) (1 / (1 + Math.exp(-logit)));
            for (int i = row * hidden; i < (row + 1) * hidden; i++) {
                out[i] *= scale;
            }
        }
    }
}
