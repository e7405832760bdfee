package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** By hand, from OCP's "Microscaling Formats (MX) v1.0", tables 5 and 7, in ggml's order of nibbles. */
class Mxfp4IsAPowerOfTwoTimesFourBitsTest {
    private static final float[] E2M1 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, 0, -0.5f, -1, -1.5f, -2, -3, -4, -6};

    /** The low nibbles are the first sixteen weights, the high ones the others. */
    private static byte[] block(int exponent) {
        byte[] block = new byte[17];
        block[0] = (byte) exponent;
        for (int i = 0; i < 16; i++) {
            block[1 + i] = (byte) (i | (15 - i) << 4);
        }
        return block;
    }

    private static float[] decoded(byte[] block) {
        float[] values = new float[32];
        WeightRows.decode(WeightType.MXFP4, MemorySegment.ofArray(block), 0, 32, values);
        return values;
    }

    @Test
    void everyCodeAndItsScale() {
        for (int exponent : new int[] {0, 1, 60, 120, 126, 127, 128, 133, 251}) {
            float[] values = decoded(block(exponent));
            for (int i = 0; i < 16; i++) {
                assertThat(values[i]).isEqualTo((float) (E2M1[i] * Math.pow(2, exponent - 127)));
                assertThat(values[16 + i]).isEqualTo((float) (E2M1[15 - i] * Math.pow(2, exponent - 127)));
            }
        }
        assertThat(decoded(block(127))).startsWith(0, 0.5f, 1, 1.5f, 2, 3, 4, 6).endsWith(6, 4, 3, 2, 1.5f, 1, 0.5f, 0);
        assertThat(decoded(block(125))[15]).isEqualTo(-1.5f);
    }

    /** Scales far below the smallest f16 are kept. */
    @Test
    void productsAreExact() {
        float[] ones = new float[32];
        Arrays.fill(ones, 0, 8, 1);
        for (int exponent : new int[] {60, 97, 127, 160}) {
            try (Arena arena = Arena.ofShared(); ThreadPool pool = new ThreadPool(1)) {
                MemorySegment stored = arena.allocate(17);
                MemorySegment.copy(block(exponent), 0, stored, ValueLayout.JAVA_BYTE, 0, 17);
                float[] scalar = new float[1];
                ScalarMatMul.multiply(ones, 1, WeightType.MXFP4, stored, 1, 32, scalar);
                assertThat((double) scalar[0]).isEqualTo(18 * Math.pow(2, exponent - 127), within(0.01 * Math.pow(2, exponent - 127)));
            }
        }
    }

    @Test
    void whatIsNoNumberIsRefused() {
        try (Arena arena = Arena.ofShared(); ThreadPool pool = new ThreadPool(1)) {
            MemorySegment stored = MemorySegment.ofArray(block(255));
            assertThatThrownBy(() -> PackedWeights.pack(WeightType.MXFP4, stored, 1, 32, arena, pool)).hasStackTraceContaining("expected finite ones");
        }
    }
}
