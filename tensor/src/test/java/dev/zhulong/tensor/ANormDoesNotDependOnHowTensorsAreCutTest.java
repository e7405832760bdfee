package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The norm of what several ranks share has the bits of the norm of the whole. */
class ANormDoesNotDependOnHowTensorsAreCutTest {
    /** Of very different sizes. */
    private static float[] values(int count, long seed) {
        var random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextDouble(-1, 1) * Math.pow(10, random.nextInt(-30, 30)));
        }
        return values;
    }

    private static SumOfSquares of(float[] values, int begin, int end) {
        var sum = new SumOfSquares();
        sum.add(MemorySegment.ofArray(values).asSlice(4L * begin, 4L * (end - begin)));
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 57, 64, 65, 1000, 100_003})
    void itIsThatOfFloat64(int count) {
        var random = new SplittableRandom(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        double expected = Math.sqrt(DoubleStream.iterate(0, i -> i < count, i -> i + 1).map(i -> (double) values[(int) i] * values[(int) i]).sum());
        assertThat(SumOfSquares.of(List.of(Tensor.of(values, count))).norm()).isCloseTo(expected, within(1e-13 * (1 + expected)));
    }

    /** Within a piece sums are rounded, between pieces they are not. */
    @Test
    void sumsOfPiecesAreExact() {
        float[] values = values(64 * 300, 1);
        BigDecimal exact = BigDecimal.ZERO;
        for (int i = 0; i < values.length; i += 64) {
            exact = exact.add(new BigDecimal(of(values, i, i + 64).value()));
        }
        assertThat(of(values, 0, values.length).value()).isEqualTo(exact.round(new MathContext(40)).doubleValue());
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 7})
    void cutAndExchangedItHasTheSameBits(int parts) {
        float[] values = values(64 * 100 + 13, parts);
        double whole = of(values, 0, values.length).value();
        var sum = new SumOfSquares();
        for (int part = parts - 1; part >= 0; part--) {
            int begin = 100 * part / parts * 64;
            int end = part == parts - 1 ? values.length : 100 * (part + 1) / parts * 64;
            sum.add(SumOfSquares.of(of(values, begin, end).exchanged()));
        }
        assertThat(sum.value()).isEqualTo(whole);
        assertThat(sum.norm()).isEqualTo(Math.sqrt(whole));
    }

    /** Pieces of 63 values and a zero go the way of those that are not full. */
    @Test
    void registersOrNotItHasTheSameBits() {
        float[] values = values(64 * 50, 11);
        for (int i = 63; i < values.length; i += 64) {
            values[i] = 0;
        }
        var plain = new SumOfSquares();
        for (int i = 0; i < values.length; i += 64) {
            plain.add(of(values, i, i + 63));
        }
        assertThat(of(values, 0, values.length).value()).isEqualTo(plain.value());
    }

    /** The interpreter, which runs the first pieces, has the bits of what is compiled. */
    @Test
    void itIsTheSameWhenItIsCompiled() {
        float[] values = values(64 * 4, 5);
        double first = of(values, 0, values.length).value();
        for (int i = 0; i < 20_000; i++) {
            assertThat(of(values, 0, values.length).value()).isEqualTo(first);
        }
    }

    @Test
    void theSmallestAndTheLargestCount() {
        assertThat(of(new float[] {Float.MIN_VALUE}, 0, 1).value()).isEqualTo(0x1p-298);
        assertThat(of(new float[] {3 * Float.MIN_VALUE}, 0, 1).norm()).isEqualTo(3 * 0x1p-149);
        float[] large = new float[640];
        java.util.Arrays.fill(large, Float.MAX_VALUE);
        assertThat(of(large, 0, 640).value()).isEqualTo(640 * ((double) Float.MAX_VALUE * Float.MAX_VALUE));
        assertThat(of(new float[] {-0f, 0f}, 0, 2).value()).isZero();
    }

    @Test
    void whatIsNotFiniteStays() {
        float[] values = new float[200];
        values[130] = Float.NEGATIVE_INFINITY;
        SumOfSquares infinite = of(values, 0, 200);
        assertThat(infinite.isFinite()).isFalse();
        assertThat(infinite.norm()).isEqualTo(Double.POSITIVE_INFINITY);
        values[3] = Float.NaN;
        SumOfSquares none = of(values, 0, 64);
        none.add(SumOfSquares.of(infinite.exchanged()));
        assertThat(none.isFinite()).isFalse();
        assertThat(none.norm()).isNaN();
    }

    /** A gradient may be laid out otherwise than its weight. */
    @Test
    void aTensorThatIsTurnedIsTakenInItsOwnOrder() {
        Tensor turned = Tensor.of(values(64 * 3, 9), 64, 3).transpose(0, 1);
        assertThat(SumOfSquares.of(List.of(turned)).value()).isEqualTo(of(turned.toFloats(), 0, 192).value());
    }
}
