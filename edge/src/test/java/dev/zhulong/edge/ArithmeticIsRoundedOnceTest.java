package dev.zhulong.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ArithmeticIsRoundedOnceTest {
    /** Numbers of near sizes, where sums cancel and end on the middle between floats, and numbers of any size. */
    @Test
    void aFusedProductIsTheProcessors() {
        var random = new Random(1);
        for (int i = 0; i < 4_000_000; i++) {
            boolean any = i % 4 == 0;
            float a = any ? Float.intBitsToFloat(random.nextInt()) : (random.nextInt(1 << 13) - (1 << 12)) * 0x1p-9f;
            float b = any ? Float.intBitsToFloat(random.nextInt()) : Float.intBitsToFloat(0x3f800000 | random.nextInt(1 << 23) & (i % 3 == 0 ? -1 << 12 : -1));
            float c = any ? Float.intBitsToFloat(random.nextInt()) : (random.nextInt(1 << 24) - (1 << 23)) * (i % 2 == 0 ? 0x1p-20f : 0x1p3f);
            float expected = Math.fma(a, b, c);
            assertThat(Float.floatToIntBits(EdgeMath.fma(a, b, c))).as(a + " * " + b + " + " + c).isEqualTo(Float.floatToIntBits(expected));
        }
    }

    @Test
    void aFusedProductOnTheMiddleIsRoundedByWhatTheDoubleHasLost() {
        float c = 0x1p24f;
        // the product is a half and a little: between the half of c's last place and what a double of that size holds
        for (float b : new float[] {1 + 0x1p-23f, 1 - 0x1p-24f, 1}) {
            for (float a : new float[] {1, -1, 0x1p-30f, 1 + 0x1p-20f}) {
                assertThat(EdgeMath.fma(a, b, c)).isEqualTo(Math.fma(a, b, c));
                assertThat(EdgeMath.fma(a, b, -c)).isEqualTo(Math.fma(a, b, -c));
            }
        }
        assertThat(EdgeMath.fma(0x1p-75f, 0x1.8p-75f, 0x1p-149f)).isEqualTo(Math.fma(0x1p-75f, 0x1.8p-75f, 0x1p-149f));
    }

    @Test
    void everyF16IsTheJdks() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            float value = Float.float16ToFloat((short) bits);
            assertThat(Float.floatToIntBits(EdgeMath.f16(bits))).isEqualTo(Float.floatToIntBits(value));
        }
        var random = new Random(2);
        for (int i = 0; i < 1_000_000; i++) {
            float x = (float) (random.nextGaussian() * Math.exp(random.nextDouble() * 20 - 12));
            float kept = Math.abs(x) < 0x1p-14f ? 0 : Float.float16ToFloat(Float.floatToFloat16(x));
            assertThat(EdgeMath.toF16(x)).isEqualTo(kept);
        }
    }
}
