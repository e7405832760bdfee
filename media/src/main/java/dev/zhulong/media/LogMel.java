package dev.zhulong.media;

import java.util.Arrays;

/**
 * What Whisper hears: the logarithm of the power in bands of Slaney's mel scale, every 10 ms, under a periodic Hann window of 25 ms; the recording is mirrored at both
 * ends, the last frame is left out, what is 80 dB below the loudest is raised to there, and all is brought near 0 (transformers' WhisperFeatureExtractor).
 */
public final class LogMel {
    /** Samples a second. */
    public static final int RATE = 16_000;
    /** Samples from one frame to the next. */
    public static final int HOP = 160;
    private static final int WINDOW = 400;
    private static final int FREQUENCIES = WINDOW / 2 + 1;

    private final int bands;
    private final double[] window = new double[WINDOW];
    /** Cosines and sines of all frequencies for half of a window's places: the other half mirrors them. */
    private final double[][] cosines = new double[FREQUENCIES][FREQUENCIES];
    private final double[][] sines = new double[FREQUENCIES][FREQUENCIES];
    private final double[][] filters;

    /** @param bands of the scale: 80, or 128 in Whisper large-v3 */
    public LogMel(int bands) {
        this.bands = bands;
        for (int n = 0; n < WINDOW; n++) {
            window[n] = 0.5 - 0.5 * Math.cos(2 * Math.PI * n / WINDOW);
        }
        for (int n = 0; n < FREQUENCIES; n++) {
            for (int k = 0; k < FREQUENCIES; k++) {
                double angle = 2 * Math.PI * (n * k % WINDOW) / WINDOW;
                cosines[n][k] = Math.cos(angle);
                sines[n][k] = Math.sin(angle);
            }
        }
        filters = filters(bands);
    }

    /**
     * Bands of a recording.
     *
     * @param samples at {@link #RATE}, more than half a window of them
     * @return {@code [bands][samples / HOP]}, a band after the other
     */
    public float[] of(float[] samples) {
        if (samples.length <= WINDOW / 2) {
            throw new IllegalArgumentException(samples.length + " samples are less than half a window; pad them first");
        }
        int frames = samples.length / HOP;
        double[] logs = new double[bands * frames];
        double[] places = new double[WINDOW];
        double[] real = new double[FREQUENCIES];
        double[] imaginary = new double[FREQUENCIES];
        double loudest = Double.NEGATIVE_INFINITY;
        for (int t = 0; t < frames; t++) {
            cut(samples, t * HOP - WINDOW / 2, places);
            transform(places, real, imaginary);
            for (int k = 0; k < FREQUENCIES; k++) {
                real[k] = real[k] * real[k] + imaginary[k] * imaginary[k];
            }
            for (int band = 0; band < bands; band++) {
                double log = Math.log10(Math.max(1e-10, power(real, band)));
                logs[band * frames + t] = log;
                loudest = Math.max(loudest, log);
            }
        }
        float[] result = new float[logs.length];
        for (int i = 0; i < logs.length; i++) {
            result[i] = (float) ((Math.max(logs[i], loudest - 8) + 4) / 4);
        }
        return result;
    }

    private void cut(float[] samples, int start, double[] places) {
        for (int n = 0; n < WINDOW; n++) {
            int at = Math.abs(start + n);
            if (at >= samples.length) {
                at = 2 * (samples.length - 1) - at;
            }
            places[n] = window[n] * samples[at];
        }
    }

    /** Place n and place WINDOW - n have the same cosine and opposite sines. */
    private void transform(double[] places, double[] real, double[] imaginary) {
        Arrays.fill(real, places[0]);
        Arrays.fill(imaginary, 0);
        for (int n = 1; n < WINDOW / 2; n++) {
            add(real, cosines[n], places[n] + places[WINDOW - n]);
            add(imaginary, sines[n], places[n] - places[WINDOW - n]);
        }
        add(real, cosines[WINDOW / 2], places[WINDOW / 2]);
    }

    private static void add(double[] sums, double[] factors, double by) {
        if (by == 0) {
            return;
        }
        for (int k = 0; k < sums.length; k++) {
            sums[k] += factors[k] * by;
        }
    }

    private double power(double[] powers, int band) {
        double[] filter = filters[band];
        double sum = 0;
        for (int k = 0; k < FREQUENCIES; k++) {
            sum += filter[k] * powers[k];
        }
        return sum;
    }

    /** Triangles that overlap by half, of equal area. */
    private static double[][] filters(int bands) {
        double[] edges = new double[bands + 2];
        double top = mel(RATE / 2.0);
        for (int i = 0; i < edges.length; i++) {
            edges[i] = hertz(top * i / (bands + 1));
        }
        double[][] filters = new double[bands][FREQUENCIES];
        for (int band = 0; band < bands; band++) {
            for (int k = 0; k < FREQUENCIES; k++) {
                double frequency = (double) RATE * k / WINDOW;
                double rise = (frequency - edges[band]) / (edges[band + 1] - edges[band]);
                double fall = (edges[band + 2] - frequency) / (edges[band + 2] - edges[band + 1]);
                filters[band][k] = Math.max(0, Math.min(rise, fall)) * 2 / (edges[band + 2] - edges[band]);
            }
        }
        return filters;
    }

    /** Slaney's scale: even up to 1,000 Hz, logarithmic beyond. */
    private static double mel(double hertz) {
        return hertz < 1000 ? 3 * hertz / 200 : 15 + Math.log(hertz / 1000) * 27 / Math.log(6.4);
    }

    private static double hertz(double mel) {
        return mel < 15 ? 200 * mel / 3 : 1000 * Math.exp((mel - 15) * Math.log(6.4) / 27);
    }
}
