package dev.zhulong.kernels;

/**
 * Rotary positions (Su et al. 2021) in the half-split form of Hugging Face's Llama: dimension {@code i} turns with {@code i + rotated / 2}.
 *
 * <p>Angles, sines and cosines are computed in double, for long positions too.
 */
public final class Rotary {
    private final int half;
    private final int positions;
    private final float[] cos;
    private final float[] sin;

    /**
     * Tables for positions {@code 0 … positions}.
     *
     * @param frequencies radians a position for each pair of dimensions, scaling applied
     * @param magnitude   what sines and cosines are multiplied with; 1 but for YaRN
     */
    public Rotary(double[] frequencies, int positions, double magnitude) {
        half = frequencies.length;
        this.positions = positions;
        cos = new float[Math.multiplyExact(positions, half)];
        sin = new float[positions * half];
        for (int p = 0; p < positions; p++) {
            for (int i = 0; i < half; i++) {
                double angle = p * frequencies[i];
                cos[p * half + i] = (float) (Math.cos(angle) * magnitude);
                sin[p * half + i] = (float) (Math.sin(angle) * magnitude);
            }
        }
    }

    /** {@code theta^(-2i / rotated)}, unscaled. */
    public static double[] frequencies(double theta, int rotated) {
        double[] frequencies = new double[rotated / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(theta, -2.0 * i / rotated);
        }
        return frequencies;
    }

    /**
     * Turns {@code heads} vectors of {@code headDim} values, of which the first {@code 2 * frequencies} take part.
     *
     * @throws IllegalArgumentException when the position is beyond the tables
     */
    public void turn(float[] x, int at, int heads, int headDim, int position) {
        if (position < 0 || position >= positions) {
            throw new IllegalArgumentException("position " + position + ": rotary tables end at " + positions);
        }
        int table = position * half;
        for (int h = 0; h < heads; h++) {
            int first = at + h * headDim;
            for (int i = 0; i < half; i++) {
                float c = cos[table + i];
                float s = sin[table + i];
                float a = x[first + i];
                float b = x[first + half + i];
                x[first + i] = a * c - b * s;
                x[first + half + i] = b * c + a * s;
            }
        }
    }
}
