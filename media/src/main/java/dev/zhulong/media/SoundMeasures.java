package dev.zhulong.media;

/**
 * What tells a recording that holds something from one that does not.
 *
 * @param loudness of the loudest tenth of a second, in decibels below full scale (its root mean square); -200 for nothing at all
 * @param clipped  share of samples, 0 to 1, in runs of at least {@value #RUN} at full scale, as where a microphone was driven too far
 */
public record SoundMeasures(double loudness, double clipped) {
    private static final int RUN = 3;
    private static final float FULL = 0.999f;
    private static final double NOTHING = -200;

    /** Of a recording. */
    public static SoundMeasures of(Sound sound) {
        float[] samples = sound.samples();
        int span = Math.clamp(sound.rate() / 10, 1, Math.max(1, samples.length));
        double loudest = 0;
        double squares = 0;
        long clipped = 0;
        int run = 0;
        for (int i = 0; i < samples.length; i++) {
            squares += (double) samples[i] * samples[i];
            if (i % span == span - 1) {
                loudest = Math.max(loudest, squares);
                squares = 0;
            }
            run = Math.abs(samples[i]) >= FULL ? run + 1 : 0;
            clipped += run == RUN ? RUN : run > RUN ? 1 : 0;
        }
        return new SoundMeasures(loudest == 0 ? NOTHING : Math.max(NOTHING, 10 * Math.log10(loudest / span)), samples.length == 0 ? 0 : (double) clipped / samples.length);
    }
}
