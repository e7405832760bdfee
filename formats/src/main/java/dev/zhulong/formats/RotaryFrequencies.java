package dev.zhulong.formats;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import java.util.List;
import java.util.OptionalInt;

/** Angles of rotary positions (Su et al. 2021) with the published scalings, in double: at long positions an angle in float has no digits left. */
public final class RotaryFrequencies {
    private RotaryFrequencies() {}

    /** What cosines and sines are multiplied by. */
    public static double scale(Rope rope) {
        return switch (rope.scaling()) {
            case Scaling.Yarn yarn -> yarn.attentionFactor();
            case Scaling.LongRope longRope -> longRope.attentionFactor();
            default -> 1.0;
        };
    }

    /**
     * Whether the angles of a position change as its sequence grows, and with them what is cached already: at the longest length for which they are
     * those of short sequences, or never.
     *
     * @return that length; empty for never
     */
    public static OptionalInt changesAfter(Rope rope) {
        return switch (rope.scaling()) {
            case Scaling.Dynamic dynamic -> OptionalInt.of(dynamic.originalContext());
            case Scaling.LongRope longRope -> OptionalInt.of(longRope.originalContext());
            default -> OptionalInt.empty();
        };
    }

    /**
     * Radians a position, for each pair of dimensions.
     *
     * @param length of the sequence; only {@link Scaling.Dynamic} and {@link Scaling.LongRope} depend on it
     */
    public static double[] of(Rope rope, int length) {
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
            case Scaling.LongRope l -> {
                List<Double> factors = length > l.originalContext() ? l.longFactors() : l.shortFactors();
                for (int i = 0; i < f.length; i++) {
                    f[i] /= factors.get(i);
                }
            }
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
}
