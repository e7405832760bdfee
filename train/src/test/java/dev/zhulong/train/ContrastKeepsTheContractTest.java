package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.data.pack.ContrastRow;
import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.EmbeddingConfig.Step;
import dev.zhulong.formats.embedding.Pooling;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.TextVectors;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContrastKeepsTheContractTest {
    private static final int HIDDEN = TinyTexts.HIDDEN;
    private static final int DENSE = 6;

    @Nested
    class OfMeansComparedByCosine extends Over {
        OfMeansComparedByCosine() {
            super(List.of(Pooling.MEAN), true, true, false);
        }
    }

    @Nested
    class OfThreePoolingsWithoutPromptsThroughADenseLayer extends Over {
        OfThreePoolingsWithoutPromptsThroughADenseLayer() {
            super(List.of(Pooling.CLS, Pooling.MAX, Pooling.WEIGHTED_MEAN), false, true, true);
        }
    }

    @Nested
    class OfLastTokensComparedByProduct extends Over {
        OfLastTokensComparedByProduct() {
            super(List.of(Pooling.LAST, Pooling.MEAN_SQRT_LEN), true, false, false);
        }
    }

    private abstract static class Over extends ObjectiveContract<Contrast, ContrastBatch> {
        private static final double TEMPERATURE = 0.7;
        @TempDir
        static Path directory;

        private final Encoder model;
        private final TextVectors vectors;
        private final EmbeddingConfig config;
        private final boolean cosine;
        private final float[] dense;

        Over(List<Pooling> pooling, boolean prompts, boolean cosine, boolean denseToo) {
            model = TinyTexts.encoder(2, 7);
            model.requiresGrad(true);
            this.cosine = cosine;
            int inputs = pooling.size() * HIDDEN;
            var random = new SplittableRandom(4);
            dense = new float[DENSE * inputs + DENSE];
            for (int i = 0; i < dense.length; i++) {
                dense[i] = (float) random.nextGaussian(0, 0.3);
            }
            List<Step> steps = denseToo ? List.of(new EmbeddingConfig.Dense("2_Dense", inputs, DENSE, true, EmbeddingConfig.Activation.TANH), new EmbeddingConfig.Normalize())
                    : List.of();
            if (denseToo) {
                try {
                    Path folder = Files.createDirectories(directory.resolve("2_Dense"));
                    SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), List.of(
                            SafetensorsWriter.Entry.of("linear.weight", new long[] {DENSE, inputs}, java.util.Arrays.copyOf(dense, DENSE * inputs)),
                            SafetensorsWriter.Entry.of("linear.bias", new long[] {DENSE}, java.util.Arrays.copyOfRange(dense, DENSE * inputs, dense.length))));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
            config = TinyTexts.config(pooling, prompts, steps);
            vectors = new TextVectors(config, directory);
        }

        @AfterEach
        void close() {
            model.close();
            vectors.close();
        }

        @Override
        Contrast objective() {
            return new Contrast(model, vectors, TEMPERATURE, cosine);
        }

        @Override
        Map<String, Tensor> weights() {
            return model.trainable();
        }

        @Override
        List<ContrastBatch> batches() {
            return List.of(ContrastBatch.of(rows(1, 9, 3, 5), 0), ContrastBatch.of(rows(2, 6, 6), 0));
        }

        /** Every other with a negative; the second's positive is the first's too. */
        private static List<ContrastRow> rows(long seed, int... lengths) {
            var random = new SplittableRandom(seed);
            List<ContrastRow> rows = new ArrayList<>();
            for (int i = 0; i < lengths.length; i++) {
                rows.add(new ContrastRow(TinyTexts.text(random, lengths[i]), i == 1 ? rows.getFirst().positive() : TinyTexts.text(random, 4 + i),
                        i % 2 == 0 ? Optional.of(TinyTexts.text(random, 7)) : Optional.empty(), 2, 1));
            }
            return rows;
        }

        @Override
        long supervised(ContrastBatch batch) {
            return batch.anchors();
        }

        @Override
        Unit unit() {
            return new Unit("nats", "pair");
        }

        /** Each text read by itself, everything behind it in float64. */
        @Test
        void theLossIsThatOfThePlainFormula() {
            List<ContrastRow> rows = rows(1, 9, 3, 5);
            List<double[]> anchors = rows.stream().map(row -> vector(row.anchor(), row.anchorPrompt())).toList();
            List<EncoderRow> candidates = new ArrayList<>(rows.stream().map(ContrastRow::positive).toList());
            rows.forEach(row -> row.negative().ifPresent(candidates::add));
            double expected = 0;
            for (int i = 0; i < rows.size(); i++) {
                double[] scores = new double[candidates.size()];
                double sum = 0;
                for (int j = 0; j < scores.length; j++) {
                    scores[j] = similarity(anchors.get(i), vector(candidates.get(j), 1)) / TEMPERATURE;
                    // the positive that the first two share is no negative of either
                    sum += i == 0 && j == 1 || i == 1 && j == 0 ? 0 : Math.exp(scores[j]);
                }
                expected += Math.log(sum) - scores[i];
            }
            assertThat(objective().evaluate(batches().getFirst()).sum()).isCloseTo(expected, within(1e-4 * Math.max(1, expected)));
        }

        private double[] vector(EncoderRow text, int prompt) {
            int n = text.length();
            float[] states = TinyTexts.states(model, text.ids(), text.types());
            int from = config.includePrompt() ? 0 : prompt;
            double[] all = new double[config.pooling().size() * HIDDEN];
            for (int p = 0; p < config.pooling().size(); p++) {
                for (int c = 0; c < HIDDEN; c++) {
                    int channel = c;
                    double[] column = IntStream.range(from, n).mapToDouble(t -> states[t * HIDDEN + channel]).toArray();
                    double sum = 0;
                    double weights = 0;
                    double most = Double.NEGATIVE_INFINITY;
                    for (int t = 0; t < column.length; t++) {
                        double weight = config.pooling().get(p) == Pooling.WEIGHTED_MEAN ? from + t + 1 : 1;
                        sum += weight * column[t];
                        weights += weight;
                        most = Math.max(most, column[t]);
                    }
                    all[p * HIDDEN + c] = switch (config.pooling().get(p)) {
                        case CLS -> column[0];
                        case LAST -> column[column.length - 1];
                        case MAX -> most;
                        case MEAN, WEIGHTED_MEAN -> sum / weights;
                        case MEAN_SQRT_LEN -> sum / Math.sqrt(weights);
                    };
                }
            }
            if (config.steps().isEmpty()) {
                return all;
            }
            double[] out = new double[DENSE];
            for (int o = 0; o < DENSE; o++) {
                double sum = dense[DENSE * all.length + o];
                for (int i = 0; i < all.length; i++) {
                    sum += dense[o * all.length + i] * all[i];
                }
                out[o] = Math.tanh(sum);
            }
            return out;
        }

        /** A vector of the dense layer has length one, so that its product is its cosine. */
        private double similarity(double[] a, double[] b) {
            double dot = 0;
            double one = 0;
            double other = 0;
            for (int i = 0; i < a.length; i++) {
                dot += a[i] * b[i];
                one += a[i] * a[i];
                other += b[i] * b[i];
            }
            return cosine ? dot / Math.sqrt(one * other) : dot;
        }
    }
}
