package dev.zhulong.kernels;

import java.util.Arrays;
import java.util.Objects;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * What a decoder computes between its products, a row at a time, in place or from one array to another. Nothing here allocates, and a
 * row's bits depend on that row only. Until the vector code is compiled, {@link PlainOps} answers with the same bits.
 *
 * <p>Every operation throws an {@link IndexOutOfBoundsException} where its values don't lie within their arrays: in the product nothing else does,
 * as the Vector API's own checks are off there.
 */
public final class DecoderOps {
    static final float SQRT_2_OVER_PI = 0.7978845608f;
    static final float GELU_CUBIC = 0.044715f;

    /** Strands in which the terms of a softmax are summed: the lanes of the widest vectors, so that every width gives the same bits. */
    static final int STRANDS = 16;

    /** Of the vector code between products: here, of {@link Rotary} and of {@link Activations}. */
    static final Warmth WARMTH = new Warmth(DecoderOps::exercise);

    /** Values of a row that the code is exercised on; and the time compiled code takes for all of it at most, a tenth of what boxed vectors take. */
    private static final int EXERCISED = 1024;
    private static final double ENOUGH_NANOS = 60_000;

    /** Doubles moved down by so many lanes. */
    private static final VectorShuffle<Double> BY_4 = VectorShuffle.iota(Lanes.D, Math.min(4, Lanes.D.length() / 2), 1, true);
    private static final VectorShuffle<Double> BY_2 = VectorShuffle.iota(Lanes.D, Math.min(2, Lanes.D.length() / 2), 1, true);
    private static final VectorShuffle<Double> BY_1 = VectorShuffle.iota(Lanes.D, 1, 1, true);

    private DecoderOps() {}

    private static void exercise() {
        float[] x = new float[EXERCISED];
        float[] y = new float[EXERCISED];
        var rotary = new Rotary(Rotary.frequencies(10_000, 64), 1);
        rotary.reach(2);
        var records = new ActivationRecords(1, EXERCISED / 32);
        Warmth.repeat(ENOUGH_NANOS, () -> {
            Arrays.fill(x, 0.5f);
            Arrays.fill(y, 0.25f);
            vectorScale(x, 0, y, 0.5f, x, 0, EXERCISED);
            vectorCentre(x, 0, (float) (vectorSum(x, 0, EXERCISED) / EXERCISED), (float) vectorSquares(x, 0, EXERCISED, 0), y, y, x, 0, EXERCISED);
            vectorAdd(x, 0, y, 0, EXERCISED);
            vectorMultiply(x, 0, y, 0, EXERCISED);
            vectorSilu(x, 0, EXERCISED);
            vectorGeluTanh(x, 0, EXERCISED);
            vectorGelu(x, 0, EXERCISED);
            vectorExponentials(x, 0, EXERCISED, vectorHighest(x, 0, EXERCISED));
            rotary.vectorTurn(x, 0, EXERCISED / 64, 64, 1);
            for (int u = 0; u < EXERCISED / 32 && MachineKernel.isUsed(); u++) {
                records.vectorPut(u * ActivationRecords.RECORD, x, 32 * u, Activations.vectorLargest(y, 32 * u));
            }
        });
    }

    /** y = x / sqrt(mean(x²) + eps) * weight, over {@code n} values; squares are summed in double. */
    public static void rmsNorm(float[] x, int at, float[] weight, float eps, float[] y, int to, int n) {
        Objects.checkFromIndexSize(at, n, x.length);
        Objects.checkFromIndexSize(0, n, weight.length);
        Objects.checkFromIndexSize(to, n, y.length);
        boolean warm = WARMTH.isWarm();
        float scale = (float) (1 / Math.sqrt(squares(x, at, n, 0, warm) / n + eps));
        if (warm) {
            vectorScale(x, at, weight, scale, y, to, n);
        } else {
            PlainOps.scale(x, at, weight, scale, y, to, 0, n);
        }
    }

