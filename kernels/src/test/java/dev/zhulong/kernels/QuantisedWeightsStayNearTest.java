package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What every quantiser writes, read back by the decoder that is bit-equal to ggml's. */
class QuantisedWeightsStayNearTest {
    private static final String FLOATS = "F32|F16|BF16|IQ[123]_.*|TQ.*|MXFP4";

    /**
     * Bounds a little above what was measured, of rms error over rms weight: of Gaussian weights, and of Laplacian ones, whose tails are long. ggml's
     * quantisers (llama.cpp b4748, without an importance matrix) leave more on the same weights; the first is their figure.
     */
    @ParameterizedTest
    @CsvSource({
        "Q8_0, 0.0054, 0.0055, 0.0069", "Q6_K, 0.0178, 0.0168, 0.0207", "Q5_K, 0.0362, 0.0347, 0.0411", "Q5_1, 0.0379, 0.0338, 0.0400",
        "Q5_0, 0.0427, 0.0404, 0.0517", "Q4_K, 0.0714, 0.0704, 0.0833", "Q4_1, 0.0783, 0.0700, 0.0825", "Q4_0, 0.0859, 0.0815, 0.1030",
        "IQ4_NL, 0.0762, 0.0740, 0.0855", "IQ4_XS, 0.0768, 0.0746, 0.0863", "Q3_K, 0.1509, 0.1455, 0.1710", "Q2_K, 0.2964, 0.2650, 0.2990", "Q2_0, 1, 0.3730, 0.4300",
        "INT4, 1, 0.104, 0.140", "INT4_ASYM, 1, 0.094, 0.120",
    })
    void byTheErrorStated(WeightType type, double ggml, double gauss, double laplace) {
        assertThat(relativeError(type, false)).isLessThan(Math.min(ggml * 1.02, gauss));
        assertThat(relativeError(type, true)).isLessThan(laplace);
    }

    private static double relativeError(WeightType type, boolean laplace) {
        Random random = new Random(3);
        double error = 0;
        double all = 0;
        for (int r = 0; r < 60; r++) {
            float[] row = new float[512];
            for (int i = 0; i < row.length; i++) {
                row[i] = (float) (laplace ? -0.02 * Math.signum(random.nextDouble() - 0.5) * Math.log(1 - random.nextDouble()) : 0.03 * random.nextGaussian());
                all += row[i] * row[i];
            }
            error += error(type, row, Quantiser.Search.SCALES);
        }
        return Math.sqrt(error / all);
    }

