package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Without a search. Rows with zeros, ties, both ends of the range and tiny values, and what ggml's reference quantisers made of them. */
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

    /** Rows of {@code quantize_row_q2_0_ref} of llama.cpp v0.5.0: zeros, tiny ones, halves, outliers of either sign. */
    @Test
    void referenceRowsOfTwoBits() throws IOException {
        ByteBuffer fixture = DequantisedWeightsAreBitEqualToGgmlsTest.fixture("Q2_0.rows");
        float[] row = new float[64 * fixture.getInt()];
        for (int i = 0; i < row.length; i++) {
            row[i] = fixture.getFloat();
        }
        byte[] expected = new byte[fixture.remaining()];
        fixture.get(expected);
        assertThat(Quantiser.row(WeightType.Q2_0, row, Quantiser.Search.NONE)).isEqualTo(expected);
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