    private static void vectorScale(float[] x, int at, float[] weight, float scale, float[] y, int to, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.F, x, at + i).mul(scale).mul(FloatVector.fromArray(Lanes.F, weight, i)).intoArray(y, to + i);
        }
        PlainOps.scale(x, at, weight, scale, y, to, i, n);
    }

    /** y = (x - mean) / sqrt(variance + eps) * weight + bias, over {@code n} values; sums in double. */
    public static void layerNorm(float[] x, int at, float[] weight, float[] bias, float eps, float[] y, int to, int n) {
        Objects.checkFromIndexSize(at, n, x.length);
        Objects.checkFromIndexSize(0, n, weight.length);
        Objects.checkFromIndexSize(0, n, bias.length);
        Objects.checkFromIndexSize(to, n, y.length);
        boolean warm = WARMTH.isWarm();
        double mean = sum(x, at, n, warm) / n;
        float scale = (float) (1 / Math.sqrt(squares(x, at, n, mean, warm) / n + eps));
        if (warm) {
            vectorCentre(x, at, (float) mean, scale, weight, bias, y, to, n);
        } else {
            PlainOps.centre(x, at, (float) mean, scale, weight, bias, y, to, 0, n);
        }
    }

    private static void vectorCentre(float[] x, int at, float mean, float scale, float[] weight, float[] bias, float[] y, int to, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.F, x, at + i).sub(mean).mul(scale).fma(FloatVector.fromArray(Lanes.F, weight, i), FloatVector.fromArray(Lanes.F, bias, i))
                    .intoArray(y, to + i);
        }
        PlainOps.centre(x, at, mean, scale, weight, bias, y, to, i, n);
    }

    /** In {@link #STRANDS} strands, which are added by halves; the values behind the last whole round one after the other. */
    private static double sum(float[] x, int at, int n, boolean warm) {
        int whole = n / STRANDS * STRANDS;
        double sum = warm ? vectorSum(x, at, whole) : PlainOps.sum(x, at, whole);
        for (int i = at + whole; i < at + n; i++) {
            sum += x[i];
        }
        return sum;
    }

    /** Squares of the distances from the mean, summed in the same way. */
    private static double squares(float[] x, int at, int n, double mean, boolean warm) {
        int whole = n / STRANDS * STRANDS;
        double sum = warm ? vectorSquares(x, at, whole, mean) : PlainOps.squares(x, at, whole, mean);
        for (int i = at + whole; i < at + n; i++) {
            sum = Math.fma(x[i] - mean, x[i] - mean, sum);
        }
        return sum;
    }

    /** {@code n} is a multiple of {@link #STRANDS}, which are two, four or eight vectors of doubles. */
    private static double vectorSum(float[] x, int at, int n) {
        int step = Lanes.D.length();
        if (step < 4) {
            return PlainOps.sum(x, at, n);
        }
        DoubleVector a = DoubleVector.zero(Lanes.D);
        DoubleVector b = a;
        DoubleVector c = a;
        DoubleVector d = a;
        for (int i = at; i < at + n; i += STRANDS) {
            a = a.add(doubles(x, i));
            b = b.add(doubles(x, i + step));
            if (step < 8) {
                c = c.add(doubles(x, i + 2 * step));
                d = d.add(doubles(x, i + 3 * step));
            }
        }
        return strands(a, b, c, d);
    }

    private static double vectorSquares(float[] x, int at, int n, double mean) {
        int step = Lanes.D.length();
        if (step < 4) {
            return PlainOps.squares(x, at, n, mean);
        }
        DoubleVector a = DoubleVector.zero(Lanes.D);
        DoubleVector b = a;
        DoubleVector c = a;
        DoubleVector d = a;
        for (int i = at; i < at + n; i += STRANDS) {
            DoubleVector v = doubles(x, i).sub(mean);
            a = v.fma(v, a);
            v = doubles(x, i + step).sub(mean);
            b = v.fma(v, b);
            if (step < 8) {
                v = doubles(x, i + 2 * step).sub(mean);
                c = v.fma(v, c);
                v = doubles(x, i + 3 * step).sub(mean);
                d = v.fma(v, d);
            }
        }
        return strands(a, b, c, d);
    }

    private static DoubleVector doubles(float[] x, int at) {
        return (DoubleVector) FloatVector.fromArray(Lanes.FEW, x, at).castShape(Lanes.D, 0);
    }

    /** The sum of all strands, by halves: of two vectors of eight or four of four. */
    private static double strands(DoubleVector a, DoubleVector b, DoubleVector c, DoubleVector d) {
        DoubleVector v = Lanes.D.length() == 8 ? a.add(b) : a.add(c).add(b.add(d));
        if (Lanes.D.length() == 8) {
            v = v.add(v.rearrange(BY_4));
        }
        v = v.add(v.rearrange(BY_2));
        return v.add(v.rearrange(BY_1)).lane(0);
    }

    /** x *= y, over {@code n} values. */
    public static void multiply(float[] x, int at, float[] y, int from, int n) {
        Objects.checkFromIndexSize(at, n, x.length);
        Objects.checkFromIndexSize(from, n, y.length);
        if (WARMTH.isWarm()) {
            vectorMultiply(x, at, y, from, n);
        } else {
            PlainOps.multiply(x, at, y, from, 0, n);
        }
    }

    private static void vectorMultiply(float[] x, int at, float[] y, int from, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.F, x, at + i).mul(FloatVector.fromArray(Lanes.F, y, from + i)).intoArray(x, at + i);
        }
        PlainOps.multiply(x, at, y, from, i, n);
    }

    /** x *= factor, over {@code n} values. */
    public static void scale(float[] x, int at, int n, float factor) {
        for (int i = at; i < at + n; i++) {
            x[i] *= factor;
        }
    }

    /** Values held within ±{@code limit}, over {@code n} of them. */
    public static void clamp(float[] x, int at, int n, float limit) {
        for (int i = at; i < at + n; i++) {
            x[i] = Math.max(-limit, Math.min(limit, x[i]));
        }
    }

    /** x += y, over {@code n} values. */
    public static void add(float[] x, int at, float[] y, int from, int n) {
        Objects.checkFromIndexSize(at, n, x.length);
        Objects.checkFromIndexSize(from, n, y.length);
        if (WARMTH.isWarm()) {
            vectorAdd(x, at, y, from, n);
        } else {
            PlainOps.add(x, at, y, from, 0, n);
        }
    }

    private static void vectorAdd(float[] x, int at, float[] y, int from, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.F, x, at + i).add(FloatVector.fromArray(Lanes.F, y, from + i)).intoArray(x, at + i);
        }
        PlainOps.add(x, at, y, from, i, n);
    }

    /** x = x / (1 + e^-x), over {@code n} values. */
    public static void silu(float[] x, int at, int n) {
        Objects.checkFromIndexSize(at, n, x.length);
        if (WARMTH.isWarm()) {
            vectorSilu(x, at, n);
        } else {
            PlainOps.silu(x, at, n);
        }
    }

    private static void vectorSilu(float[] x, int at, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            VectorMath.silu(FloatVector.fromArray(Lanes.F, x, at + i)).intoArray(x, at + i);
        }
        PlainOps.silu(x, at + i, n - i);
    }

    /** x = gelu(x) by its tanh form (GPT-2's {@code gelu_new}), over {@code n} values. */
    public static void geluTanh(float[] x, int at, int n) {
        Objects.checkFromIndexSize(at, n, x.length);
        if (WARMTH.isWarm()) {
            vectorGeluTanh(x, at, n);
        } else {
            PlainOps.geluTanh(x, at, n);
        }
    }

    private static void vectorGeluTanh(float[] x, int at, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            geluTanh(FloatVector.fromArray(Lanes.F, x, at + i)).intoArray(x, at + i);
        }
        PlainOps.geluTanh(x, at + i, n - i);
    }

    private static FloatVector geluTanh(FloatVector x) {
        FloatVector inner = x.mul(x).mul(x).fma(FloatVector.broadcast(Lanes.F, GELU_CUBIC), x).mul(SQRT_2_OVER_PI);
        return x.mul(0.5f).mul(VectorMath.tanh(inner).add(1));
    }

    /** x = max(x, 0), over {@code n} values. */
    public static void relu(float[] x, int at, int n) {
        for (int i = at; i < at + n; i++) {
            x[i] = Math.max(x[i], 0);
        }
    }

    /** x = tanh(x), over {@code n} values; in double, one after the other, which heads alone ask for. */
    public static void tanh(float[] x, int at, int n) {
        for (int i = at; i < at + n; i++) {
            x[i] = (float) Math.tanh(x[i]);
        }
    }

    /** x = x · Φ(x), with Φ the normal distribution's, over {@code n} values; to 5 units in the last place. */
    public static void gelu(float[] x, int at, int n) {
        gelu(x, at, 1, n, n);
    }

    /** The same over {@code n} values of each of some rows, which begin {@code stride} apart. */
    public static void gelu(float[] x, int at, int rows, int stride, int n) {
        Objects.checkFromIndexSize(at, Math.addExact(Math.multiplyExact(rows - 1, stride), n), x.length);
        int whole = MachineKernel.isUsed() ? n / Lanes.COUNT * Lanes.COUNT : 0;
        if (whole > 0) {
            GeluCode.apply(x, at, rows, stride, whole / Lanes.COUNT);
        }
        for (int row = 0; row < rows && whole < n; row++) {
            int from = at + row * stride + whole;
            if (whole == 0 && WARMTH.isWarm()) {
                vectorGelu(x, from, n);
            } else {
                PlainOps.gelu(x, from, n - whole);
            }
        }
    }

    private static void vectorGelu(float[] x, int at, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            VectorMath.gelu(FloatVector.fromArray(Lanes.F, x, at + i)).intoArray(x, at + i);
        }
        PlainOps.gelu(x, at + i, n - i);
    }

    /** {@link #softmax(float[], int, int, float)} over the values alone. */
    public static void softmax(float[] x, int at, int n) {
        softmax(x, at, n, Float.NEGATIVE_INFINITY);
    }

    /**
     * x = softmax(x), over {@code n} values and one more that is not kept; -infinity becomes 0. The sum goes in {@value #STRANDS} strands.
     *
     * @param sink the value that takes its share besides; -infinity for none
     * @throws IllegalArgumentException when no value is above -infinity, or one is NaN or infinite
     */
    public static void softmax(float[] x, int at, int n, float sink) {
        Objects.checkFromIndexSize(at, n, x.length);
        float largest = Math.max(WARMTH.isWarm() ? vectorHighest(x, at, n) : PlainOps.highest(x, at, n), sink);
        if (!Float.isFinite(largest)) {
            throw new IllegalArgumentException("softmax over " + n + " values whose largest is " + largest + ": expected a finite one");
        }
        float sum = WARMTH.isWarm() ? vectorExponentials(x, at, n, largest) : PlainOps.exponentials(x, at, n, largest);
        float inverse = 1 / (sum + PlainOps.exponential(sink, largest));
        for (int j = 0; j < n; j++) {
            x[at + j] *= inverse;
        }
    }

    /** The largest value; NaN where one is. */
    private static float vectorHighest(float[] x, int at, int n) {
        FloatVector largest = FloatVector.broadcast(Lanes.F, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            largest = largest.max(FloatVector.fromArray(Lanes.F, x, at + i));
        }
        float most = largest.reduceLanes(VectorOperators.MAX);
        for (; i < n; i++) {
            most = Math.max(most, x[at + i]);
        }
        return most;
    }

    /** x = e^(x - largest); returns the sum. A group of {@link #STRANDS} numbers is one, two or four vectors, by their width. */
    private static float vectorExponentials(float[] x, int at, int n, float largest) {
        FloatVector sum0 = FloatVector.zero(Lanes.F);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        int i = at;
        for (; i <= at + n - STRANDS; i += STRANDS) {
            sum0 = sum0.add(exponentials(x, i, largest));
            if (Lanes.COUNT < STRANDS) {
                sum1 = sum1.add(exponentials(x, i + Lanes.COUNT, largest));
            }
            if (Lanes.COUNT < STRANDS / 2) {
                sum2 = sum2.add(exponentials(x, i + 2 * Lanes.COUNT, largest));
                sum3 = sum3.add(exponentials(x, i + 3 * Lanes.COUNT, largest));
            }
        }
        int left = at + n - i;
        if (left > 0) {
            sum0 = sum0.add(exponentials(x, i, left, largest));
        }
        if (left > Lanes.COUNT) {
            sum1 = sum1.add(exponentials(x, i + Lanes.COUNT, left - Lanes.COUNT, largest));
        }
        if (left > 2 * Lanes.COUNT) {
            sum2 = sum2.add(exponentials(x, i + 2 * Lanes.COUNT, left - 2 * Lanes.COUNT, largest));
        }
        if (left > 3 * Lanes.COUNT) {
            sum3 = sum3.add(exponentials(x, i + 3 * Lanes.COUNT, left - 3 * Lanes.COUNT, largest));
        }
        // by halves, as the strands of wider vectors are
        return VectorMath.sum(Lanes.COUNT == STRANDS ? sum0 : Lanes.COUNT == STRANDS / 2 ? sum0.add(sum1) : sum0.add(sum2).add(sum1.add(sum3)));
    }

    /** A vector of e^(x - largest), 0 for -infinity, in place. */
    private static FloatVector exponentials(float[] x, int at, float largest) {
        FloatVector e = exponentials(FloatVector.fromArray(Lanes.F, x, at), largest);
        e.intoArray(x, at);
        return e;
    }

    /** The same of the last {@code n} numbers, which may be fewer than a vector has; then zeros. */
    private static FloatVector exponentials(float[] x, int at, int n, float largest) {
        if (n >= Lanes.COUNT) {
            return exponentials(x, at, largest);
        }
        if (Lanes.COUNT == 4) {
            // vectors of 128 bits may have no masks (NEON): three numbers at most, one by one
            for (int i = at; i < at + n; i++) {
                x[i] = PlainOps.exponential(x[i], largest);
            }
            FloatVector e = FloatVector.zero(Lanes.F).withLane(0, x[at]);
            e = n > 1 ? e.withLane(1, x[at + 1]) : e;
            return n > 2 ? e.withLane(2, x[at + 2]) : e;
        }
        VectorMask<Float> rest = Lanes.F.indexInRange(0, n);
        FloatVector e = exponentials(FloatVector.fromArray(Lanes.F, x, at, rest), largest).blend(0f, rest.not());
        e.intoArray(x, at, rest);
        return e;
    }

    private static FloatVector exponentials(FloatVector x, float largest) {
        return VectorMath.exp(x.sub(largest)).blend(0f, x.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY));
    }

    /**
     * Index of the largest of {@code n} values, the first where several are equal.
     *
     * @throws IllegalArgumentException when a value is NaN
     */
    public static int argmax(float[] x, int at, int n) {
        int best = 0;
        for (int i = 0; i < n; i++) {
            float v = x[at + i];
            if (Float.isNaN(v)) {
                throw new IllegalArgumentException("value " + i + " of " + n + " is NaN: there is no largest");
            }
            if (v > x[at + best]) {
                best = i;
            }
        }
        return best;
    }
}
