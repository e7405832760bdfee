package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;

/**
 * Rotary angles in float64: radians a position for each pair of dimensions, and the factor on cosine and sine. Formulas as published in
 * Hugging Face's {@code modeling_rope_utils.py} and the papers it names.
 */
public record RotaryAngles(double[] perPosition, double factor) {
    /** Angles for a sequence of {@code length} tokens (dynamic scaling depends on it). */
    public static RotaryAngles of(Rope rope, int length) {
        int dims = rope.rotaryDims();
        double base = rope.theta();
        double factor = 1;
        if (rope.scaling() instanceof Scaling.Dynamic dynamic) {
            double ratio = Math.max(length, dynamic.originalContext()) / (double) dynamic.originalContext();
            base *= Math.pow(dynamic.factor() * ratio - dynamic.factor() + 1, dims / (dims - 2.0));
        }
        double[] angles = new double[dims / 2];
        for (int i = 0; i < angles.length; i++) {
            double plain = Math.exp(-2.0 * i / dims * Math.log(base));
            angles[i] = switch (rope.scaling()) {
                case Scaling.None none -> plain;
                case Scaling.Dynamic dynamic -> plain;
                case Scaling.Linear linear -> plain / linear.factor();
                case Scaling.Llama3 llama3 -> llama3(plain, llama3);
                case Scaling.LongRope longRope -> plain / (length <= longRope.originalContext() ? longRope.shortFactors() : longRope.longFactors()).get(i);
                case Scaling.Yarn yarn -> {
                    double keep = 1 - ramp(i, rope, yarn);
                    yield plain * keep + plain / yarn.factor() * (1 - keep);
                }
            };
        }
        if (rope.scaling() instanceof Scaling.Yarn yarn) {
            factor = yarn.attentionFactor();
        }
        if (rope.scaling() instanceof Scaling.LongRope longRope) {
            factor = longRope.attentionFactor();
        }
        return new RotaryAngles(angles, factor);
    }

    private static double llama3(double angle, Scaling.Llama3 s) {
        double wavelength = 2 * Math.PI / angle;
        if (wavelength > s.originalContext() / s.lowFrequency()) {
            return angle / s.factor();
        }
        if (wavelength < s.originalContext() / s.highFrequency()) {
            return angle;
        }
        double smooth = (s.originalContext() / wavelength - s.lowFrequency()) / (s.highFrequency() - s.lowFrequency());
        return (1 - smooth) * angle / s.factor() + smooth * angle;
    }

    /** 0 where a pair keeps its angle, 1 where it is divided. */
    private static double ramp(int pair, Rope rope, Scaling.Yarn yarn) {
        double low = turning(yarn.betaFast(), rope, yarn);
        double high = turning(yarn.betaSlow(), rope, yarn);
        if (yarn.truncate()) {
            low = Math.floor(low);
            high = Math.ceil(high);
        }
        low = Math.max(low, 0);
        high = Math.min(high, rope.rotaryDims() - 1);
        if (low == high) {
            high += 0.001;
        }
        return Math.clamp((pair - low) / (high - low), 0, 1);
    }

    /** The pair that turns {@code rotations} times over the original context. */
    private static double turning(double rotations, Rope rope, Scaling.Yarn yarn) {
        return rope.rotaryDims() * Math.log(yarn.originalContext() / (rotations * 2 * Math.PI)) / (2 * Math.log(rope.theta()));
    }

    /** Rotates each head of {@code row} in place: pair (i, i + half) of its leading dimensions, the rest stays. */
    void rotate(double[] row, int headDim, int position) {
        rotate(row, headDim, position, false);
    }

    /** The same, or pairs (2i, 2i + 1). */
    void rotate(double[] row, int headDim, int position, boolean neighbours) {
        int half = perPosition.length;
        for (int head = 0; head < row.length; head += headDim) {
            for (int i = 0; i < half; i++) {
                int first = head + (neighbours ? 2 * i : i);
                int second = first + (neighbours ? 1 : half);
                double a = row[first];
                double b = row[second];
                double cos = Math.cos(position * perPosition[i]) * factor;
                double sin = Math.sin(position * perPosition[i]) * factor;
                row[first] = a * cos - b * sin;
                row[second] = b * cos + a * sin;
            }
        }
    }
}
