package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention over pages in any order beside the definition in 64 bits; its bits do not depend on which pages a sequence was given. */
class AttentionOverPagesTest {
    @ParameterizedTest
    @CsvSource({"F16, 64, 1, 0", "F16, 64, 64, 0", "F16, 128, 150, 0", "F16, 8, 70, 0", "F16, 20, 130, 37", "INT8, 64, 150, 0", "INT8, 8, 65, 64",
        "INT8, 20, 1, 0", "INT4, 64, 150, 0", "INT4, 48, 130, 37", "INT4, 20, 70, 3", "INT4, 8, 65, 64", "INT4, 128, 1, 0"})
    void isTheDefinition(KvPages.Format format, int headDim, int length, int first) {
        int kvHeads = 2;
        Random random = new Random(length);
        float[] k = gaussian(length * kvHeads * headDim, random);
        float[] v = gaussian(length * kvHeads * headDim, random);
        float[] q = gaussian(headDim, random);
        float scale = (float) (1 / Math.sqrt(headDim));
        try (Arena arena = Arena.ofConfined()) {
            KvPages pages = new KvPages(kvHeads, headDim, format, arena);
            pages.grow(7);
            float[] a = attend(pages, new int[] {5, 0, 3}, k, v, q, kvHeads, headDim, length, first, scale);
            float[] b = attend(pages, new int[] {1, 6, 2}, k, v, q, kvHeads, headDim, length, first, scale);
            assertThat(a).isEqualTo(b);
            double[] weights = new double[length];
            double sum = 0;
            for (int t = first; t < length; t++) {
                double dot = 0;
                for (int d = 0; d < headDim; d++) {
                    dot += (double) q[d] * k[(t * kvHeads + 1) * headDim + d];
                }
                weights[t] = Math.exp(dot * scale);
                sum += weights[t];
            }
            for (int d = 0; d < headDim; d++) {
                double expected = 0;
                for (int t = first; t < length; t++) {
                    expected += weights[t] / sum * v[(t * kvHeads + 1) * headDim + d];
                }
                assertThat((double) a[1 + d]).isCloseTo(expected, within(format == KvPages.Format.F16 ? 3e-3 : format == KvPages.Format.INT8 ? 4e-2 : length == 1 || first == length - 1 ? 0.3 : 0.12));
            }
            assertThat(a[0]).isZero();
            assertThat(a[headDim + 1]).isZero();
        }
    }

    /** In about half the memory: the same number of elements once, and the result of pages that hold the same row as key and as value. */
    @ParameterizedTest
    @CsvSource({"F32, 64, 150, 0", "F32, 20, 130, 37", "F16, 48, 65, 64", "INT8, 80, 190, 3"})
    void aRowThatIsKeyAndValueIsKeptOnce(KvPages.Format format, int headDim, int length, int first) {
        Random random = new Random(length);
        float[] row = gaussian(length * 2 * headDim, random);
        float[] q = gaussian(headDim, random);
        try (Arena arena = Arena.ofConfined()) {
            KvPages twice = new KvPages(2, headDim, format, arena);
            KvPages once = new KvPages(2, headDim, true, format, arena);
            twice.grow(4);
            once.grow(4);
            float[] expected = attend(twice, new int[] {2, 0, 3}, row, row, q, 2, headDim, length, first, 0.2f);
            float[] actual = attend(once, new int[] {2, 0, 3}, row, row, q, 2, headDim, length, first, 0.2f);
            for (int d = 0; d < expected.length; d++) {
                assertThat(actual[d]).isCloseTo(expected[d], within(1e-5f));
            }
            assertThat(memory(once)).isLessThan(memory(twice));
        }
        assertThat(KvPages.pageBytes(1, 576, true, format)).isBetween(KvPages.pageBytes(1, 576, false, format) / 2, KvPages.pageBytes(1, 576, false, format) / 2 + 64);
    }

    private static long memory(KvPages pages) {
        return pages.memory(0).stream().mapToLong(segment -> segment.byteSize()).sum();
    }

