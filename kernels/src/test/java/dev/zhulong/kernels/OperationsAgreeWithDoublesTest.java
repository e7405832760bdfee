package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each operation between the products beside its definition in 64 bits, at lengths that are no multiple of a vector too. */
class OperationsAgreeWithDoublesTest {
    private static final int AT = 3;

    private static float[] random(int n, double size) {
        Random random = new Random(n);
        float[] x = new float[n + 2 * AT];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (random.nextGaussian() * size);
        }
        return x;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 16, 33, 288})
    void norms(int n) {
        float[] x = random(n, 3);
        float[] weight = random(n, 1);
        float[] bias = random(n + 1, 1);
        double mean = 0;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            mean += (double) x[AT + i] / n;
            squares += (double) x[AT + i] * x[AT + i] / n;
        }
        float[] rms = new float[n + AT];
        float[] layer = new float[n + AT];
        DecoderOps.rmsNorm(x, AT, weight, 1e-5f, rms, AT, n);
        DecoderOps.layerNorm(x, AT, weight, bias, 1e-5f, layer, AT, n);
        double variance = 0;
        for (int i = 0; i < n; i++) {
            variance += (x[AT + i] - mean) * (x[AT + i] - mean) / n;
        }
        for (int i = 0; i < n; i++) {
            double expected = x[AT + i] / Math.sqrt(squares + 1e-5f) * weight[i];
            assertThat((double) rms[AT + i]).isCloseTo(expected, within(1e-6 * Math.abs(expected) + 1e-9));
            double normal = (x[AT + i] - mean) / Math.sqrt(variance + 1e-5f) * weight[i] + bias[i];
            assertThat((double) layer[AT + i]).isCloseTo(normal, within(1e-5));
        }
        assertThat(rms[AT - 1]).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 16, 33, 288})
    void gates(int n) {
        float[] gate = random(n, 4);
        float[] up = random(n + 1, 2);
        float[] gelu = gate.clone();
        float[] swi = gate.clone();
        DecoderOps.silu(swi, AT, n);
        DecoderOps.multiply(swi, AT, up, AT, n);
        DecoderOps.geluTanh(gelu, AT, n);
        float[] exact = gate.clone();
        DecoderOps.gelu(exact, AT, n);
        for (int i = 0; i < gate.length; i++) {
            double x = gate[i];
            boolean inside = i >= AT && i < AT + n;
            double silu = inside ? x / (1 + Math.exp(-x)) * up[i] : x;
            double g = inside ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))) : x;
            assertThat((double) swi[i]).isCloseTo(silu, within(1e-6 * Math.abs(silu) + 1e-7));
            double e = inside ? x * normal(x) : x;
            assertThat((double) exact[i]).isCloseTo(e, within(1e-6 * Math.abs(x) + 1e-7));
            assertThat((double) gelu[i]).isCloseTo(g, within(1e-6 * Math.abs(x) + 1e-7));
        }
    }

    /** Every 4093rd float, of either sign, against erfc by its series near 0 and by its continued fraction away from it. */
    @Test
    void geluIsWithinFiveUnitsInTheLastPlaceOverAllFloats() {
        float[] all = new float[1 << 20];
        int n = 0;
        for (int bits = 0; bits >= 0 && bits < Float.floatToRawIntBits(Float.POSITIVE_INFINITY); bits += 4093) {
            all[n++] = Float.intBitsToFloat(bits);
            all[n++] = -Float.intBitsToFloat(bits);
        }
        float[] found = all.clone();
        DecoderOps.gelu(found, 0, n);
        int over = 0;
        for (int i = 0; i < n; i++) {
            double x = all[i];
            double expected = x * (x < 0 ? erfc(-x / Math.sqrt(2)) / 2 : 1 - erfc(x / Math.sqrt(2)) / 2);
            double off = Math.abs(found[i] - expected) / Math.ulp((float) expected);
            over += off > 1 ? 1 : 0;
            if (!(off <= 5)) {
                assertThat((double) found[i]).as("gelu(%s)", x).isCloseTo(expected, within(5.0 * Math.ulp((float) expected)));
            }
        }
        assertThat(over).as("further off than a unit, of %d", n).isLessThan(n / 50);
    }

    private static double erfc(double z) {
        if (z > 27) {
            return 0;
        }
        if (z < 2) {
            double term = z;
            double sum = z;
            for (int k = 1; Math.abs(term) > 1e-18 * sum; k++) {
                term *= -z * z / k;
                sum += term / (2 * k + 1);
            }
            return 1 - 2 / Math.sqrt(Math.PI) * sum;
        }
        double f = 0;
        for (int k = 120; k >= 1; k--) {
            f = k / 2.0 / (z + f);
        }
        return Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + f);
    }

    @Test
    void attentionToAllPositionsIsTheDefinition() {
        for (int n : new int[] {1, 3, 4, 17, 70}) {
            for (int headDim : new int[] {5, 16, 64}) {
                int stride = headDim + 3;
                float[] q = random(n * stride, 1);
                float[] k = random(n * stride, 1);
                float[] v = random(n * stride, 1);
                boolean[] seen = new boolean[n];
                for (int p = 0; p < n; p++) {
                    seen[p] = p % 4 != 3;
                }
                float[] keys = new float[headDim * FullAttention.places(n)];
                FullAttention.layOut(k, 2, stride, n, headDim, keys, 0);
                float[] out = new float[n * stride];
                for (int query = 0; query < n; query += FullAttention.TILE) {
                    FullAttention.attend(q, query * stride + 2, stride, Math.min(FullAttention.TILE, n - query), keys, 0, v, 2, seen, n, headDim, 0.25f,
                            new float[FullAttention.room(FullAttention.TILE, n)], out, query * stride + 2);
                }
                float[] together = new float[n * stride];
                FullAttention.attend(q, 2, stride, n, keys, 0, v, 2, seen, n, headDim, 0.25f, new float[FullAttention.room(n, n)], together, 2);
                assertThat(together).as("all queries at once").isEqualTo(out);
                for (int query = 0; query < n; query++) {
                    double[] weights = new double[n];
                    double sum = 0;
                    for (int p = 0; p < n; p++) {
                        double dot = 0;
                        for (int d = 0; d < headDim; d++) {
                            dot += (double) q[query * stride + 2 + d] * k[p * stride + 2 + d];
                        }
                        weights[p] = seen[p] ? Math.exp(0.25 * dot) : 0;
                        sum += weights[p];
                    }
                    for (int d = 0; d < headDim; d++) {
                        double expected = 0;
                        for (int p = 0; p < n; p++) {
                            expected += weights[p] / sum * v[p * stride + 2 + d];
                        }
                        assertThat((double) out[query * stride + 2 + d]).isCloseTo(expected, within(3e-6));
                    }
                }
            }
        }
    }

    /** The normal distribution's integral, by Simpson's rule. */
    private static double normal(double x) {
        int steps = 2000;
        double h = x / steps;
        double sum = 1 + Math.exp(-x * x / 2);
        for (int i = 1; i < steps; i++) {
            sum += (i % 2 == 0 ? 2 : 4) * Math.exp(-h * i * h * i / 2);
        }
        return 0.5 + sum * h / 3 / Math.sqrt(2 * Math.PI);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 16, 33, 288})
    void softmax(int n) {
        float[] x = random(n, 5);
        if (n > 1) {
            x[AT + n - 1] = Float.NEGATIVE_INFINITY;
        }
        float[] y = x.clone();
        DecoderOps.softmax(y, AT, n);
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = AT; i < AT + n; i++) {
            largest = Math.max(largest, x[i]);
        }
        double sum = 0;
        for (int i = AT; i < AT + n; i++) {
            sum += Math.exp(x[i] - largest);
        }
        for (int i = 0; i < x.length; i++) {
            double expected = i < AT || i >= AT + n ? x[i] : Math.exp(x[i] - largest) / sum;
            assertThat((double) y[i]).isCloseTo(expected, within(2e-6 * Math.abs(expected) + 1e-30));
        }
        if (n > 1) {
            assertThat(y[AT + n - 1]).isZero();
        }
    }

    /** Interpreted, half compiled and compiled code give the same bits: sums of lanes have an order. */
    @Test
    void softmaxKeepsItsBitsWhileItIsCompiled() {
        List<float[]> inputs = IntStream.of(3, 5, 15, 16, 33, 100).mapToObj(n -> random(n, 8)).toList();
        List<float[]> first = inputs.stream().map(OperationsAgreeWithDoublesTest::softmaxOf).toList();
        for (int i = 0; i < 20_000; i++) {
            for (int j = 0; j < inputs.size(); j++) {
                float[] again = softmaxOf(inputs.get(j));
                if (!Arrays.equals(again, first.get(j))) {
                    assertThat(again).as("call %s", i).isEqualTo(first.get(j));
                }
            }
        }
    }

    private static float[] softmaxOf(float[] x) {
        float[] y = x.clone();
        DecoderOps.softmax(y, AT, x.length - 2 * AT);
        return y;
    }

    @Test
    void softmaxOfNothingIsRefused() {
        assertThatThrownBy(() -> DecoderOps.softmax(new float[] {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY}, 0, 2))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("finite");
        assertThatThrownBy(() -> DecoderOps.softmax(new float[] {1, Float.NaN}, 0, 2)).hasMessageContaining("NaN");
    }

    @Test
    void exponentialsAreWithinThreeUlps() {
        float[] in = new float[Lanes.COUNT];
        float[] out = new float[Lanes.COUNT];
        for (float x = -87; x < 88; x += 0.0137f) {
            Arrays.fill(in, x);
            VectorMath.exp(FloatVector.fromArray(Lanes.F, in, 0)).intoArray(out, 0);
            double expected = Math.exp(x);
            assertThat(Math.abs(out[0] - expected)).as("exp(%s)", x).isLessThanOrEqualTo(3 * Math.ulp((float) expected));
        }
    }

    @Test
    void argmaxIsTheFirstOfEqualsAndKnowsNoNaN() {
        assertThat(DecoderOps.argmax(new float[] {9, 1, 7, 7, -2}, 1, 4)).isEqualTo(1);
        assertThat(DecoderOps.argmax(new float[] {Float.NEGATIVE_INFINITY}, 0, 1)).isZero();
        assertThatThrownBy(() -> DecoderOps.argmax(new float[] {1, Float.NaN}, 0, 2)).hasMessageContaining("NaN");
    }

    /** Half-split pairs, the tail left alone, and a position where 32-bit angles would be off by a hundredth. */
    @Test
    void rotaryTurnsHalvesByAnglesInDouble() {
        int headDim = 10;
        int rotated = 8;
        Rotary rotary = new Rotary(Rotary.frequencies(10000, rotated), 1);
        rotary.reach(131_072);
        for (int position : new int[] {0, 1, 777, 131_071}) {
            float[] x = random(2 * headDim, 1);
            float[] y = x.clone();
            rotary.turn(y, AT, 2, headDim, position);
            for (int h = 0; h < 2; h++) {
                for (int i = 0; i < 4; i++) {
                    double angle = position * Math.pow(10000, -2.0 * i / rotated);
                    double a = x[AT + h * headDim + i];
                    double b = x[AT + h * headDim + 4 + i];
                    assertThat((double) y[AT + h * headDim + i]).isCloseTo(a * Math.cos(angle) - b * Math.sin(angle), within(1e-6));
                    assertThat((double) y[AT + h * headDim + 4 + i]).isCloseTo(b * Math.cos(angle) + a * Math.sin(angle), within(1e-6));
                }
                assertThat(y[AT + h * headDim + 8]).isEqualTo(x[AT + h * headDim + 8]);
            }
        }
        assertThatThrownBy(() -> rotary.turn(new float[10], 0, 1, 10, 131_072)).hasMessageContaining("131072");
    }

    @Test
    void rotaryTurnsNeighboursToo() {
        int headDim = 10;
        Rotary rotary = new Rotary(Rotary.frequencies(10000, 8), 1, true);
        rotary.reach(778);
        for (int position : new int[] {0, 1, 777}) {
            float[] x = random(2 * headDim, 1);
            float[] y = x.clone();
            rotary.turn(y, AT, 2, headDim, position);
            for (int h = 0; h < 2; h++) {
                for (int i = 0; i < 4; i++) {
                    int at = AT + h * headDim + 2 * i;
                    double angle = position * Math.pow(10000, -2.0 * i / 8);
                    assertThat((double) y[at]).isCloseTo(x[at] * Math.cos(angle) - x[at + 1] * Math.sin(angle), within(1e-6));
                    assertThat((double) y[at + 1]).isCloseTo(x[at + 1] * Math.cos(angle) + x[at] * Math.sin(angle), within(1e-6));
                }
                assertThat(y[AT + h * headDim + 8]).isEqualTo(x[AT + h * headDim + 8]);
            }
        }
    }

    /** Small values keep their digits, however high the cap. */
    @ParameterizedTest
    @ValueSource(floats = {0.5f, 30, 5000})
    void softcap(float cap) {
        for (double size : new double[] {1e-3, 1, 40, 1e5}) {
            float[] x = random(100, size);
            float[] y = x.clone();
            Softcap.apply(y, AT, 100, cap);
            for (int i = 0; i < x.length; i++) {
                double expected = i >= AT && i < AT + 100 ? cap * Math.tanh(x[i] / (double) cap) : x[i];
                assertThat((double) y[i]).isCloseTo(expected, within(6e-7 * Math.abs(expected)));
            }
        }
    }

    /** The Vector API's own checks are off in the product: what is too short would be read or written beyond its end. */
    @Test
    void valuesBeyondTheirArraysAreRefused() {
        float[] x = new float[64];
        float[] more = new float[80];
        var rotary = new Rotary(Rotary.frequencies(10_000, 32), 1);
        rotary.reach(2);
        try {
            for (boolean warm : new boolean[] {true, false}) {
                Warmth.pretend(warm);
                refused(() -> DecoderOps.rmsNorm(more, 0, x, 1e-5f, more.clone(), 0, 80));
                refused(() -> DecoderOps.rmsNorm(more, 0, more, 1e-5f, x, 0, 80));
                refused(() -> DecoderOps.rmsNorm(x, 0, more, 1e-5f, more.clone(), 0, 80));
                refused(() -> DecoderOps.layerNorm(more, 0, x, more, 1e-5f, more.clone(), 0, 80));
                refused(() -> DecoderOps.add(x, 16, more, 0, 64));
                refused(() -> DecoderOps.add(more, 0, x, 0, 80));
                refused(() -> DecoderOps.multiply(x, 16, more, 0, 64));
                refused(() -> DecoderOps.multiply(more, 0, x, -1, 64));
                refused(() -> DecoderOps.silu(x, 1, 64));
                refused(() -> DecoderOps.geluTanh(x, 1, 64));
                refused(() -> DecoderOps.gelu(x, 1, 64));
                refused(() -> DecoderOps.softmax(x, 32, 48));
                refused(() -> rotary.turn(x, 16, 2, 32, 1));
                // more of a head turns than it has
                refused(() -> rotary.turn(x, 0, 4, 16, 1));
            }
        } finally {
            Warmth.forget();
        }
    }

    private static void refused(Executable call) {
        assertThatThrownBy(call::execute).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void rotaryTablesThatNoArrayHoldsAreRefusedWithWhatFits() {
        var rotary = new Rotary(Rotary.frequencies(10_000, 2_000_000), 1);
        assertThatThrownBy(() -> rotary.reach(3_000)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("3000 tokens").hasMessageContaining("at most 2147");
    }
}
