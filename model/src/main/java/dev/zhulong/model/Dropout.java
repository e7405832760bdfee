package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorRandom;

/**
 * Dropout of one adapter's input (Hu et al. 2021, as PEFT has it) or of one result in a network (Srivastava et al. 2014). The mask depends on a seed and the
 * place, on nothing else.
 */
final class Dropout {
    private final int place;
    private double probability;
    private long seed;
    private boolean on;

    Dropout(double probability, int place) {
        this.probability = probability;
        this.place = place;
    }

    void probability(double share) {
        probability = share;
    }

    void on(long next) {
        seed = next;
        on = probability > 0;
    }

    boolean isOn() {
        return on;
    }

    void off() {
        on = false;
    }

    /** What is left of {@code x}, scaled up by what was dropped; {@code x} itself where nothing is. */
    Tensor apply(Tensor x) {
        if (!on) {
            return x;
        }
        long z = (seed * 0x9E3779B97F4A7C15L + place) * 0xBF58476D1CE4E5B9L;
        try (var random = new TensorRandom()) {
            Libtorch.seed(random, z ^ (z >>> 31));
            return x.mul(Tensor.empty(DType.F32, x.shape()).bernoulli_(random, 1 - probability).mul_(1 / (1 - probability)));
        }
    }
}