    @ParameterizedTest
    @EnumSource(names = {"Q2_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "INT4", "INT4_ASYM"})
    void noWorseThanByTheLargestValueInAnyGroup(WeightType type) {
        Random random = new Random(7);
        double plain = 0;
        double searched = 0;
        for (int i = 0; i < 200; i++) {
            float[] row = gaussian(random, type.blockElements());
            double a = weighted(type, row, back(type, row, Quantiser.Search.NONE));
            double b = weighted(type, row, back(type, row, Quantiser.Search.SCALES));
            assertThat(b).isLessThanOrEqualTo(a * 1.02);
            plain += a;
            searched += b;
        }
        assertThat(searched).isLessThan(plain * 0.97);
    }

    /** Any scale of the same fine grid, tried for each group by brute force, gains next to nothing. */
    @ParameterizedTest
    @CsvSource({"Q2_0, -1, 2", "Q4_0, -8, 7", "Q5_0, -16, 15", "INT4, -8, 7"})
    void closeToTheBestScaleThereIs(WeightType type, int lowest, int highest) {
        Random random = new Random(5);
        double best = 0;
        double found = 0;
        for (int r = 0; r < 40; r++) {
            float[] row = gaussian(random, type.blockElements());
            float largest = 0;
            for (float v : row) {
                largest = Math.max(largest, Math.abs(v));
            }
            double least = Double.MAX_VALUE;
            for (int c = 1; c <= 4000; c++) {
                for (int sign = -1; sign <= 1; sign += 2) {
                    double scale = sign * 2.0 * c / 4000 * largest / -lowest;
                    float[] rounded = new float[row.length];
                    for (int i = 0; i < row.length; i++) {
                        rounded[i] = (float) (scale * Math.clamp(Math.round(row[i] / scale), lowest, highest));
                    }
                    least = Math.min(least, weighted(type, row, rounded));
                }
            }
            best += least;
            found += weighted(type, row, back(type, row, Quantiser.Search.SCALES));
        }
        assertThat(found).isLessThan(best * 1.015);
    }

    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void whateverTheirSizeAndSign(WeightType type) {
        Random random = new Random(11);
        for (double size : new double[] {1e-2, 1, 1000}) {
            for (double mean : new double[] {0, 3, -3, 0.5}) {
                float[] row = new float[512];
                double all = 0;
                for (int i = 0; i < row.length; i++) {
                    row[i] = (float) (size * (mean + random.nextGaussian()));
                    all += row[i] * row[i];
                }
                // k-quants with minimums have them at or below zero: far above it they are no better than those without
                assertThat(Math.sqrt(error(type, row, Quantiser.Search.SCALES) / all)).as("%s around %s", size, mean).isLessThan(type == WeightType.Q2_0 ? 0.38 : 0.3);
            }
        }
    }

    /** By least squares alone two bits would leave five hundredths of it. */
    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void whereColumnsCountNothingOfTheWeightsOwnDirectionIsMissing(WeightType type) {
        Random random = new Random(12);
        float[] importance = new float[512];
        for (int i = 0; i < importance.length; i++) {
            importance[i] = (float) Math.exp(random.nextGaussian());
        }
        double met = 0;
        double all = 0;
        float[] back = new float[512];
        byte[] blocks = new byte[(int) type.rowBytes(512)];
        for (int r = 0; r < 50; r++) {
            float[] row = gaussian(random, 512);
            Quantiser.quantise(type, row, 0, 512, Quantiser.Search.SCALES, importance, blocks);
            WeightRows.decode(type, MemorySegment.ofArray(blocks), 0, 512, back);
            for (int i = 0; i < row.length; i++) {
                met += (double) importance[i] * row[i] * back[i];
                all += (double) importance[i] * row[i] * row[i];
            }
        }
        // of four levels some weights fall to a lower one when scales are raised
        assertThat(met / all).isBetween(type == WeightType.Q2_0 ? 0.93 : 0.99, 1.01);
    }

    /** As of a model that was trained in this type: what was decoded is made into the same bytes again, whatever the scale. */
    @Test
    void aLatticeOfTwoBitsReturnsToItsCodes() {
        Random random = new Random(21);
        for (int i = 0; i < 2000; i++) {
            byte[] block = new byte[18];
            random.nextBytes(block);
            float scale = (float) Math.exp(random.nextDouble(-12, 6));
            short bits = Float.floatToFloat16(i % 2 == 0 ? scale : -scale);
            block[0] = (byte) bits;
            block[1] = (byte) (bits >> 8);
            // without a level 2, as ternary weights are, the sign of the scale is not in the weights: it is written as positive
            if (i % 4 == 2) {
                for (int j = 2; j < 18; j++) {
                    block[j] &= (byte) ~(block[j] >> 1 & 0x55);
                }
            }
            float[] weights = new float[64];
            WeightRows.decode(WeightType.Q2_0, MemorySegment.ofArray(block), 0, 64, weights);
            assertThat(Quantiser.row(WeightType.Q2_0, weights, Quantiser.Search.SCALES)).as("scale %s", scale).isEqualTo(block);
        }
    }

    /** One weight a hundred times the others': the others may vanish, it may not. */
    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void outliersAreKept(WeightType type) {
        for (float outlier : new float[] {5, -5}) {
            float[] row = gaussian(new Random(2), type.blockElements());
            row[17] = outlier;
            float[] back = back(type, row, Quantiser.Search.SCALES);
            assertThat(back[17]).isCloseTo(outlier, org.assertj.core.data.Percentage.withPercentage(7));
        }
    }

    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void beyondAnF16ScaleTheyAreRefused(WeightType type) {
        for (float value : new float[] {1e9f, -1e9f}) {
            float[] row = new float[type.blockElements()];
            row[3] = value;
            assertThatThrownBy(() -> Quantiser.row(type, row, Quantiser.Search.SCALES)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("65504");
            row[3] = Float.NaN;
            assertThatThrownBy(() -> Quantiser.row(type, row, Quantiser.Search.SCALES)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("finite");
        }
    }

    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void zeroOrNearlyStaysZero(WeightType type) {
        float[] row = new float[type.blockElements()];
        for (Quantiser.Search search : Quantiser.Search.values()) {
            for (float value : new float[] {0, 1e-41f, -1e-41f, 1e-31f}) {
                row[5] = value;
                for (float v : back(type, row, search)) {
                    // of either sign: ggml's reference writes a scale of -0
                    assertThat(v == 0).as("%s of %s", v, value).isTrue();
                }
            }
        }
    }

    /** The error that is least: with four bits a weight counts one and its size over the group's. */
    private static double weighted(WeightType type, float[] group, float[] back) {
        double squares = 0;
        for (float v : group) {
            squares += (double) v * v;
        }
        double error = 0;
        for (int i = 0; i < group.length; i++) {
            double size = type.name().startsWith("Q5") ? 0 : Math.abs(group[i]) / Math.sqrt(squares / group.length);
            error += (1 + size) * Math.pow((double) group[i] - back[i], 2);
        }
        return error;
    }

    private static float[] gaussian(Random random, int n) {
        float[] row = new float[n];
        for (int j = 0; j < n; j++) {
            row[j] = (float) (random.nextGaussian() * 0.02);
        }
        return row;
    }

    private static float[] back(WeightType type, float[] row, Quantiser.Search search) {
        float[] back = new float[row.length];
        WeightRows.decode(type, MemorySegment.ofArray(Quantiser.row(type, row, search)), 0, row.length, back);
        return back;
    }

    private static double error(WeightType type, float[] row, Quantiser.Search search) {
        float[] back = back(type, row, search);
        double error = 0;
        for (int i = 0; i < row.length; i++) {
            assertThat(back[i]).isFinite();
            error += ((double) row[i] - back[i]) * ((double) row[i] - back[i]);
        }
        return error;
    }
}
