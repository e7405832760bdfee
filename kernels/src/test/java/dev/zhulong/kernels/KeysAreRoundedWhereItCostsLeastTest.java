package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The lattice that keys and values of few bits lie on, and what known queries do to the rounding. */
class KeysAreRoundedWhereItCostsLeastTest {
    private static final int DIM = 48;
    private final Random random = new Random(5);

    /** The extended Hamming code: 16 words whose sums are words, each two of them four places or more apart. */
    @Test
    void halvesAreWordsOfACode() {
        for (int a = 0; a < 16; a++) {
            for (int b = 0; b < 16; b++) {
                assertThat(E8Rounding.word(a) ^ E8Rounding.word(b)).isEqualTo(E8Rounding.word(a ^ b));
            }
            assertThat(a == 0 ? 4 : Integer.bitCount(E8Rounding.word(a))).isIn(4, 8);
            assertThat(E8Rounding.word(a) & 15).isEqualTo(a);
        }
    }

    /** The second moment of E8 is 0.07168 where that of whole numbers is 0.08333 (Conway and Sloane): of a volume of 1/16 in 8 dimensions, times a half. */
    @Test
    void theErrorIsThatOfE8() {
        double sum = 0;
        int rows = 4000;
        for (int r = 0; r < rows; r++) {
            float[] x = uniform(DIM, 12);
            float[] original = x.clone();
            int[] codes = new int[DIM];
            E8Rounding.round(x, new float[] {0.5f, 2}, null, codes);
            for (int d = 0; d < DIM; d++) {
                float step = d < DIM / 2 ? 0.5f : 2;
                assertThat(codes[d]).isBetween(-16, 15);
                assertThat(x[d]).isEqualTo(original[d] - (codes[d] + 0.5f) * step, within(1e-5f));
                sum += d < DIM / 2 && Math.abs(original[d]) > 7.5 ? 0 : Math.pow(x[d] / step, 2) * (d < DIM / 2 ? 0 : 2);
            }
        }
        assertThat(sum / rows / DIM).isCloseTo(4 * 0.07168 / 2, within(0.003));
    }

    /** Queries that are large in few dimensions, and keys far from zero: scores' errors by statistics of other queries and keys of the kind, and without. */
    @Test
    void whatQueriesHardlySeeTakesTheErrors() {
        try (Arena arena = Arena.ofConfined()) {
            KvPages plain = new KvPages(2, DIM, KvPages.Format.INT4, arena);
            KvPages fitted = new KvPages(2, DIM, KvPages.Format.INT4, arena);
            KvPages exact = new KvPages(2, DIM, KvPages.Format.F32, arena);
            var statistics = new KeyStatistics(2, DIM);
            for (int i = 0; i < 400; i++) {
                float[] q = queries();
                float[] k = keys();
                for (int head = 0; head < 2; head++) {
                    statistics.feed(head, q, head * 2 * DIM, 2, k, head * DIM);
                }
            }
            fitted.fit(statistics);
            int length = KvPages.PAGE;
            for (KvPages pages : new KvPages[] {plain, fitted, exact}) {
                pages.grow(1);
            }
            for (int t = 0; t < length; t++) {
                float[] k = keys();
                // what a position gives says which it is
                float[] v = new float[2 * DIM];
                v[DIM + t % DIM] = 1;
                plain.put(0, t, k, 0, v, 0);
                fitted.put(0, t, k, 0, v, 0);
                exact.put(0, t, k, 0, v, 0);
            }
            double[] errors = new double[2];
            for (int i = 0; i < 50; i++) {
                float[] q = queries();
                float[][] out = new float[3][DIM];
                KvPages[] all = {exact, plain, fitted};
                for (int a = 0; a < 3; a++) {
                    all[a].attend(q, 2 * DIM, 1, new int[] {0}, 0, length, 0.1f, new float[KvPages.PAGE], out[a], 0);
                }
                for (int d = 0; d < DIM; d++) {
                    errors[0] += Math.pow(out[1][d] - out[0][d], 2);
                    errors[1] += Math.pow(out[2][d] - out[0][d], 2);
                }
            }
            assertThat(errors[1]).isGreaterThan(0).isLessThan(0.5 * errors[0]);
        }
    }

    /** What was never fed leaves rounding as it was, and zeros as queries too. */
    @Test
    void statisticsOfNothingChangeNothing() {
        float[] k = keys();
        float[] q = queries();
        float[][] out = new float[2][DIM];
        try (Arena arena = Arena.ofConfined()) {
            for (int i = 0; i < 2; i++) {
                KvPages pages = new KvPages(2, DIM, KvPages.Format.INT4, arena);
                if (i == 1) {
                    var statistics = new KeyStatistics(2, DIM);
                    statistics.feed(0, new float[DIM], 0, 1, new float[DIM], 0);
                    pages.fit(statistics);
                }
                pages.grow(1);
                pages.put(0, 0, k, 0, k, 0);
                pages.put(0, 1, q, 0, q, 0);
                pages.attend(q, 0, 0, new int[] {0}, 0, 2, 0.1f, new float[KvPages.PAGE], out[i], 0);
            }
        }
        assertThat(out[1]).isEqualTo(out[0]);
    }

    /** Of four heads, two that look at each head of keys. */
    private float[] queries() {
        float[] q = new float[4 * DIM];
        for (int i = 0; i < q.length; i++) {
            q[i] = (float) random.nextGaussian() * (i % DIM < 12 ? 3 : 0.1f);
        }
        return q;
    }

    private float[] keys() {
        float[] k = new float[2 * DIM];
        for (int i = 0; i < k.length; i++) {
            k[i] = (float) random.nextGaussian() + 3 * (i % 5 - 2);
        }
        return k;
    }

    private float[] uniform(int n, float size) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = (2 * random.nextFloat() - 1) * size;
        }
        return x;
    }
}
