package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows with zeros, ties, both ends of the range and tiny values, and what ggml's reference quantisers made of them. */
class QuantisersAreGgmlsByteForByteTest {
    @Test
    void referenceRows() throws IOException {
        ByteBuffer fixture = DequantisedWeightsAreBitEqualToGgmlsTest.fixture("quantisers.rows");
        int blocks = fixture.getInt();
        float[] row = new float[32 * blocks];
        for (int i = 0; i < row.length; i++) {
            row[i] = fixture.getFloat();
        }
        for (WeightType type : new WeightType[] {WeightType.Q8_0, WeightType.Q4_0}) {
            byte[] expected = new byte[blocks * type.blockBytes()];
            fixture.get(expected);
            byte[] actual = Quantiser.row(type, row, Quantiser.Search.NONE);
            for (int i = 0; i < expected.length; i++) {
                assertThat(actual[i]).as("byte %d of block %d of %s", i % type.blockBytes(), i / type.blockBytes(), type).isEqualTo(expected[i]);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q4_1", "INT4", "INT4_ASYM"})
    void theSearchNeverLosesToTheLargestValue(WeightType type) {
        Random random = new Random(7);
        double plain = 0;
        double searched = 0;
        for (int i = 0; i < 200; i++) {
            float[] row = new float[type.blockElements()];
            for (int j = 0; j < row.length; j++) {
                row[j] = (float) (random.nextGaussian() * 0.02);
            }
            double a = error(type, row, Quantiser.Search.NONE);
            double b = error(type, row, Quantiser.Search.SCALES);
            assertThat(b).isLessThanOrEqualTo(a * 1.0001);
            plain += a;
            searched += b;
        }
        assertThat(searched).isLessThan(plain * 0.97);
    }

    private static double error(WeightType type, float[] row, Quantiser.Search search) {
        float[] back = new float[row.length];
        WeightRows.decode(type, Quantiser.row(type, row, search), row.length, back);
        double error = 0;
        for (int i = 0; i < row.length; i++) {
            error += ((double) row[i] - back[i]) * ((double) row[i] - back[i]);
        }
        return error;
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1", "INT4", "INT4_ASYM"})
    void valuesBeyondAnF16ScaleAreRefused(WeightType type) {
        float[] row = new float[type.blockElements()];
        row[3] = 1e9f;
        assertThatThrownBy(() -> Quantiser.row(type, row, Quantiser.Search.NONE)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("65504");
        row[3] = Float.NaN;
        assertThatThrownBy(() -> Quantiser.row(type, row, Quantiser.Search.NONE)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("finite");
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1", "INT4", "INT4_ASYM"})
    void aGroupOfZerosOrNearlyStaysZero(WeightType type) {
        float[] row = new float[type.blockElements()];
        for (Quantiser.Search search : Quantiser.Search.values()) {
            for (float value : new float[] {0, 1e-41f}) {
                row[5] = value;
                float[] back = new float[row.length];
                WeightRows.decode(type, Quantiser.row(type, row, search), row.length, back);
                for (float v : back) {
                    // of either sign: ggml's reference writes a scale of -0
                    assertThat(v == 0).isTrue();
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {31, 33, 0, -32})
    void aRowThatBlocksDoNotDivideIsRefused(int columns) {
        assertThatThrownBy(() -> WeightType.Q4_0.rowBytes(columns)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("multiple of 32");
    }

    @Test
    void int4FallsBackToGroupsOf32() {
        assertThat(WeightType.int4(2048, true)).isEqualTo(WeightType.INT4);
        assertThat(WeightType.int4(288, true)).isEqualTo(WeightType.Q4_0);
        assertThat(WeightType.int4(288, false)).isEqualTo(WeightType.Q4_1);
    }
}
