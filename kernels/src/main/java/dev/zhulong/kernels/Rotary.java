package dev.zhulong.kernels;

import java.util.Objects;
import jdk.incubator.vector.FloatVector;

/**
 * Rotary positions (Su et al. 2021) in the half-split form of Hugging Face's Llama, where dimension {@code i} turns with {@code i + rotated / 2}, or
 * in that of the paper, where neighbours turn together.
 *
 * <p>Angles, sines and cosines are computed in double, for long positions too.
 */
public final class Rotary {
    /** That an array holds, a little less than the largest integer. */
    private static final int MOST_NUMBERS = Integer.MAX_VALUE - 8;

    private final double[] frequencies;
    private final double magnitude;
    private final boolean neighbours;
    private int positions;
    /** [position, pair] */
    private float[] cos = {};
    private float[] sin = {};

    /** Of halves. */
    public Rotary(double[] frequencies, double magnitude) {
        this(frequencies, magnitude, false);
    }

    /**
     * Without tables yet: {@link #reach} makes them.
     *
     * @param frequencies radians a position for each pair of dimensions, scaling applied
     * @param magnitude   what sines and cosines are multiplied with; 1 but for YaRN
     * @param neighbours  whether dimensions 2i and 2i + 1 turn together
     */
    public Rotary(double[] frequencies, double magnitude, boolean neighbours) {
        this.neighbours = neighbours;
        this.frequencies = frequencies.clone();
        this.magnitude = magnitude;
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
     * Makes the tables hold positions {@code 0 … least}. Not while others turn.
     *
     * @throws IllegalArgumentException when they are more than an array holds
     */
    public void reach(int least) {
        if (least <= positions) {
            return;
        }
        int half = frequencies.length;
        int most = MOST_NUMBERS / Math.max(1, half);
        if (least > most) {
            throw new IllegalArgumentException("a sequence of " + least + " tokens is too long for rotary tables of " + half + " angles: at most " + most);
        }
        int reached = Math.max(least, (int) Math.min(2L * positions, most));
        float[] c = new float[reached * half];
        float[] s = new float[reached * half];
        System.arraycopy(cos, 0, c, 0, positions * half);
        System.arraycopy(sin, 0, s, 0, positions * half);
        for (int p = positions; p < reached; p++) {
            for (int i = 0; i < half; i++) {
                double angle = p * frequencies[i];
                c[p * half + i] = (float) (Math.cos(angle) * magnitude);
                s[p * half + i] = (float) (Math.sin(angle) * magnitude);
            }
        }
        cos = c;
        sin = s;
        positions = reached;
    }

    /**
     * Turns {@code heads} vectors of {@code headDim} values, of which the first {@code 2 * frequencies} take part.
     *
     * @throws IllegalArgumentException  when the position is beyond the tables
     * @throws IndexOutOfBoundsException when the vectors don't lie within {@code x}, or are shorter than what turns
     */
    public void turn(float[] x, int at, int heads, int headDim, int position) {
        if (position < 0 || position >= positions) {
            throw new IllegalArgumentException("position " + position + ": rotary tables end at " + positions);
        }
        Objects.checkFromIndexSize(0, 2 * frequencies.length, headDim);
        Objects.checkFromIndexSize(at, heads * headDim, x.length);
        if (neighbours) {
            for (int h = 0; h < heads; h++) {
                turnNeighbours(x, at + h * headDim, position);
            }
        } else if (DecoderOps.WARMTH.isWarm()) {
            vectorTurn(x, at, heads, headDim, position);
        } else {
            for (int h = 0; h < heads; h++) {
                plainTurn(x, at + h * headDim, position, 0);
            }
        }
    }

    void vectorTurn(float[] x, int at, int heads, int headDim, int position) {
        int half = frequencies.length;
        int table = position * half;
        for (int h = 0; h < heads; h++) {
            int first = at + h * headDim;
            int i = 0;
            for (; i <= half - Lanes.COUNT; i += Lanes.COUNT) {
                FloatVector c = FloatVector.fromArray(Lanes.F, cos, table + i);
                FloatVector s = FloatVector.fromArray(Lanes.F, sin, table + i);
                FloatVector a = FloatVector.fromArray(Lanes.F, x, first + i);
                FloatVector b = FloatVector.fromArray(Lanes.F, x, first + half + i);
                a.mul(c).sub(b.mul(s)).intoArray(x, first + i);
                b.mul(c).add(a.mul(s)).intoArray(x, first + half + i);
            }
            plainTurn(x, first, position, i);
        }
    }

    /** Turns one vector's pairs from number {@code i} on. */
    private void plainTurn(float[] x, int first, int position, int i) {
        int half = frequencies.length;
        for (int table = position * half; i < half; i++) {
            float c = cos[table + i];
            float s = sin[table + i];
            float a = x[first + i];
            float b = x[first + half + i];
            x[first + i] = a * c - b * s;
            x[first + half + i] = b * c + a * s;
        }
    }

    private void turnNeighbours(float[] x, int first, int position) {
        int table = position * frequencies.length;
        for (int i = 0; i < frequencies.length; i++) {
            float c = cos[table + i];
            float s = sin[table + i];
            float a = x[first + 2 * i];
            float b = x[first + 2 * i + 1];
            x[first + 2 * i] = a * c - b * s;
            x[first + 2 * i + 1] = b * c + a * s;
        }
    }
}
