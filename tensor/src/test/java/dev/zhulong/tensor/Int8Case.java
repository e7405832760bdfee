package dev.zhulong.tensor;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Weights and activations of a kind that is hard for bytes, and the law of docs/PRECISION.md as plain loops over them. */
final class Int8Case {
    final int outputs;
    final int inputs;
    final int[] kept;
    final float[] weights;
    final float[] activations;
    final int rows;

    /** Weights with neighbours that are large together, activations that stay on one side of 0 in some rows, outliers in the kept columns. */
    Int8Case(int outputs, int inputs, int rows, int keptCount, long seed) {
        this.outputs = outputs;
        this.inputs = inputs;
        this.rows = rows;
        var random = new SplittableRandom(seed);
        kept = random.ints(0, inputs).distinct().limit(keptCount).sorted().toArray();
        weights = new float[outputs * inputs];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) random.nextGaussian() * (i / inputs % 3 + 1);
        }
        for (int o = 0; o < outputs; o += 2) {
            // both of a pair at the row's largest: the case that 16 bits would not hold
            int pair = random.nextInt(inputs / 2) * 2;
            weights[o * inputs + pair] = 9f;
            weights[o * inputs + pair + 1] = 8.9f;
        }
        if (outputs > 4) {
            Arrays.fill(weights, 3 * inputs, 4 * inputs, 0f);
            Arrays.fill(weights, 4 * inputs, 5 * inputs, 2.5f);
        }
        activations = new float[rows * inputs];
        for (int r = 0; r < rows; r++) {
            for (int k = 0; k < inputs; k++) {
                double x = random.nextGaussian() * (1 + r % 5);
                activations[r * inputs + k] = (float) (r % 3 == 1 ? Math.abs(x) + 1 : x);
            }
            for (int k : kept) {
                activations[r * inputs + k] *= 40;
            }
        }
    }

    Int8Linear pack(Int8Product product, int parts) {
        return Int8Linear.pack(product, this::row, outputs, inputs, kept, parts, Parallel.NOT);
    }

    void row(int index, float[] to) {
        System.arraycopy(weights, index * inputs, to, 0, inputs);
    }

    /** Rows {@code from … from + count} by {@code linear}. */
    float[] multiply(Int8Linear linear, int from, int count, Parallel parallel) {
        float[] out = new float[count * outputs];
        try (var a = new Int8Activations(count, inputs)) {
            a.set(activations, from * inputs, count, inputs, kept, parallel);
            linear.multiply(a, out, 0, parallel);
        }
        return out;
    }

    /** A row of W as integers and, at the end, its scale. */
    private double[] integers(int output) {
        float[] w = Arrays.copyOfRange(weights, output * inputs, (output + 1) * inputs);
        for (int k : kept) {
            w[k] = 0;
        }
        float scale = 0;
        for (int i = 0; i < inputs; i++) {
            scale = Math.max(scale, Math.abs(w[i]) / 127);
            if (i % 2 == 1) {
                scale = Math.max(scale, Math.abs(w[i - 1] + w[i]) / 128);
            }
        }
        double[] q = new double[inputs + 1];
        q[inputs] = scale;
        if (scale == 0) {
            return q;
        }
        for (int i = 0; i < inputs; i++) {
            q[i] = Math.rint(w[i] * (1 / scale));
        }
        for (int i = 1; i < inputs; i += 2) {
            double sum = q[i - 1] + q[i];
            if (Math.abs(sum) > 128) {
                double sign = Math.signum(sum);
                boolean first = sign * (q[i - 1] - w[i - 1] * (1 / scale)) > sign * (q[i] - w[i] * (1 / scale));
                q[first ? i - 1 : i] -= sign;
            }
        }
        return q;
    }

    /** The law, sums of integers in 64 bits. */
    float[] oracle() {
        float[] out = new float[rows * outputs];
        for (int r = 0; r < rows; r++) {
            float[] x = Arrays.copyOfRange(activations, r * inputs, (r + 1) * inputs);
            for (int k : kept) {
                x[k] = 0;
            }
            float low = 0;
            float high = 0;
            for (float v : x) {
                low = Math.min(low, v);
                high = Math.max(high, v);
            }
            float step = (high - low) / 254;
            float inverse = 254 / (high - low);
            int zero = Math.round(-low * inverse);
            for (int o = 0; o < outputs; o++) {
                double[] q = integers(o);
                long sum = 0;
                long all = 0;
                for (int k = 0; k < inputs; k++) {
                    int a = (int) Math.rint(x[k] * inverse) + zero;
                    if (a < 0 || a > 255) {
                        throw new AssertionError("a byte of " + a);
                    }
                    sum += a * (long) q[k];
                    all += (long) q[k];
                }
                float c = ((float) sum - zero * (float) all) * (float) q[inputs] * step;
                for (int k : kept) {
                    c = Math.fma(weights[o * inputs + k], activations[r * inputs + k], c);
                }
                out[r * outputs + o] = c;
            }
        }
        return out;
    }

    /** How far row {@code r}, output {@code o} may be from the exact product. */
    double bound(int r, int o) {
        double low = 0;
        double high = 0;
        double rounding = 0;
        double byWeights = 0;
        double[] q = integers(o);
        for (int k = 0; k < inputs; k++) {
            boolean inFloat = Arrays.binarySearch(kept, k) >= 0;
            double a = activations[r * inputs + k];
            double w = weights[o * inputs + k];
            rounding += Math.abs(a * w) + Math.abs(a) * q[inputs];
            if (!inFloat) {
                low = Math.min(low, a);
                high = Math.max(high, a);
                byWeights += Math.abs(a) * Math.abs(w - q[k] * q[inputs]);
            }
        }
        double integers = 0;
        for (int k = 0; k < inputs; k++) {
            integers += Math.abs(q[k]) * q[inputs];
        }
        double step = (high - low) / 254;
        return step / 2 * 1.00002 * integers + byWeights + (kept.length + 4) * 0x1p-24 * rounding + 0x1p-22 * 255 * step * integers;
    }

    double exact(int r, int o) {
        double sum = 0;
        for (int k = 0; k < inputs; k++) {
            sum += (double) activations[r * inputs + k] * weights[o * inputs + k];
        }
        return sum;
    }

    /** Both products against the law, in a process whose processor was made to look older; ends with 1 where they differ. */
    public static void main(String[] arguments) {
        for (Int8Product product : Int8Product.values()) {
            for (int inputs : new int[] {96, 1024, 1537}) {
                var c = new Int8Case(70, inputs, 40, 8, inputs);
                try (Int8Linear linear = c.pack(product, 2)) {
                    if (!Arrays.equals(c.multiply(linear, 0, c.rows, Parallel.NOT), c.oracle())) {
                        System.out.println(product + " differs at " + inputs + " columns");
                        System.exit(1);
                    }
                }
            }
        }
        System.out.println("equal under " + org.bytedeco.pytorch.global.torch.get_cpu_capability().getString());
    }
}
