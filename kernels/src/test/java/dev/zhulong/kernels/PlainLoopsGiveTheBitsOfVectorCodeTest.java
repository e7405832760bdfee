package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What stands in until vector code is compiled is that code's equal, and so is machine code; products have ProductsEqualTheScalarOracleTest. */
class PlainLoopsGiveTheBitsOfVectorCodeTest {
    private final Random random = new Random(7);

    @AfterEach
    void asItIs() {
        Warmth.forget();
        MachineKernel.switchOff(false);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 8, 15, 16, 17, 48, 63, 64, 65, 288, 1000})
    void ofARow(int n) {
        for (float size : new float[] {1e-30f, 0.01f, 1, 10, 90, 1e4f}) {
            float[] x = row(n + 3, size);
            float[] y = row(n + 3, 1);
            same(() -> {
                float[] to = x.clone();
                DecoderOps.rmsNorm(x, 1, y, 1e-5f, to, 2, n);
                return to;
            });
            same(() -> {
                float[] to = x.clone();
                DecoderOps.add(to, 2, y, 1, n);
                DecoderOps.multiply(to, 1, y, 2, n);
                return to;
            });
            same(() -> {
                float[] to = x.clone();
                DecoderOps.silu(to, 1, n);
                return to;
            });
            same(() -> {
                float[] to = x.clone();
                DecoderOps.geluTanh(to, 1, n);
                return to;
            });
            same(() -> {
                float[] to = x.clone();
                DecoderOps.gelu(to, 1, n);
                return to;
            });
            same(() -> {
                float[] to = new float[n + 3];
                DecoderOps.layerNorm(x, 1, y, x, 1e-5f, to, 2, n);
                return to;
            });
            for (float cap : new float[] {0.3f, 30, 1000}) {
                same(() -> {
                    float[] to = x.clone();
                    Softcap.apply(to, 2, n, cap);
                    return to;
                });
            }
            float[] scores = x.clone();
            scores[2 + n / 2] = Float.NEGATIVE_INFINITY;
            same(() -> {
                float[] to = n > 1 ? scores.clone() : x.clone();
                DecoderOps.softmax(to, 2, n);
                return to;
            });
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 8, 32, 48, 64, 128})
    void ofRotation(int headDim) {
        for (int rotated : new int[] {headDim, Math.max(2, headDim / 2)}) {
            var rotary = new Rotary(Rotary.frequencies(10_000, rotated), 1.1);
            rotary.reach(100);
            float[] x = row(3 * headDim + 5, 2);
            same(() -> {
                float[] to = x.clone();
                rotary.turn(to, 5, 3, headDim, 77);
                return to;
            });
        }
    }

    @ParameterizedTest
    @CsvSource({"F16, false", "INT8, false", "F32, false", "INT4, false", "F16, true", "INT8, true", "F32, true"})
    void ofAttention(KvPages.Format format, boolean once) {
        for (int headDim : new int[] {8, 16, 40, 48, 64, 128}) {
            try (Arena arena = Arena.ofConfined()) {
                var pages = new KvPages(2, headDim, once, format, arena);
                pages.grow(4);
                int[] table = {2, 0, 3};
                for (int position = 0; position < 3 * KvPages.PAGE; position++) {
                    // small ones too, which f16 does not hold
                    float size = position % 5 == 0 ? 1e-5f : 1;
                    pages.put(table[position / KvPages.PAGE], position % KvPages.PAGE, row(2 * headDim, size), 0, row(2 * headDim, size), 0);
                }
                float[] q = row(headDim + 1, 1);
                for (int length : new int[] {1, 5, 16, 17, 64, 65, 150, 192}) {
                    for (int first : new int[] {0, length / 2, length - 1}) {
                        same(() -> {
                            float[] out = new float[headDim + 2];
                            pages.attend(q, 1, 1, table, first, length, 0.3f, new float[3 * KvPages.PAGE], out, 2);
                            return out;
                        });
                        same(() -> {
                            float[] out = new float[headDim + 2];
                            pages.attend(q, 1, 1, table, first / 2, first, length, 0.3f, 1.5f, 0.7f, new float[3 * KvPages.PAGE], out, 2);
                            return out;
                        });
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 7, 8, 13})
    void ofAttentionToAllPositions(int most) {
        for (int headDim : new int[] {3, 8, 16, 40, 64, 80}) {
            for (int n : new int[] {4, 5, 16, 33, 100}) {
                int queries = Math.min(most, n - 1);
                int stride = 2 * headDim + 1;
                float[] q = row(n * stride, 1);
                float[] k = row(n * stride, 1);
                float[] v = row(n * stride, 1);
                boolean[] seen = new boolean[n];
                for (int p = 0; p < n; p++) {
                    seen[p] = p % 3 != 1;
                }
                for (boolean[] mask : new boolean[][] {null, seen}) {
                    same(() -> {
                        float[] out = new float[n * stride];
                        float[] keys = new float[headDim * FullAttention.places(n) + 1];
                        FullAttention.layOut(k, headDim, stride, n, headDim, keys, 1);
                        FullAttention.attend(q, headDim, stride, queries, keys, 1, v, headDim, mask, n, headDim, 0.3f,
                                new float[FullAttention.room(queries, n)], out, headDim);
                        return out;
                    });
                }
            }
        }
    }

    private float[] row(int n, float size) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = (float) random.nextGaussian() * size;
        }
        return x;
    }

    private static void same(Supplier<float[]> computation) {
        Warmth.pretend(true);
        float[] machine = computation.get();
        MachineKernel.switchOff(true);
        float[] vectors = computation.get();
        Warmth.pretend(false);
        float[] plain = computation.get();
        MachineKernel.switchOff(false);
        for (int i = 0; i < vectors.length; i++) {
            assertThat(Float.floatToRawIntBits(machine[i])).as("value %d: %s on machine code, where there is any, %s in vector code", i, machine[i], vectors[i])
                    .isEqualTo(Float.floatToRawIntBits(vectors[i]));
            assertThat(Float.floatToRawIntBits(plain[i])).as("value %d: %s in plain loops, %s in vector code", i, plain[i], vectors[i])
                    .isEqualTo(Float.floatToRawIntBits(vectors[i]));
        }
    }

    /** The order in which terms are summed does not depend on the vectors; this class runs in JVMs with 128, 256 and all the bits there are. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 7, 8, 9, 15, 16, 17, 30, 31, 32, 63, 100})
    void aSoftmaxIsSummedInSixteenStrandsAtEveryWidth(int n) {
        float[] x = row(n, 5);
        float largest = PlainOps.highest(x, 0, n);
        float[] sums = new float[16];
        for (int i = 0; i < n; i++) {
            sums[i % 16] += PlainOps.exp(x[i] - largest);
        }
        for (int half = 8; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                sums[i] += sums[i + half];
            }
        }
        float[] expected = new float[n];
        for (int i = 0; i < n; i++) {
            expected[i] = PlainOps.exp(x[i] - largest) * (1 / sums[0]);
        }
        for (boolean warm : new boolean[] {true, false}) {
            Warmth.pretend(warm);
            float[] actual = x.clone();
            DecoderOps.softmax(actual, 0, n);
            assertThat(actual).isEqualTo(expected);
        }
    }
}