    /** What stands at the beginning is seen besides the window, wherever both end in their pages; what lies between is not. */
    @ParameterizedTest
    @CsvSource({"F32, 64, 150, 100, 3", "F32, 20, 130, 37, 37", "F32, 8, 190, 189, 70", "F16, 128, 66, 64, 1", "F32, 64, 129, 128, 128"})
    void theFirstPositionsAreSeenBesides(KvPages.Format format, int headDim, int length, int first, int global) {
        Random random = new Random(length);
        float[] k = gaussian(length * headDim, random);
        float[] v = gaussian(length * headDim, random);
        float[] q = gaussian(headDim, random);
        try (Arena arena = Arena.ofConfined()) {
            KvPages pages = new KvPages(1, headDim, format, arena);
            pages.grow(6);
            int[] table = {5, 0, 3};
            for (int t = 0; t < length; t++) {
                // what nobody may look at would be seen
                boolean hidden = t >= global && t < first;
                float[] row = new float[headDim];
                Arrays.fill(row, 1000);
                pages.put(table[t / KvPages.PAGE], t % KvPages.PAGE, hidden ? row : k, hidden ? 0 : t * headDim, hidden ? row : v, hidden ? 0 : t * headDim);
            }
            float[] out = new float[headDim];
            pages.attend(q, 0, 0, table, global, first, length, 0.2f, 0, Float.NEGATIVE_INFINITY, new float[3 * KvPages.PAGE], out, 0);
            double[] weights = new double[length];
            double sum = 0;
            for (int t = 0; t < length; t++) {
                double dot = 0;
                for (int d = 0; d < headDim; d++) {
                    dot += (double) q[d] * k[t * headDim + d];
                }
                weights[t] = t >= global && t < first ? 0 : Math.exp(dot * 0.2f);
                sum += weights[t];
            }
            for (int d = 0; d < headDim; d++) {
                double expected = 0;
                for (int t = 0; t < length; t++) {
                    expected += weights[t] / sum * v[t * headDim + d];
                }
                assertThat((double) out[d]).isCloseTo(expected, within(format == KvPages.Format.F16 ? 3e-3 : 1e-5));
            }
            assertThatThrownBy(() -> pages.attend(q, 0, 0, table, first + 1, first, length, 0.2f, 0, Float.NEGATIVE_INFINITY, new float[3 * KvPages.PAGE], out, 0))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    /** A number for each position is added to its score, once that is scaled. */
    @ParameterizedTest
    @CsvSource({"F32, 70, 0, 0", "F32, 130, 0, 37", "F16, 128, 3, 70", "INT8, 65, 0, 0"})
    void whatIsAddedToScoresIsThatOfThePosition(KvPages.Format format, int length, int global, int first) {
        int headDim = 16;
        Random random = new Random(length);
        float[] k = gaussian(length * headDim, random);
        float[] v = gaussian(length * headDim, random);
        float[] q = gaussian(headDim, random);
        float[] bias = gaussian(length + 5, random);
        float[] out = new float[headDim];
        try (Arena arena = Arena.ofConfined()) {
            KvPages pages = new KvPages(1, headDim, format, arena);
            pages.grow(3);
            for (int t = 0; t < length; t++) {
                pages.put(t / KvPages.PAGE, t % KvPages.PAGE, k, t * headDim, v, t * headDim);
            }
            pages.attend(q, 0, 0, new int[] {0, 1, 2}, global, first, length, 0.3f, 0, Float.NEGATIVE_INFINITY, bias, 5, new float[3 * KvPages.PAGE], out, 0);
        }
        double[] weights = new double[length];
        double sum = 0;
        for (int t = 0; t < length; t++) {
            double dot = 0;
            for (int d = 0; d < headDim; d++) {
                dot += (double) q[d] * k[t * headDim + d];
            }
            weights[t] = t >= global && t < first ? 0 : Math.exp(dot * 0.3f + bias[5 + t]);
            sum += weights[t];
        }
        for (int d = 0; d < headDim; d++) {
            double expected = 0;
            for (int t = 0; t < length; t++) {
                expected += weights[t] / sum * v[t * headDim + d];
            }
            assertThat((double) out[d]).isCloseTo(expected, within(format == KvPages.Format.F32 ? 1e-5 : format == KvPages.Format.F16 ? 3e-3 : 5e-2));
        }
    }

    /** Scores held under a cap before the sink is put beside them, which takes its share and gives nothing. */
    @ParameterizedTest
    @CsvSource({"F32, 16, 70, 0, 0, 0.5", "F32, 16, 64, 0, 0, -2", "F32, 20, 130, 37, 2, -Infinity", "F16, 64, 128, 0, 3, 1", "INT8, 8, 65, 3, 1, 9"})
    void capsAndSinksAreTheDefinition(KvPages.Format format, int headDim, int length, int first, float cap, float sink) {
        Random random = new Random(length);
        float[] k = gaussian(length * headDim, random);
        float[] v = gaussian(length * headDim, random);
        float[] q = gaussian(headDim, random);
        float[] out = new float[headDim];
        try (Arena arena = Arena.ofConfined()) {
            KvPages pages = new KvPages(1, headDim, format, arena);
            pages.grow(3);
            for (int t = 0; t < length; t++) {
                pages.put(t / KvPages.PAGE, t % KvPages.PAGE, k, t * headDim, v, t * headDim);
            }
            pages.attend(q, 0, 0, new int[] {0, 1, 2}, 0, first, length, 0.8f, cap, sink, new float[3 * KvPages.PAGE], out, 0);
        }
        double[] weights = new double[length];
        double sum = Math.exp(sink);
        for (int t = first; t < length; t++) {
            double dot = 0;
            for (int d = 0; d < headDim; d++) {
                dot += (double) q[d] * k[t * headDim + d];
            }
            weights[t] = Math.exp(cap == 0 ? dot * 0.8f : cap * Math.tanh(dot * 0.8f / cap));
            sum += weights[t];
        }
        for (int d = 0; d < headDim; d++) {
            double expected = 0;
            for (int t = first; t < length; t++) {
                expected += weights[t] / sum * v[t * headDim + d];
            }
            assertThat((double) out[d]).isCloseTo(expected, within(format == KvPages.Format.F32 ? 1e-5 : format == KvPages.Format.F16 ? 3e-3 : 5e-2));
        }
    }

    /** Trap 38: attention to one position alone gives back what is kept of its value: every f16, and the middle between each two. */
    @Test
    void valuesAreRoundedToTheNearestEven() {
        float[] x = new float[3 * 0x7bff];
        for (int bits = 0; bits < 0x7bff; bits++) {
            float here = Float.float16ToFloat((short) bits);
            float middle = (here + Float.float16ToFloat((short) (bits + 1))) / 2;
            x[3 * bits] = bits % 2 == 0 ? here : -here;
            x[3 * bits + 1] = bits % 3 == 0 ? middle : -middle;
            x[3 * bits + 2] = bits % 2 == 0 ? Math.nextUp(middle) : Math.nextDown(middle);
        }
        int dim = 64;
        float[] value = new float[dim];
        float[] out = new float[dim];
        try (Arena arena = Arena.ofConfined()) {
            KvPages pages = new KvPages(1, dim, KvPages.Format.F16, arena);
            pages.grow(1);
            for (int from = 0; from + dim <= x.length; from += dim) {
                System.arraycopy(x, from, value, 0, dim);
                pages.put(0, 0, value, 0, value, 0);
                pages.attend(new float[dim], 0, 0, new int[] {0}, 0, 1, 1, new float[KvPages.PAGE], out, 0);
                for (int i = 0; i < dim; i++) {
                    float expected = Math.abs(value[i]) < 0x1p-14f ? 0 : Float.float16ToFloat(Float.floatToFloat16(value[i]));
                    assertThat(out[i] == expected).as("%s kept as %s", value[i], out[i]).isTrue();
                }
            }
        }
    }

    private static float[] attend(KvPages pages, int[] table, float[] k, float[] v, float[] q, int kvHeads, int headDim, int length, int first,
            float scale) {
        for (int t = 0; t < length; t++) {
            pages.put(table[t / KvPages.PAGE], t % KvPages.PAGE, k, t * kvHeads * headDim, v, t * kvHeads * headDim);
        }
        float[] out = new float[headDim + 2];
        pages.attend(q, 0, 1, table, first, length, scale, new float[3 * KvPages.PAGE], out, 1);
        return out;
    }

    private static float[] gaussian(int n, Random random) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = (float) random.nextGaussian();
        }
        return x;
    }

