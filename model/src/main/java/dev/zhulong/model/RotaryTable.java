package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.tensor.Tensor;

/**
 * Cosines and sines of the rotary angles (Su et al. 2021), in the rotate-half layout, with the published scalings. Angles are computed in
 * double: at long positions an angle in float has no correct digits left.
 */
final class RotaryTable implements AutoCloseable {
    private final Rope rope;
    private Tensor cos;
    private Tensor sin;
    private int length;

    RotaryTable(Rope rope) {
        this.rope = rope;
    }

    /** F32 [≥ length, rotary dims]. */
    Tensor cos(int needed) {
        grow(needed);
        return cos;
    }

    /** F32 [≥ length, rotary dims]; the first half is negated, so that {@code x·cos + swapHalves(x)·sin} rotates. */
    Tensor sin(int needed) {
        grow(needed);
        return sin;
    }

    private synchronized void grow(int needed) {
        // NTK-aware "dynamic" scaling changes the base with the length, so its table is remade for each length past the original
        boolean remake = rope.scaling() instanceof Scaling.Dynamic d && length != needed && Math.max(needed, length) > d.originalContext();
        if (needed <= length && !remake) {
            return;
        }
        int rows = rope.scaling() instanceof Scaling.Dynamic ? needed : Math.max(needed, Math.max(256, 2 * length));
        int half = rope.rotaryDims() / 2;
        double[] frequency = frequencies(rope, needed);
        double scale = rope.scaling() instanceof Scaling.Yarn y ? y.attentionFactor() : 1.0;
        float[] c = new float[rows * half * 2];
        float[] s = new float[rows * half * 2];
        for (int p = 0; p < rows; p++) {
            for (int i = 0; i < half; i++) {
                double angle = p * frequency[i];
                int at = p * 2 * half + i;
                c[at] = c[at + half] = (float) (Math.cos(angle) * scale);
                s[at + half] = (float) (Math.sin(angle) * scale);
                s[at] = -s[at + half];
            }
        }
        close();
        cos = Tensor.of(c, rows, 2L * half).keep();
        sin = Tensor.of(s, rows, 2L * half).keep();
        length = rows;
    }

    @Override
    public void close() {
        if (cos != null) {
            cos.close();
            sin.close();
        }
        cos = null;
        sin = null;
        length = 0;
    }

    /** Radians a position, for each pair of dimensions. */
    static double[] frequencies(Rope rope, int length) {
        int dims = rope.rotaryDims();
        double base = rope.theta();
        if (rope.scaling() instanceof Scaling.Dynamic d && length > d.originalContext()) {
            base *= Math.pow(d.factor() * length / d.originalContext() - (d.factor() - 1), dims / (double) (dims - 2));
        }
        double[] f = new double[dims / 2];
        for (int i = 0; i < f.length; i++) {
            f[i] = Math.pow(base, -2.0 * i / dims);
        }
        switch (rope.scaling()) {
            case Scaling.None n -> { }
            case Scaling.Dynamic d -> { }
            case Scaling.Linear l -> {
                for (int i = 0; i < f.length; i++) {
                    f[i] /= l.factor();
                }
            }
            case Scaling.Llama3 l -> {
                for (int i = 0; i < f.length; i++) {
                    f[i] = llama3(f[i], l);
                }
            }
            case Scaling.Yarn y -> yarn(f, rope, y);
        }
        return f;
    }

    private static double llama3(double f, Scaling.Llama3 l) {
        double wavelength = 2 * Math.PI / f;
        double low = l.originalContext() / l.lowFrequency();
        double high = l.originalContext() / l.highFrequency();
        if (wavelength < high) {
            return f;
        }
        if (wavelength > low) {
            return f / l.factor();
        }
        double smooth = (l.originalContext() / wavelength - l.lowFrequency()) / (l.highFrequency() - l.lowFrequency());
        return (1 - smooth) * f / l.factor() + smooth * f;
    }

    private static void yarn(double[] f, Rope rope, Scaling.Yarn y) {
        double low = yarnDimension(y.betaFast(), rope, y);
        double high = yarnDimension(y.betaSlow(), rope, y);
        if (y.truncate()) {
            low = Math.floor(low);
            high = Math.ceil(high);
        }
        low = Math.max(low, 0);
        high = Math.min(high, rope.rotaryDims() - 1);
        double span = low == high ? 0.001 : high - low;
        for (int i = 0; i < f.length; i++) {
            double ramp = Math.clamp((i - low) / span, 0.0, 1.0);
            f[i] = f[i] / y.factor() * ramp + f[i] * (1 - ramp);
        }
    }

    /** The (fractional) dimension whose angle turns {@code rotations} times over the original context. */
    private static double yarnDimension(double rotations, Rope rope, Scaling.Yarn y) {
        return rope.rotaryDims() * Math.log(y.originalContext() / (rotations * 2 * Math.PI)) / (2 * Math.log(rope.theta()));
    }

    /**
     * Rotates heads.
     *
     * @param x   [batch, seq, heads, head dim]
     * @param cos [.., seq, 1, rotary dims]
     * @param sin as {@code cos}
     */
    static Tensor rotate(Tensor x, Tensor cos, Tensor sin) {
        long dims = cos.size(-1);
        long rest = x.size(-1) - dims;
        if (rest > 0) {
            var parts = x.split(-1, dims, rest);
            return Tensor.cat(-1, rotate(parts.get(0), cos, sin), parts.get(1));
        }
        var halves = x.split(-1, dims / 2, dims / 2);
        return x.mul(cos).addcmul(Tensor.cat(-1, halves.get(1), halves.get(0)), sin);
    }

}
