package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CodesChangeUnderTheSameScalesTest {
    static Stream<WeightType> types() {
        return Arrays.stream(WeightType.values()).filter(Quantiser::supports);
    }

    private static float[] random(int n, long seed) {
        var random = new Random(seed);
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) random.nextGaussian(i % 3 == 0 ? 0.05 : 0, 0.1);
        }
        return values;
    }

    private static float[] decoded(WeightType type, byte[] block) {
        float[] out = new float[type.blockElements()];
        WeightRows.decode(type, MemorySegment.ofArray(block), 0, out.length, out);
        return unsigned(out);
    }

    /** A scale below zero makes -0 of nothing. */
    private static float[] unsigned(float[] values) {
        for (int i = 0; i < values.length; i++) {
            values[i] += 0f;
        }
        return values;
    }

    private static byte[] rounded(BlockRounding rounding, WeightType type, float[] values) {
        float[] stood = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            stood[i] = rounding.round(i, values[i]);
        }
        byte[] out = new byte[type.blockBytes()];
        rounding.pack(out, 0);
        assertThat(decoded(type, out)).as("what round said is what was packed").isEqualTo(unsigned(stood));
        return out;
    }

    @ParameterizedTest
    @MethodSource("types")
    void whatIsStoredReturnsToItself(WeightType type) {
        byte[] block = Quantiser.row(type, random(type.blockElements(), 1), Quantiser.Search.SCALES);
        var rounding = new BlockRounding(type, Quantiser.Search.SCALES);
        rounding.load(block, 0);
        assertThat(decoded(type, rounded(rounding, type, decoded(type, block)))).isEqualTo(decoded(type, block));
    }

    /** No weight of the block could have had a value nearer to what is wanted. */
    @ParameterizedTest
    @MethodSource("types")
    void othersBecomeTheNearestThatTheScalesAllow(WeightType type) {
        int n = type.blockElements();
        byte[] block = Quantiser.row(type, random(n, 1), Quantiser.Search.SCALES);
        var rounding = new BlockRounding(type, Quantiser.Search.SCALES);
        rounding.load(block, 0);
        float[] wanted = random(n, 2);
        float[] got = decoded(type, rounded(rounding, type, wanted));
        for (int i = 0; i < n; i++) {
            for (float other : allowed(type, block, i)) {
                assertThat(Math.abs(got[i] - wanted[i])).as("weight " + i).isLessThanOrEqualTo(Math.abs(other - wanted[i]) + 1e-6f);
            }
        }
    }

    /** Of weight {@code i}: what it becomes wherever it is drawn from. */
    private static List<Float> allowed(WeightType type, byte[] block, int i) {
        var rounding = new BlockRounding(type, Quantiser.Search.SCALES);
        rounding.load(block, 0);
        return IntStream.rangeClosed(-200, 200).mapToObj(step -> rounding.round(i, step * 0.005f)).distinct().toList();
    }
}
