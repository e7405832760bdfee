package dev.zhulong.media;

/**
 * Brings recordings to another rate: a sinc under Kaiser's window, one set of weights for each place that a new sample can have between two old ones. What the new
 * rate cannot hold is damped by 80 dB and more from its half on; up to 7/8 of that nothing is damped.
 */
public final class SoundResampler {
    /** Zeros of the sinc on each side. */
    private static final int LOBES = 48;
    /** Where the middle of the slope lies, as a share of half of the lower rate. */
    private static final double EDGE = 0.94;
    /** Of Kaiser's window: 80 dB. */
    private static final double BETA = 8;

    private final int up;
    private final int down;
    private final int half;
    private final float[][] weights;

    /** From {@code from} to {@code to} samples a second. */
    public SoundResampler(int from, int to) {
        int common = java.math.BigInteger.valueOf(from).gcd(java.math.BigInteger.valueOf(to)).intValueExact();
        up = to / common;
        down = from / common;
        double cut = EDGE * Math.min(1, (double) to / from);
        half = (int) Math.ceil(LOBES / cut);
        weights = new float[up][];
    }

    /** {@code sound} at another rate. */
    public static Sound to(int rate, Sound sound) {
        return sound.rate() == rate ? sound : new Sound(rate, new SoundResampler(sound.rate(), rate).of(sound.samples()));
    }

    /** New samples of {@code samples}; before the first and after the last there is silence. */
    public float[] of(float[] samples) {
        float[] result = new float[Math.toIntExact(((long) samples.length * up + down - 1) / down)];
        for (int i = 0; i < result.length; i++) {
            long place = (long) i * down;
            int before = (int) (place / up);
            float[] taps = taps((int) (place % up));
            int first = before - half + 1;
            int from = Math.max(0, first);
            int to = Math.min(samples.length, before + half + 1);
            float sum = 0;
            for (int j = from; j < to; j++) {
                sum += samples[j] * taps[j - first];
            }
            result[i] = sum;
        }
        return result;
    }

    /** Weights of the {@code 2 half} old samples around a new one that lies {@code phase / up} after an old one. */
    private float[] taps(int phase) {
        if (weights[phase] == null) {
            double cut = EDGE * Math.min(1, (double) up / down);
            double[] taps = new double[2 * half];
            double sum = 0;
            for (int j = 0; j < taps.length; j++) {
                double distance = j - half + 1 - (double) phase / up;
                double x = Math.PI * cut * distance;
                double within = distance / half;
                taps[j] = Math.abs(within) >= 1 ? 0 : (x == 0 ? 1 : Math.sin(x) / x) * bessel(BETA * Math.sqrt(1 - within * within));
                sum += taps[j];
            }
            float[] scaled = new float[taps.length];
            for (int j = 0; j < taps.length; j++) {
                // a constant stays what it is
                scaled[j] = (float) (taps[j] / sum);
            }
            weights[phase] = scaled;
        }
        return weights[phase];
    }

    /** The modified Bessel function of order 0. */
    private static double bessel(double x) {
        double sum = 1;
        double term = 1;
        for (int k = 1; term > sum * 1e-16; k++) {
            term *= x / (2 * k) * (x / (2 * k));
            sum += term;
        }
        return sum;
    }
}
