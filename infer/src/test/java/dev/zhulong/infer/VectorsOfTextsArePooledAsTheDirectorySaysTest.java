package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.Pooling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VectorsOfTextsArePooledAsTheDirectorySaysTest {
    private static final int TOKENS = 5;
    private static final int HIDDEN = 3;
    private static final float[] STATES = states();

    @TempDir
    Path directory;

    private static float[] states() {
        var random = new Random(1);
        float[] states = new float[TOKENS * HIDDEN];
        for (int i = 0; i < states.length; i++) {
            states[i] = (float) random.nextGaussian();
        }
        return states;
    }

    private static EmbeddingConfig config(boolean includePrompt, List<Pooling> pooling, EmbeddingConfig.Step... steps) {
        return new EmbeddingConfig(true, "", OptionalInt.empty(), false, pooling, includePrompt, OptionalInt.of(HIDDEN), List.of(steps), Map.of(),
                Optional.empty(), "cosine");
    }

    private float[] vector(int prompt, EmbeddingConfig config) {
        return EmbeddingHead.open(directory, config).vector(STATES, TOKENS, prompt);
    }

    /** Column {@code i} of the states from token {@code from} on, in double precision. */
    private static double[] column(int i, int from) {
        return IntStream.range(from, TOKENS).mapToDouble(t -> STATES[t * HIDDEN + i]).toArray();
    }

    private static double expected(Pooling pooling, int i, int from) {
        double[] x = column(i, from);
        return switch (pooling) {
            case CLS -> x[0];
            case LAST -> x[x.length - 1];
            case MAX -> Arrays.stream(x).max().orElseThrow();
            case MEAN -> Arrays.stream(x).average().orElseThrow();
            case MEAN_SQRT_LEN -> Arrays.stream(x).sum() / Math.sqrt(x.length);
            case WEIGHTED_MEAN -> IntStream.range(0, x.length).mapToDouble(t -> x[t] * (from + t + 1)).sum()
                    / IntStream.range(0, x.length).mapToDouble(t -> from + t + 1).sum();
        };
    }

    @Test
    void eachPoolingWithThePromptAndWithoutIt() {
        for (Pooling pooling : Pooling.values()) {
            for (int prompt : new int[] {0, 2}) {
                float[] all = vector(prompt, config(true, List.of(pooling)));
                float[] rest = vector(prompt, config(false, List.of(pooling)));
                for (int i = 0; i < HIDDEN; i++) {
                    assertThat((double) all[i]).as(pooling.toString()).isCloseTo(expected(pooling, i, 0), within(1e-6));
                    assertThat((double) rest[i]).as(pooling.toString()).isCloseTo(expected(pooling, i, prompt), within(1e-6));
                }
            }
        }
    }

    @Test
    void severalStandSideBySideAndAreNormalizedTogether() {
        float[] vector = vector(0, config(true, List.of(Pooling.MAX, Pooling.MEAN), new EmbeddingConfig.Normalize()));
        double length = Math.sqrt(IntStream.range(0, HIDDEN).mapToDouble(i -> Math.pow(expected(Pooling.MAX, i, 0), 2)
                + Math.pow(expected(Pooling.MEAN, i, 0), 2)).sum());
        for (int i = 0; i < HIDDEN; i++) {
            assertThat((double) vector[i]).isCloseTo(expected(Pooling.MAX, i, 0) / length, within(1e-6));
            assertThat((double) vector[HIDDEN + i]).isCloseTo(expected(Pooling.MEAN, i, 0) / length, within(1e-6));
        }
        assertThat(EmbeddingHead.open(directory, config(true, List.of(Pooling.MEAN), new EmbeddingConfig.Normalize())).vector(new float[6], 2, 0))
                .as("states of zeros").containsOnly(0f);
    }

    @Test
    void aDenseLayerIsAppliedWhereItStands() throws IOException {
        float[] weight = {1, 2, 3, -1, 0, 1};
        float[] bias = {0.5f, -0.25f};
        Path folder = Files.createDirectories(directory.resolve("2_Dense"));
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), List.of(SafetensorsWriter.Entry.of("linear.weight", new long[] {2, 3}, weight),
                SafetensorsWriter.Entry.of("linear.bias", new long[] {2}, bias)));
        var dense = new EmbeddingConfig.Dense("2_Dense", 3, 2, true, EmbeddingConfig.Activation.TANH);
        float[] vector = vector(0, config(true, List.of(Pooling.MEAN), dense));
        for (int row = 0; row < 2; row++) {
            double sum = bias[row];
            for (int i = 0; i < HIDDEN; i++) {
                sum += weight[row * HIDDEN + i] * expected(Pooling.MEAN, i, 0);
            }
            assertThat((double) vector[row]).isCloseTo(Math.tanh(sum), within(1e-6));
        }
        var other = new EmbeddingConfig.Dense("2_Dense", 3, 4, true, EmbeddingConfig.Activation.TANH);
        assertThatThrownBy(() -> vector(0, config(true, List.of(Pooling.MEAN), other))).hasMessageContaining("linear.weight");
        Files.move(folder.resolve("model.safetensors"), folder.resolve("pytorch_model.bin"));
        assertThatThrownBy(() -> vector(0, config(true, List.of(Pooling.MEAN), dense))).hasMessageContaining("a pickle file can run code");
    }

    @Test
    void whatCannotBePooledIsRefused() {
        assertThatThrownBy(() -> vector(5, config(false, List.of(Pooling.MEAN)))).hasMessageContaining("15 numbers of 5 tokens, 5 of them a prompt's");
        assertThatThrownBy(() -> EmbeddingHead.open(directory, config(true, List.of(Pooling.MEAN))).vector(new float[8], 2, 0))
                .hasMessageContaining("for states of 3 elements, its network gives 4");
    }
}
