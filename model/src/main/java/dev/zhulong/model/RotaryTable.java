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
        double[] frequency = RotaryFrequencies.of(rope, needed);
        double scale = RotaryFrequencies.scale(rope);
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
