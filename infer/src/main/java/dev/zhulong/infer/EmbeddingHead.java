package dev.zhulong.infer;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.embedding.DenseWeights;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.Pooling;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes one vector of the states of a text's tokens, as a sentence encoder's {@link EmbeddingConfig} says; the same for every engine. Sums are taken
 * in double precision. Safe for several threads.
 *
 * <pre>{@code
 * var head = EmbeddingHead.open(directory, EmbeddingConfig.read(directory));
 * float[] vector = head.vector(states, tokens, 0);
 * }</pre>
 */
public final class EmbeddingHead {
    /** Less than this is no length to divide by (PyTorch's {@code normalize}). */
    private static final double LEAST = 1e-12;

    private final EmbeddingConfig config;
    private final List<Step> steps;

    private sealed interface Step {}

    private record Normalize() implements Step {}

    /** @param weight {@code [outputs, inputs]}; {@code bias [outputs]} or null */
    private record Dense(int inputs, float[] weight, float[] bias, boolean tanh) implements Step {}

    private EmbeddingHead(EmbeddingConfig config, List<Step> steps) {
        this.config = config;
        this.steps = steps;
    }

    /**
     * Opens what stands behind the network in a directory.
     *
     * @throws FormatException where a dense layer's weights are missing, pickled or of another shape
     */
    public static EmbeddingHead open(Path directory, EmbeddingConfig config) {
        List<Step> steps = new ArrayList<>();
        for (EmbeddingConfig.Step step : config.steps()) {
            steps.add(switch (step) {
                case EmbeddingConfig.Normalize _ -> new Normalize();
                case EmbeddingConfig.Dense dense -> dense(directory, dense);
            });
        }
        return new EmbeddingHead(config, List.copyOf(steps));
    }

    private static Dense dense(Path directory, EmbeddingConfig.Dense dense) {
        DenseWeights weights = DenseWeights.read(directory, dense);
        return new Dense(dense.inputs(), weights.weight(), weights.bias(), dense.activation() == EmbeddingConfig.Activation.TANH);
    }

    /**
     * The vector of a text.
     *
     * @param states       {@code [tokens, hidden]}, special tokens included, no padding
     * @param promptTokens tokens at the beginning that belong to a prompt; pooled or not as the model says
     * @throws IllegalArgumentException where there is no token to pool, or states are not as wide as the model's files say
     */
    public float[] vector(float[] states, int tokens, int promptTokens) {
        int from = config.includePrompt() ? 0 : promptTokens;
        if (tokens < 1 || from >= tokens || states.length % tokens != 0) {
            throw new IllegalArgumentException("a vector is made of the states of one or more tokens, found " + states.length + " numbers of " + tokens
                    + " tokens, " + from + " of them a prompt's");
        }
        int hidden = states.length / tokens;
        if (config.hidden().isPresent() && config.hidden().getAsInt() != hidden) {
            throw new IllegalArgumentException("the model's pooling is for states of " + config.hidden().getAsInt() + " elements, its network gives " + hidden);
        }
        double[] vector = new double[config.pooling().size() * hidden];
        for (int i = 0; i < config.pooling().size(); i++) {
            pool(config.pooling().get(i), states, from, tokens, hidden, vector, i * hidden);
        }
        for (Step step : steps) {
            vector = switch (step) {
                case Normalize _ -> normalized(vector);
                case Dense dense -> product(dense, vector);
            };
        }
        float[] out = new float[vector.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (float) vector[i];
        }
        return out;
    }

    private static void pool(Pooling pooling, float[] states, int from, int tokens, int hidden, double[] out, int at) {
        switch (pooling) {
            case CLS -> add(states, from, hidden, 1, out, at);
            case LAST -> add(states, tokens - 1, hidden, 1, out, at);
            case MAX -> {
                add(states, from, hidden, 1, out, at);
                for (int t = from + 1; t < tokens; t++) {
                    for (int i = 0; i < hidden; i++) {
                        out[at + i] = Math.max(out[at + i], states[t * hidden + i]);
                    }
                }
            }
            case MEAN, MEAN_SQRT_LEN, WEIGHTED_MEAN -> {
                double sum = 0;
                for (int t = from; t < tokens; t++) {
                    double weight = pooling == Pooling.WEIGHTED_MEAN ? t + 1 : 1;
                    add(states, t, hidden, weight, out, at);
                    sum += weight;
                }
                double divisor = pooling == Pooling.MEAN_SQRT_LEN ? Math.sqrt(sum) : sum;
                for (int i = 0; i < hidden; i++) {
                    out[at + i] /= divisor;
                }
            }
        }
    }

    private static void add(float[] states, int token, int hidden, double weight, double[] out, int at) {
        for (int i = 0; i < hidden; i++) {
            out[at + i] += weight * states[token * hidden + i];
        }
    }

    private static double[] normalized(double[] vector) {
        double squares = 0;
        for (double x : vector) {
            squares += x * x;
        }
        double length = Math.max(Math.sqrt(squares), LEAST);
        double[] out = new double[vector.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = vector[i] / length;
        }
        return out;
    }

    private static double[] product(Dense dense, double[] vector) {
        if (vector.length != dense.inputs) {
            throw new IllegalArgumentException("the model's dense layer takes " + dense.inputs + " elements, found " + vector.length);
        }
        double[] out = new double[dense.weight.length / dense.inputs];
        for (int row = 0; row < out.length; row++) {
            double sum = dense.bias == null ? 0 : dense.bias[row];
            for (int i = 0; i < vector.length; i++) {
                sum += dense.weight[row * dense.inputs + i] * vector[i];
            }
            out[row] = dense.tanh ? Math.tanh(sum) : sum;
        }
        return out;
    }
}
