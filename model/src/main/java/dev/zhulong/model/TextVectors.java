package dev.zhulong.model;

import dev.zhulong.formats.embedding.DenseWeights;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.Pooling;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes vectors of the states of texts' tokens as a sentence encoder's {@link EmbeddingConfig} says, so that gradients flow through; F32. The weights of dense
 * layers are not trained. {@code infer.EmbeddingHead} does the same for what is finished.
 */
public final class TextVectors implements AutoCloseable {
    /** As PyTorch's {@code normalize}, squared. */
    private static final double LEAST = 1e-24;

    private final EmbeddingConfig config;
    /** Of the dense layers, in order: weight and bias, which may be null. */
    private final List<Tensor[]> dense = new ArrayList<>();

    /**
     * On the device whose scope is open.
     *
     * @param directory of the model, where dense layers lie
     * @throws dev.zhulong.formats.FormatException where a dense layer's weights are missing or of another shape
     */
    public TextVectors(EmbeddingConfig config, Path directory) {
        this.config = config;
        for (EmbeddingConfig.Step step : config.steps()) {
            if (step instanceof EmbeddingConfig.Dense layer) {
                DenseWeights weights = DenseWeights.read(directory, layer);
                dense.add(new Tensor[] {Tensor.of(weights.weight(), layer.outputs(), layer.inputs()).keep(),
                    weights.bias() == null ? null : Tensor.of(weights.bias(), layer.outputs()).keep()});
            }
        }
    }

    /**
     * Vectors, [rows, size].
     *
     * @param states  [rows, width, hidden]
     * @param lengths tokens of each row, behind which it is filled up
     * @param prompts tokens of each row that belong to a prompt; pooled or not as the model says
     */
    public Tensor of(Tensor states, int[] lengths, int[] prompts) {
        List<Tensor> pooled = new ArrayList<>();
        for (Pooling pooling : config.pooling()) {
            pooled.add(pooling == Pooling.MAX ? largest(states, lengths, prompts) : weighted(pooling, states, lengths, prompts));
        }
        Tensor vectors = pooled.size() == 1 ? pooled.getFirst() : Tensor.cat(1, pooled.toArray(Tensor[]::new));
        int next = 0;
        for (EmbeddingConfig.Step step : config.steps()) {
            switch (step) {
                case EmbeddingConfig.Normalize _ -> vectors = normalised(vectors);
                case EmbeddingConfig.Dense layer -> {
                    Tensor[] weights = dense.get(next++);
                    vectors = vectors.linear(weights[0], weights[1]);
                    vectors = layer.activation() == EmbeddingConfig.Activation.TANH ? vectors.tanh() : vectors;
                }
            }
        }
        return vectors;
    }

    /** Rows of length one. */
    public static Tensor normalised(Tensor rows) {
        return rows.div(rows.square().sum(-1, true).add(LEAST).sqrt());
    }

    private int from(int[] prompts, int row) {
        return config.includePrompt() ? 0 : prompts[row];
    }

    private Tensor weighted(Pooling pooling, Tensor states, int[] lengths, int[] prompts) {
        int width = (int) states.size(1);
        float[] shares = new float[lengths.length * width];
        for (int row = 0; row < lengths.length; row++) {
            int from = from(prompts, row);
            int to = lengths[row];
            double count = to - from;
            // of the numbers from + 1 to to
            double sum = count * (from + 1 + to) / 2;
            for (int token = from; token < to; token++) {
                shares[row * width + token] = (float) switch (pooling) {
                    case CLS -> token == from ? 1 : 0;
                    case LAST -> token == to - 1 ? 1 : 0;
                    case MEAN -> 1 / count;
                    case MEAN_SQRT_LEN -> 1 / Math.sqrt(count);
                    case WEIGHTED_MEAN -> (token + 1) / sum;
                    case MAX -> throw new IllegalArgumentException("no sum");
                };
            }
        }
        return Tensor.of(shares, lengths.length, 1, width).matmul(states).squeeze(1);
    }

    private Tensor largest(Tensor states, int[] lengths, int[] prompts) {
        int width = (int) states.size(1);
        float[] out = new float[lengths.length * width];
        for (int row = 0; row < lengths.length; row++) {
            for (int token = 0; token < width; token++) {
                out[row * width + token] = token < from(prompts, row) || token >= lengths[row] ? Float.NEGATIVE_INFINITY : 0;
            }
        }
        return states.add(Tensor.of(out, lengths.length, width, 1)).transpose(1, 2).topK(1).values().squeeze(2);
    }

    @Override
    public void close() {
        for (Tensor[] weights : dense) {
            weights[0].close();
            if (weights[1] != null) {
                weights[1].close();
            }
        }
    }
}
