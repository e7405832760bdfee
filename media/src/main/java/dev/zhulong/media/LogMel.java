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
    /** Frequency {@code WINDOW / 2 - k} has the cosines and sines of frequency k, those of every second place the other way round. */
    private static final int HALF = WINDOW / 4 + 1;

    private final int bands;
    private final double[] window = new double[WINDOW];
    /** Cosines and sines of half of the frequencies for half of a window's places: the other half mirrors them. */
    private final double[][] cosines = new double[FREQUENCIES][HALF];
    private final double[][] sines = new double[FREQUENCIES][HALF];
    /** By band, its weights from {@link #firsts} on. */
    private final double[][] filters;
    private final int[] firsts;

    /** @param bands of the scale: 80, or 128 in Whisper large-v3 */
    public LogMel(int bands) {
        this.bands = bands;
        for (int n = 0; n < WINDOW; n++) {
            window[n] = 0.5 - 0.5 * Math.cos(2 * Math.PI * n / WINDOW);
        }
        for (int n = 0; n < FREQUENCIES; n++) {
            for (int k = 0; k < HALF; k++) {
                double angle = 2 * Math.PI * (n * k % WINDOW) / WINDOW;
                cosines[n][k] = Math.cos(angle);
                sines[n][k] = Math.sin(angle);
            }
        }
        filters = filters(bands);
        firsts = new int[bands];
        for (int band = 0; band < bands; band++) {
            int last = FREQUENCIES;
            while (last > 1 && filters[band][last - 1] == 0) {
                last--;
            }
            while (firsts[band] < last - 1 && filters[band][firsts[band]] == 0) {
                firsts[band]++;
            }
            filters[band] = Arrays.copyOfRange(filters[band], firsts[band], last);
        }
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
        float[] result = new float[Math.multiplyExact(bands, frames)];
        double[] places = new double[WINDOW];
        double[][] sums = new double[4][HALF];
        double[] powers = new double[FREQUENCIES];
        double loudest = Double.NEGATIVE_INFINITY;
        for (int t = 0; t < frames; t++) {
            cut(samples, t * HOP - WINDOW / 2, places);
            transform(places, sums, powers);
            for (int band = 0; band < bands; band++) {
                double log = Math.log10(Math.max(1e-10, power(powers, band)));
                result[band * frames + t] = (float) log;
                loudest = Math.max(loudest, log);
            }
        }
        for (int i = 0; i < result.length; i++) {
            result[i] = (float) ((Math.max(result[i], loudest - 8) + 4) / 4);
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
    private void transform(double[] places, double[][] sums, double[] powers) {
        for (double[] each : sums) {
            Arrays.fill(each, 0);
        }
        double[][] real = {sums[0], sums[1]};
        double[][] imaginary = {sums[2], sums[3]};
        add(real[0], cosines[0], places[0]);
        for (int n = 1; n < WINDOW / 2; n++) {
            add(real[n & 1], cosines[n], places[n] + places[WINDOW - n]);
            add(imaginary[n & 1], sines[n], places[n] - places[WINDOW - n]);
        }
        add(real[0], cosines[WINDOW / 2], places[WINDOW / 2]);
        for (int k = 0; k < HALF; k++) {
            powers[k] = square(real[0][k] + real[1][k]) + square(imaginary[0][k] + imaginary[1][k]);
            powers[WINDOW / 2 - k] = square(real[0][k] - real[1][k]) + square(imaginary[0][k] - imaginary[1][k]);
        }
    }

    private static double square(double x) {
        return x * x;
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
        for (int k = 0; k < filter.length; k++) {
            sum += filter[k] * powers[firsts[band] + k];
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
