package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.model.RotaryFrequencies;

/** Rotary positions in the rotate-half layout; angles in double. */
final class Rotary {
    private final int half;
    private final double[] frequencies;
    private final double scale;
    /** [position, half] */
    private float[] cos = {};
    private float[] sin = {};

    Rotary(Rope rope) {
        if (rope.scaling() instanceof Scaling.Dynamic) {
            throw new IllegalArgumentException("rotary scaling 'dynamic' turns what is cached anew as a sequence grows, which the CPU engine does not;"
                    + " take the torch engine");
        }
        half = rope.rotaryDims() / 2;
        frequencies = RotaryFrequencies.of(rope, 0);
        scale = RotaryFrequencies.scale(rope);
    }

    /** Makes the tables reach {@code positions}. */
    void reach(int positions) {
        int had = half == 0 ? positions : cos.length / half;
        if (had >= positions) {
            return;
        }
        int rows = Math.max(positions, 2 * had);
        float[] c = new float[rows * half];
        float[] s = new float[rows * half];
        for (int p = 0; p < rows; p++) {
            for (int i = 0; i < half; i++) {
                c[p * half + i] = (float) (Math.cos(p * frequencies[i]) * scale);
                s[p * half + i] = (float) (Math.sin(p * frequencies[i]) * scale);
            }
        }
        cos = c;
        sin = s;
    }

    /** Rotates the head that begins at {@code x[at]} in place. */
    void rotate(float[] x, int at, int position) {
        int row = position * half;
        for (int i = 0; i < half; i++) {
            float a = x[at + i];
            float b = x[at + half + i];
            x[at + i] = a * cos[row + i] - b * sin[row + i];
            x[at + half + i] = b * cos[row + i] + a * sin[row + i];
        }
    }
}
