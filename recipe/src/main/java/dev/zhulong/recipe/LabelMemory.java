package dev.zhulong.recipe;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.Stack.Layer;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The memory that training all weights of an encoder needs, in bytes, above what the process needs anyway; see {@link TrainingMemory}.
 *
 * @param rows      a batch
 * @param seq       tokens of the longest row
 * @param recompute whether blocks are run again in backward
 */
record LabelMemory(EncoderSpec spec, long rows, int seq, boolean recompute) {
    private static final int FLOAT = Float.BYTES;
    /** What libtorch keeps for itself. */
    private static final double BASE = 64 << 20;
    /** Shorter rows are no remedy. */
    private static final int SHORTEST = 32;

    long weights() {
        return bytes((double) FLOAT * Parameters.of(spec).count());
    }

    /** Gradients and both moments. */
    long optimizer() {
        return 3 * weights();
    }

    /** Kept for backward, with what one block needs while it is computed. */
    long activations() {
        double tokens = (double) rows * seq;
        double each = 0;
        double most = 0;
        for (Layer layer : spec.stack().layers()) {
            // inputs of the projections and norms, heads, the attention's output and its weights where a mask hides padding, and both sides of the activation
            double block = FLOAT * tokens * (6.0 * spec.hiddenSize() + 5.0 * layer.attention().width() + 3.0 * layer.mlp().width()
                    + 2.0 * layer.attention().heads() * seq);
            each += recompute ? FLOAT * tokens * spec.hiddenSize() : block;
            most = Math.max(most, block);
        }
        return bytes(BASE + each + (recompute ? 2 : 1) * most + 3.0 * FLOAT * tokens * spec.hiddenSize() + 2.0 * FLOAT * tokens * spec.outputs());
    }

    private static long bytes(double bytes) {
        return (long) Math.min(bytes, Long.MAX_VALUE / 8);
    }

    long total() {
        return weights() + optimizer() + activations();
    }

    /** One line. */
    String text() {
        return String.format(Locale.ROOT, "estimated peak %s: weights %s, gradients and moments %s, activations %s", Sizes.memory(total()), Sizes.memory(weights()),
                Sizes.memory(optimizer()), Sizes.memory(activations()));
    }

    /**
     * Refuses what does not fit.
     *
     * @param accumulation of the recipe
     * @throws IllegalArgumentException that names the first remedy that suffices
     */
    void require(long available, int accumulation) {
        if (total() <= available) {
            return;
        }
        Map<String, LabelMemory> remedies = new LinkedHashMap<>();
        remedies.put("set train.recompute=true", new LabelMemory(spec, rows, seq, true));
        String single = "train.recompute=true, train.batch=1 and train.accumulation=" + rows * accumulation;
        remedies.put("set " + single, new LabelMemory(spec, 1, seq, true));
        for (int shorter = seq / 2; shorter >= SHORTEST; shorter /= 2) {
            remedies.put("set train.seq=" + shorter + ", " + single, new LabelMemory(spec, 1, shorter, true));
        }
        String remedy = remedies.entrySet().stream().filter(e -> e.getValue().total() <= available).map(Map.Entry::getKey).findFirst()
                .orElse("no training setting makes it fit: take a smaller model");
        throw new IllegalArgumentException(String.format(Locale.ROOT, "this needs about %s of memory and %s are available; %s", Sizes.memory(total()),
                Sizes.memory(available), remedy));
    }
}
