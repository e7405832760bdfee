package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * What {@code quantize} loses of weights: with its search of scales never more than without one, and the less the more bits there are. The rms of
 * the error is over the rms of the weights.
 */
class RoundingIsNeverWorseThanPlainTest {
    /** Weights of a block of k-quants, which all types' groups divide. */
    private static final int RUN = 256;
    private static final Path MODEL = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/assets/stories15M").normalize();

    /** From few bits to many, groups of one kind in each line; between the lines bits alone do not decide. */
    private static final List<List<WeightType>> LADDERS = List.of(
            List.of(WeightType.Q2_K, WeightType.Q3_K, WeightType.Q4_K, WeightType.Q5_K, WeightType.Q6_K, WeightType.Q8_0),
            List.of(WeightType.Q4_0, WeightType.Q5_0, WeightType.Q8_0),
            List.of(WeightType.Q4_1, WeightType.Q5_1, WeightType.Q8_0),
            List.of(WeightType.INT4, WeightType.INT4_ASYM, WeightType.Q4_1),
            List.of(WeightType.INT4, WeightType.Q4_0, WeightType.IQ4_NL),
            List.of(WeightType.IQ4_XS, WeightType.IQ4_NL, WeightType.Q5_0));

    @Test
    void overGaussianWeights() {
        Random random = new Random(17);
        float[] weights = new float[400 * RUN];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) (0.02 * random.nextGaussian());
        }
        check(weights);
    }

    /** All matrices of a block in the middle, and the first rows of the embedding. */
    @Test
    void overRealWeights() {
        assumeTrue(Files.isDirectory(MODEL), "../shared is absent: rounding of real weights not measured");
        List<float[]> parts = new ArrayList<>();
        try (ModelDirectory directory = ModelDirectory.open(MODEL)) {
            directory.tensors().forEach((name, view) -> {
                if (view.shape().length == 2 && (name.startsWith("model.layers.3.") || name.contains("embed_tokens"))) {
                    float[] all = view.toFloats();
                    parts.add(Arrays.copyOf(all, Math.min(all.length, 864 * RUN)));
                }
            });
        }
        assertThat(parts).hasSize(8);
        float[] weights = new float[parts.stream().mapToInt(part -> part.length / RUN * RUN).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, weights, at, part.length / RUN * RUN);
            at += part.length / RUN * RUN;
        }
        check(weights);
    }

    private static void check(float[] weights) {
        Map<WeightType, Double> errors = new EnumMap<>(WeightType.class);
        for (WeightType type : WeightType.values()) {
            if (!Quantiser.supports(type)) {
                continue;
            }
            double ours = 0;
            double plain = 0;
            double all = 0;
            float[] back = new float[RUN];
            for (int from = 0; from < weights.length; from += RUN) {
                float[] run = Arrays.copyOfRange(weights, from, from + RUN);
                WeightRows.decode(type, MemorySegment.ofArray(Quantiser.row(type, run, Quantiser.Search.SCALES)), 0, RUN, back);
                ours += squares(run, back);
                plain += squares(run, PlainRounding.of(type, run));
                all += squares(run, new float[RUN]);
            }
            errors.put(type, Math.sqrt(ours / all));
            System.out.printf("%-9s %.3f bits, error %.5f of the weights' rms (plain rounding %.5f)%n", type,
                    8.0 * type.rowBytes(RUN) / RUN, Math.sqrt(ours / all), Math.sqrt(plain / all));
            assertThat(Math.sqrt(ours / plain)).as("error of %s over that of plain rounding", type).isLessThan(1.01)
                    // or the plain one is not what it is called
                    .isGreaterThan(0.5);
        }
        for (List<WeightType> ladder : LADDERS) {
            for (int i = 1; i < ladder.size(); i++) {
                assertThat(errors.get(ladder.get(i))).as("error of %s, below that of %s", ladder.get(i), ladder.get(i - 1))
                        .isLessThan(errors.get(ladder.get(i - 1)));
            }
        }
    }

    private static double squares(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        }
        return sum;
    }
}