    @Test
    void whatLiesBehindALengthOrBeforeAWindowIsNotSeen() {
        try (Arena arena = Arena.ofConfined()) {
            Random random = new Random(1);
            KvPages pages = new KvPages(1, 64, KvPages.Format.F16, arena);
            pages.grow(2);
            float[] q = gaussian(64, random);
            for (int t = 0; t < 100; t++) {
                pages.put(t / 64, t % 64, gaussian(64, random), 0, gaussian(64, random), 0);
            }
            float[] before = new float[64];
            pages.attend(q, 0, 0, new int[] {0, 1}, 10, 70, 0.1f, new float[128], before, 0);
            pages.put(0, 9, gaussian(64, random), 0, gaussian(64, random), 0);
            pages.put(1, 6, gaussian(64, random), 0, gaussian(64, random), 0);
            float[] after = new float[64];
            pages.attend(q, 0, 0, new int[] {0, 1}, 10, 70, 0.1f, new float[128], after, 0);
            assertThat(after).isEqualTo(before);
            pages.put(1, 5, gaussian(64, random), 0, gaussian(64, random), 0);
            pages.attend(q, 0, 0, new int[] {0, 1}, 10, 70, 0.1f, new float[128], after, 0);
            assertThat(after).isNotEqualTo(before);
        }
    }

