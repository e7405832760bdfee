package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The memory that training an encoder or an encoder–decoder, or an adapter on it, needs, in bytes, above what the process needs anyway; see {@link TrainingMemory}.
 *
 * @param tuning    what is trained
 * @param rows      a batch
 * @param seq       tokens of the longest row, on either side
 * @param recompute whether blocks are run again in backward
 */
record LabelMemory(NetworkSpec spec, Tuning tuning, long rows, int seq, boolean recompute) {
    private static final int FLOAT = Float.BYTES;
    /** What libtorch keeps for itself. */
    private static final double BASE = 64 << 20;
    /** Logits that are there at once: bytes, or rows of a large vocabulary. */
    private static final double CHUNK = 16 << 20;
    private static final int CHUNK_ROWS = 256;
    /** Shorter rows are no remedy. */
    private static final int SHORTEST = 32;

    LabelMemory {
        recompute = tuning.recompute(recompute);
    }

    /** The model as it is held. */
    long weights() {
        double rounded = tuning.format().map(format -> (double) FLOAT * projections() - format.bytes(projections())).orElse(0.0);
        return bytes((double) FLOAT * Parameters.of(spec).count() - rounded);
    }

    private long projections() {
        return Parameters.of(spec).all().stream().filter(Parameter::isProjection).mapToLong(Parameter::count).sum();
    }

    /** Gradients and both moments of what is trained, and an adapter's own weights. */
    long optimizer() {
        return tuning.isFull() ? 3 * weights() : bytes(4.0 * FLOAT * tuning.count(spec));
    }

    /** Kept for backward, with what one block needs while it is computed. */
    long activations() {
        double tokens = (double) rows * seq;
        double each = 0;
        double most = 0;
        double hidden = spec.stack().hiddenSize();
        for (Layer layer : layers().toList()) {
            // inputs of the projections and norms, heads, the attention's output and its weights where a mask hides padding, and both sides of the activation
            double block = FLOAT * tokens * (6.0 * hidden + 3.0 * layer.mlp().width() + attention(layer.attention())
                    + (layer.cross() == null ? 0 : 2 * hidden + attention(layer.cross())));
            each += recompute ? FLOAT * tokens * hidden : block;
            most = Math.max(most, block);
        }
        double layers = layers().count();
        // a base that is made whole for a layer, or an adapter merged into its projection for the step, which takes no more than the activations do
        double whole = tuning.isFull() ? 0 : tuning.format().isPresent() ? 2.0 * FLOAT * projections() / layers
                : Math.min((double) FLOAT * projections(), most * layers) / (recompute ? layers : 1);
        return bytes(BASE + each + (recompute ? TrainingMemory.RUN_AGAIN : TrainingMemory.LAST) * most + 3.0 * FLOAT * tokens * hidden + whole + outputs(tokens));
    }

    private double attention(Attention a) {
        return 5.0 * a.width() + 2.0 * a.heads() * seq;
    }

    private Stream<Layer> layers() {
        return spec instanceof EncoderDecoderSpec both ? Stream.concat(both.encoder().layers().stream(), both.decoder().layers().stream()) : spec.stack().layers().stream();
    }

    /** What the head gives, and its gradient; over a vocabulary a part of the rows at a time. */
    private double outputs(double tokens) {
        return switch (spec) {
            case EncoderSpec encoder -> 2.0 * FLOAT * tokens * encoder.outputs();
            case EncoderDecoderSpec both -> 2 * Math.max(CHUNK, (double) FLOAT * both.vocabSize() * Math.min(CHUNK_ROWS, tokens));
            case DecoderSpec decoder -> throw new IllegalArgumentException("a decoder's memory is TrainingMemory's: " + decoder.family().modelType());
        };
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
        remedies.put("set train.recompute=true", new LabelMemory(spec, tuning, rows, seq, true));
        String single = "train.recompute=true, train.batch=1 and train.accumulation=" + rows * accumulation;
        remedies.put("set " + single, new LabelMemory(spec, tuning, 1, seq, true));
        if (tuning.isFull() && tuning.from().isPresent()) {
            for (Method other : List.of(Method.LORA, Method.QLORA)) {
                remedies.put("train an adapter (--method " + other.name().toLowerCase(Locale.ROOT) + ") and set " + single, new LabelMemory(spec, tuning.with(other), 1, seq, true));
            }
        }
        for (int shorter = seq / 2; shorter >= SHORTEST; shorter /= 2) {
            remedies.put("set train.seq=" + shorter + ", " + single, new LabelMemory(spec, tuning, 1, shorter, true));
        }
        String remedy = remedies.entrySet().stream().filter(e -> e.getValue().total() <= available).map(Map.Entry::getKey).findFirst()
                .orElse("no training setting makes it fit: take a smaller model");
        throw new IllegalArgumentException(String.format(Locale.ROOT, "this needs about %s of memory and %s are available; %s", Sizes.memory(total()),
                Sizes.memory(available), remedy));
    }
}
