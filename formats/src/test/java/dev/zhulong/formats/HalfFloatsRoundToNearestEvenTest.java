package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** All 65,536 patterns of both 16-bit formats against arithmetic in double, and every rounding boundary between neighbours. */
class HalfFloatsRoundToNearestEvenTest {

    /** The value by definition of a binary format of 16 bits; NaN for NaN. */
    private static double value(int bits, int mantissaBits) {
        int exponentBits = 15 - mantissaBits;
        int bias = (1 << (exponentBits - 1)) - 1;
        int exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1);
        int mantissa = bits & ((1 << mantissaBits) - 1);
        double sign = (bits & 0x8000) != 0 ? -1 : 1;
        if (exponent == (1 << exponentBits) - 1) {
            return mantissa != 0 ? Double.NaN : sign * Double.POSITIVE_INFINITY;
        }
        double significand = exponent == 0 ? mantissa : mantissa + (1 << mantissaBits);
        return sign * significand * Math.pow(2, Math.max(exponent, 1) - bias - mantissaBits);
    }

    @Test
    void everyF16Widens() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            assertSame(HalfFloats.f16ToFloat((short) bits), value(bits, 10), bits);
        }
    }

    @Test
    void everyBf16Widens() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            assertSame(HalfFloats.bf16ToFloat((short) bits), value(bits, 7), bits);
        }
    }

    private static void assertSame(float found, double expected, int bits) {
        if (Double.doubleToLongBits(found) != Double.doubleToLongBits(expected)) {
            throw new AssertionError("0x" + Integer.toHexString(bits) + ": expected " + expected + ", found " + found);
        }
    }

    @Test
    void everyPatternReturns() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            float f16 = HalfFloats.f16ToFloat((short) bits);
            float bf16 = HalfFloats.bf16ToFloat((short) bits);
            // A signalling NaN comes back quiet; every other pattern is unchanged.
            int f16Quiet = Float.isNaN(f16) ? 0x0200 : 0;
            int bf16Quiet = Float.isNaN(bf16) ? 0x0040 : 0;
            assertThat((HalfFloats.floatToF16(f16) | f16Quiet) & 0xffff).isEqualTo(bits | f16Quiet);
            assertThat(HalfFloats.floatToBf16(bf16) & 0xffff).isEqualTo(bits | bf16Quiet);
        }
    }

    @Test
    void everyBoundaryBetweenNeighboursRoundsToNearestTiesToEven() {
        for (int bits = 0; bits < 0x7c00; bits++) {
            double here = value(bits, 10);
            double next = bits == 0x7bff ? 65536 : value(bits + 1, 10);
            checkBoundary(bits, (float) ((here + next) / 2), HalfFloats::floatToF16);
        }
        for (int bits = 0; bits < 0x7f80; bits++) {
            double here = value(bits, 7);
            double next = bits == 0x7f7f ? Math.pow(2, 128) : value(bits + 1, 7);
            checkBoundary(bits, (float) ((here + next) / 2), HalfFloats::floatToBf16);
        }
    }

    private interface Narrowing {
        short of(float value);
    }

    /** The middle of two neighbours is exact in float; it goes to the even one, and a float to either side to the nearer. */
    private static void checkBoundary(int bits, float middle, Narrowing narrowing) {
        int even = bits + (bits & 1);
        boolean right = (narrowing.of(middle) & 0xffff) == even
                && (narrowing.of(Math.nextDown(middle)) & 0xffff) == bits
                && (narrowing.of(Math.nextUp(middle)) & 0xffff) == bits + 1
                && (narrowing.of(-middle) & 0xffff) == (even | 0x8000);
        if (!right) {
            throw new AssertionError("around " + middle + " above 0x" + Integer.toHexString(bits));
        }
    }

    @Test
    void noNanBecomesInfinite() {
        var random = new SplittableRandom(38);
        for (int i = 0; i < 200_000; i++) {
            int payload = i < 23 ? 1 << i : 1 + random.nextInt((1 << 23) - 1);
            float nan = Float.intBitsToFloat(0x7f80_0000 | payload | (random.nextBoolean() ? 0x8000_0000 : 0));
            assertThat(HalfFloats.bf16ToFloat(HalfFloats.floatToBf16(nan))).isNaN();
            assertThat(HalfFloats.f16ToFloat(HalfFloats.floatToF16(nan))).isNaN();
        }
        assertThat(HalfFloats.floatToBf16(Float.intBitsToFloat(0xffa5_1234)) & 0xffff).isEqualTo(0xffe5);
    }

    @Test
    void bulkEqualsOneByOne() {
        var random = new SplittableRandom(1);
        float[] floats = new float[10_007];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) Math.scalb(random.nextDouble() - 0.5, random.nextInt(-40, 20));
        }
        for (StorageType type : new StorageType[] {StorageType.F32, StorageType.F64, StorageType.F16, StorageType.BF16}) {
            // One byte off, because tensors in a file need not be aligned.
            MemorySegment stored = MemorySegment.ofArray(new byte[floats.length * type.bytes() + 1]).asSlice(1);
            HalfFloats.fromF32(MemorySegment.ofArray(floats), type, stored);
            float[] back = HalfFloats.toFloats(type, stored);
            for (int i = 0; i < floats.length; i++) {
                float expected = switch (type) {
                    case F16 -> HalfFloats.f16ToFloat(HalfFloats.floatToF16(floats[i]));
                    case BF16 -> HalfFloats.bf16ToFloat(HalfFloats.floatToBf16(floats[i]));
                    default -> floats[i];
                };
                assertThat(back[i]).isEqualTo(expected);
            }
        }
    }

    @Test
    void wrongSizesAndTypesAreRefused() {
        var three = MemorySegment.ofArray(new byte[3]);
        assertThatThrownBy(() -> HalfFloats.toFloats(StorageType.F16, three)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> HalfFloats.toFloats(StorageType.U8, three)).hasMessageContaining("found U8");
        assertThatThrownBy(() -> HalfFloats.toF32(StorageType.BF16, MemorySegment.ofArray(new byte[4]), three))
                .hasMessage("target: expected 8 bytes, found 3");
    }
}