    @ParameterizedTest
    @CsvSource({"F16, 20", "INT8, 8", "INT4, 48", "INT4, 8"})
    void aClearedPageIsAsOneThatWasNeverFilledFurther(KvPages.Format format, int headDim) {
        try (Arena arena = Arena.ofConfined()) {
            Random random = new Random(2);
            KvPages pages = new KvPages(3, headDim, format, arena);
            pages.grow(2);
            for (int t = 0; t < KvPages.PAGE; t++) {
                float[] k = gaussian(3 * headDim, random);
                float[] v = gaussian(3 * headDim, random);
                pages.put(0, t, k, 0, v, 0);
                if (t < 17) {
                    pages.put(1, t, k, 0, v, 0);
                }
            }
            pages.clear(0, 17);
            for (int part = 0; part < 4; part++) {
                assertThat(pages.memory(0).get(part).mismatch(pages.memory(1).get(part))).isEqualTo(-1);
            }
            pages.clear(0, KvPages.PAGE);
            assertThat(pages.memory(0).get(0).mismatch(pages.memory(1).get(0))).isEqualTo(-1);
            assertThatThrownBy(() -> pages.clear(0, 65)).hasMessageContaining("slot 65");
        }
    }

    @Test
    void whatCannotBeKeptOrReadIsRefused() {
        try (Arena arena = Arena.ofConfined()) {
            KvPages pages = new KvPages(1, 8, KvPages.Format.F16, arena);
            pages.grow(1);
            float[] x = new float[8];
            x[2] = 70000;
            assertThatThrownBy(() -> pages.put(0, 0, x, 0, new float[8], 0)).hasMessageContaining("65504");
            x[2] = Float.NaN;
            assertThatThrownBy(() -> pages.put(0, 0, x, 0, new float[8], 0)).hasMessageContaining("NaN");
            assertThatThrownBy(() -> pages.put(1, 0, new float[8], 0, new float[8], 0)).hasMessageContaining("page 1");
            assertThatThrownBy(() -> pages.attend(x, 0, 0, new int[] {0}, 0, 65, 1, new float[128], new float[8], 0)).hasMessageContaining("65");
        }
    }

    /** The Vector API's own checks are off in the product. */
    @Test
    void headsAndResultsBeyondTheirEndsAreRefused() {
        try (Arena arena = Arena.ofConfined()) {
            KvPages pages = new KvPages(2, 64, KvPages.Format.F16, arena);
            pages.grow(1);
            float[] q = new float[64];
            for (boolean warm : new boolean[] {true, false}) {
                Warmth.pretend(warm);
                assertThatThrownBy(() -> pages.attend(q, 0, 2, new int[] {0}, 0, 3, 1, new float[64], new float[64], 0)).isInstanceOf(IndexOutOfBoundsException.class);
                assertThatThrownBy(() -> pages.attend(q, 0, 1, new int[] {0}, 0, 3, 1, new float[64], new float[64], 1)).isInstanceOf(IndexOutOfBoundsException.class);
                assertThatThrownBy(() -> pages.attend(q, 1, 1, new int[] {0}, 0, 3, 1, new float[64], new float[64], 0)).isInstanceOf(IndexOutOfBoundsException.class);
            }
        } finally {
            Warmth.forget();
        }
    }
}
