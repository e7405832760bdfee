package dev.zhulong.infer.speech;

import dev.zhulong.media.LogMel;
import java.util.Arrays;

/**
 * What a model hears of a recording.
 *
 * @param bands   of the mel scale
 * @param values  [bands][frames], of which those beyond {@code content} are silence
 * @param content frames of the recording
 * @param samples of the recording, at {@link LogMel#RATE}
 */
record Spectrogram(int bands, float[] values, int content, float[] samples) {
    /** Frames a second. */
    static final int RATE = LogMel.RATE / LogMel.HOP;
    /** A unit of the values is as many decibels. */
    private static final double DECIBELS = 40;
    /** Frames beside a short stretch that are looked at with it. */
    private static final int AROUND = RATE / 2;

    private int frames() {
        return values.length / bands;
    }

    /** {@code length} frames from {@code from} on, [bands][length]; silence beyond the end. */
    float[] window(int from, int length) {
        float[] window = new float[bands * length];
        int there = Math.max(0, Math.min(length, frames() - from));
        if (there < length) {
            // as LogMel has it: 80 dB below the loudest, but no further down than nothing at all
            float loudest = Float.NEGATIVE_INFINITY;
            for (float value : values) {
                loudest = Math.max(loudest, value);
            }
            Arrays.fill(window, Math.max(loudest - 2, -1.5f));
        }
        for (int band = 0; band < bands; band++) {
            System.arraycopy(values, band * frames() + from, window, band * length, there);
        }
        return window;
    }

    /** The highest sample between two frames, from 0 to 1. */
    double peak(int from, int to) {
        float peak = 0;
        for (int i = from * LogMel.HOP; i < Math.min(samples.length, to * LogMel.HOP); i++) {
            peak = Math.max(peak, Math.abs(samples[i]));
        }
        return peak;
    }

    /**
     * How much the loudness changes between two frames, in dB: between the frame that a tenth is softer than and the one that a tenth is louder than. Speech rises and falls by
     * 20 and more, noise and hum by next to nothing.
     */
    double change(int from, int to) {
        int first = Math.max(0, to - from < 2 * AROUND ? from - AROUND : from);
        int last = Math.min(content, to - from < 2 * AROUND ? to + AROUND : to);
        if (last - first < 2) {
            return 0;
        }
        double[] loudness = new double[last - first];
        for (int i = 0; i < loudness.length; i++) {
            for (int band = 0; band < bands; band++) {
                loudness[i] += values[band * frames() + first + i];
            }
            loudness[i] *= DECIBELS / bands;
        }
        Arrays.sort(loudness);
        return loudness[(int) (0.9 * (loudness.length - 1))] - loudness[(int) (0.1 * (loudness.length - 1))];
    }
}
