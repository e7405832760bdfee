package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ImportantColumnsAreKeptNearerTest {
    private static final String FLOATS = "F32|F16|BF16|IQ[123]_.*|TQ.*|MXFP4";
    private static final int COLUMNS = 512;

    /** Of inputs as models have them: most columns small, some many times larger. */
    private static float[] importance(Random random) {
        float[] importance = new float[COLUMNS];
        for (int i = 0; i < COLUMNS; i++) {
            importance[i] = (float) Math.exp(1.5 * random.nextGaussian());
        }
        return importance;
    }

    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void theErrorThatCountsIsLess(WeightType type) {
        Random random = new Random(3);
        double plain = 0;
        double weighed = 0;
        for (int r = 0; r < 60; r++) {
            float[] row = row(random);
            float[] importance = importance(random);
            plain += error(row, back(type, row, null), importance);
            weighed += error(row, back(type, row, importance), importance);
        }
        switch (type) {
            case Q8_0 -> assertThat(weighed).isEqualTo(plain);
            // the more levels, the less there is to gain
            case Q6_K, Q5_K, Q5_0, Q5_1 -> assertThat(weighed).isLessThan(0.99 * plain);
            default -> assertThat(weighed).isLessThan(0.93 * plain);
        }
    }

    /** llama.cpp #8661: a row of zeros in an importance matrix made weights that were no numbers. */
    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void whateverTheImportanceTheWeightsStayNumbersAndNear(WeightType type) {
        Random random = new Random(5);
        float[] row = row(random);
        float[] zeros = new float[COLUMNS];
        assertThat(bytes(type, row, zeros)).isEqualTo(bytes(type, row, null));
        float[] one = new float[COLUMNS];
        one[17] = 1;
        float[] tiny = new float[COLUMNS];
        Arrays.fill(tiny, 1e-20f);
        float[] huge = new float[COLUMNS];
        Arrays.fill(huge, 3e38f);
        float[] subnormal = new float[COLUMNS];
        Arrays.fill(subnormal, Float.MIN_VALUE);
        for (float[] importance : new float[][] {one, tiny, huge, subnormal}) {
            float[] back = back(type, row, importance);
            for (int i = 0; i < COLUMNS; i++) {
                assertThat(back[i]).isFinite();
            }
            assertThat(error(row, back, importance)).as(Arrays.toString(Arrays.copyOf(importance, 3))).isLessThanOrEqualTo(1.02 * error(row, back(type, row, null), importance));
        }
        // the other weights of the block may not be forgotten for one
        assertThat(error(row, back(type, row, one), ones())).isLessThan(3 * error(row, back(type, row, null), ones()));
    }

    @ParameterizedTest
    @EnumSource(names = FLOATS, mode = EnumSource.Mode.MATCH_NONE)
    void onlyRatiosCount(WeightType type) {
        Random random = new Random(9);
        float[] row = row(random);
        float[] importance = importance(random);
        float[] more = importance.clone();
        for (int i = 0; i < COLUMNS; i++) {
            more[i] *= 1024;
        }
        assertThat(bytes(type, row, more)).isEqualTo(bytes(type, row, importance));
    }

    private static byte[] bytes(WeightType type, float[] row, float[] importance) {
        byte[] out = new byte[Math.toIntExact(type.rowBytes(COLUMNS))];
        Quantiser.quantise(type, row, 0, COLUMNS, Quantiser.Search.SCALES, importance, out);
        return out;
    }

    private static float[] ones() {
        float[] ones = new float[COLUMNS];
        Arrays.fill(ones, 1);
        return ones;
    }

    private static float[] row(Random random) {
        float[] row = new float[COLUMNS];
        for (int i = 0; i < COLUMNS; i++) {
            row[i] = (float) (0.03 * random.nextGaussian());
        }
        return row;
    }

    private static float[] back(WeightType type, float[] row, float[] importance) {
        float[] back = new float[COLUMNS];
        WeightRows.decode(type, MemorySegment.ofArray(bytes(type, row, importance)), 0, COLUMNS, back);
        return back;
    }

    private static double error(float[] row, float[] back, float[] importance) {
        double error = 0;
        for (int i = 0; i < row.length; i++) {
            error += importance[i] * Math.pow((double) row[i] - back[i], 2);
        }
        return error;
    }
}
