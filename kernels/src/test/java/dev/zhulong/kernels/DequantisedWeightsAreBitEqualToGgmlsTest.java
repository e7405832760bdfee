package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random blocks with scales that are zero, negative, subnormal and the largest, and the floats ggml's {@code dequantize_row_*} made of
 * them (llama.cpp b4748, x86-64; of MXFP4, Q2_0 and those of IQ1 to IQ3 and TQ but IQ2_XXS its v0.5.0).
 */
class DequantisedWeightsAreBitEqualToGgmlsTest {
    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16", "INT4", "INT4_ASYM"}, mode = EnumSource.Mode.EXCLUDE)
    void eachTypesBlocks(WeightType type) throws IOException {
        ByteBuffer fixture = fixture(type + ".blocks");
        int blocks = fixture.getInt();
        byte[] bytes = new byte[blocks * type.blockBytes()];
        fixture.get(bytes);
        int columns = blocks * type.blockElements();
        float[] actual = new float[columns];
        WeightRows.decode(type, MemorySegment.ofArray(bytes), 0, columns, actual);
        float[] within = new float[columns + 5];
        WeightRows.decode(type, MemorySegment.ofArray(bytes), 0, columns, within, 3);
        assertThat(Arrays.copyOfRange(within, 3, 3 + columns)).isEqualTo(actual);
        assertThat(new float[] {within[2], within[3 + columns]}).containsOnly(0);
        for (int i = 0; i < columns; i++) {
            int expected = fixture.getInt();
            assertThat(Float.floatToRawIntBits(actual[i])).as("weight %d of %s: %s", i, type, actual[i]).isEqualTo(expected);
        }
        assertThat(fixture.hasRemaining()).isFalse();
    }

    @Test
    void everyHalfAndBfloat() {
        byte[] bytes = new byte[4 << 16];
        for (int i = 0; i < 1 << 16; i++) {
            bytes[2 * i] = (byte) i;
            bytes[2 * i + 1] = (byte) (i >> 8);
        }
        float[] half = new float[1 << 16];
        float[] bfloat = new float[1 << 16];
        WeightRows.decode(WeightType.F16, MemorySegment.ofArray(bytes), 0, 1 << 16, half);
        WeightRows.decode(WeightType.BF16, MemorySegment.ofArray(bytes), 0, 1 << 16, bfloat);
        for (int i = 0; i < 1 << 16; i++) {
            assertThat(Float.floatToRawIntBits(half[i])).isEqualTo(Float.floatToRawIntBits(Float.float16ToFloat((short) i)));
            assertThat(Float.floatToRawIntBits(bfloat[i])).isEqualTo(i << 16);
        }
    }

    /** A group of 128 is four blocks of 32 with one scale, its nibbles in another order. */
    @ParameterizedTest
    @EnumSource(names = {"INT4", "INT4_ASYM"})
    void int4IsTheBlockOf32Stretched(WeightType type) {
        WeightType small = type == WeightType.INT4 ? WeightType.Q4_0 : WeightType.Q4_1;
        int head = type == WeightType.INT4 ? 2 : 4;
        for (int nibble = 0; nibble < 16; nibble++) {
            byte[] large = new byte[type.blockBytes()];
            byte[] block = new byte[small.blockBytes()];
            short scale = Float.floatToFloat16(-0.37f);
            for (byte[] b : new byte[][] {large, block}) {
                b[0] = (byte) scale;
                b[1] = (byte) (scale >> 8);
                b[head - 1] = b[1];
                Arrays.fill(b, head, b.length, (byte) (nibble | (15 - nibble) << 4));
            }
            float[] wide = new float[128];
            float[] narrow = new float[32];
            WeightRows.decode(type, MemorySegment.ofArray(large), 0, 128, wide);
            WeightRows.decode(small, MemorySegment.ofArray(block), 0, 32, narrow);
            for (int i = 0; i < 128; i++) {
                assertThat(wide[i]).isEqualTo(narrow[i < 64 ? 0 : 16]);
            }
        }
    }

    static ByteBuffer fixture(String name) throws IOException {
        try (InputStream in = DequantisedWeightsAreBitEqualToGgmlsTest.class.getResourceAsStream(name)) {
            return ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
        }
    }
}
