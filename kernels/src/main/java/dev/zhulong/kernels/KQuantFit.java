package dev.zhulong.kernels;

/**
 * 256 weights as the k-quants keep them: integers, for each group a small integer as scale (and one as minimum), and one f16 (or two) that
 * those are multiples of. By squared error as {@link GroupFit} weighs it.
 *
 * <p>The groups' own best scales are rounded to multiples of the f16; each group then takes, of its integer scale and its neighbours, what
 * leaves the least error; then the f16 is solved anew for all of them. Until that gains nothing. What the columns count, where that is known, is given
 * as 256 numbers ({@code counts}), else as null.
 */
final class KQuantFit {
    private static final int ROUNDS = 3;
    private static final int N = 256;

    /** Of the last fit. */
    float scale;
    float min;
    final int[] scales = new int[16];
    final int[] mins = new int[16];
    /** The weights' integers. */
    final int[] q = new int[N];

    private final GroupFit fit = new GroupFit();
    private final float[] idealScales = new float[16];
    private final float[] idealMins = new float[16];
    private final float[] importance = new float[N];
    private final int[] triedScales = new int[16];
    private final int[] triedMins = new int[16];
    private final int[] triedQ = new int[N];
    private final int[] candidate = new int[32];

    /** {@code x ≈ scale * scales[group] * level}, the scales of groups from {@code lowest} to {@code highest}. */
    void symmetric(float[] x, int from, int group, Levels levels, int lowest, int highest, float[] counts) {
        float extreme = 0;
        for (int g = 0; g < N / group; g++) {
            fit.symmetric(x, from + g * group, group, levels, counts, g * group);
            System.arraycopy(fit.importance, 0, importance, g * group, group);
            idealScales[g] = fit.scale;
            if (Math.abs(fit.scale) > Math.abs(extreme)) {
                extreme = fit.scale;
            }
        }
        double least = Double.MAX_VALUE;
        float next = extreme / lowest;
        scale = next;
        for (int round = 0; round < ROUNDS; round++) {
            float tried = Quantiser.half(next);
            double error = 0;
            double xq = 0;
            double qq = 0;
            for (int g = 0; g < N / group; g++) {
                error += group(x, from, g, group, levels, tried, lowest, highest);
                for (int i = g * group; i < (g + 1) * group; i++) {
                    double whole = (double) triedScales[g] * triedQ[i];
                    double weighted = importance[i] * whole;
                    xq += x[from + i] * weighted;
                    qq += whole * weighted;
                }
            }
            if (!(error < least)) {
                break;
            }
            least = error;
            keep(tried, 0);
            next = qq == 0 ? 0 : (float) (xq / qq);
        }
    }

    /** The best integer scale of a group, and its squared error. */
    private double group(float[] x, int from, int g, int group, Levels levels, float unit, int lowest, int highest) {
        int around = Math.clamp(Math.round(idealScales[g] * inverse(unit)), lowest, highest);
        double least = Double.MAX_VALUE;
        for (int s = Math.max(lowest, around - 1); s <= Math.min(highest, around + 1); s++) {
            float step = unit * s;
            float inverse = inverse(step);
            float error = 0;
            for (int i = 0; i < group; i++) {
                float value = x[from + g * group + i];
                int level = levels.nearest(value * inverse);
                candidate[i] = level;
                float e = value - step * level;
                error += importance[g * group + i] * e * e;
            }
            if (error < least) {
                least = error;
                triedScales[g] = s;
                System.arraycopy(candidate, 0, triedQ, g * group, group);
            }
        }
        return least;
    }

    /** {@code x ≈ scale * scales[group] * q - min * mins[group]}, {@code q} from 0 to {@code highest}, the others from 0 to {@code most}. */
    void asymmetric(float[] x, int from, int group, int highest, int most, float[] counts) {
        float largestScale = 0;
        float largestMin = 0;
        for (int g = 0; g < N / group; g++) {
            fit.asymmetric(x, from + g * group, group, highest, true, counts, g * group);
            System.arraycopy(fit.importance, 0, importance, g * group, group);
            idealScales[g] = fit.scale;
            idealMins[g] = -fit.min;
            largestScale = Math.max(largestScale, fit.scale);
            largestMin = Math.max(largestMin, -fit.min);
        }
        double least = Double.MAX_VALUE;
        float nextScale = largestScale / most;
        float nextMin = largestMin / most;
        scale = nextScale;
        min = nextMin;
        for (int round = 0; round < ROUNDS; round++) {
            float unit = Quantiser.half(nextScale);
            float minUnit = Quantiser.half(nextMin);
            double error = 0;
            for (int g = 0; g < N / group; g++) {
                error += group(x, from, g, group, highest, unit, minUnit, most);
            }
            if (!(error < least)) {
                break;
            }
            least = error;
            keep(unit, minUnit);
            // normal equations of the two units
            double aa = 0;
            double ab = 0;
            double bb = 0;
            double ax = 0;
            double bx = 0;
            for (int i = 0; i < N; i++) {
                double a = (double) scales[i / group] * q[i];
                double b = mins[i / group];
                double w = importance[i];
                aa += w * a * a;
                ab += w * a * b;
                bb += w * b * b;
                ax += w * a * x[from + i];
                bx += w * b * x[from + i];
            }
            double determinant = aa * bb - ab * ab;
            if (determinant <= 1e-9 * aa * bb) {
                break;
            }
            nextScale = Math.max(0, (float) ((ax * bb - bx * ab) / determinant));
            nextMin = Math.max(0, (float) ((ax * ab - bx * aa) / determinant));
        }
    }

    private double group(float[] x, int from, int g, int group, int highest, float unit, float minUnit, int most) {
        int aroundScale = Math.clamp(Math.round(idealScales[g] * inverse(unit)), 0, most);
        int aroundMin = Math.clamp(Math.round(idealMins[g] * inverse(minUnit)), 0, most);
        double least = Double.MAX_VALUE;
        for (int s = Math.max(0, aroundScale - 1); s <= Math.min(most, aroundScale + 1); s++) {
            float step = unit * s;
            float inverse = inverse(step);
            for (int m = Math.max(0, aroundMin - 1); m <= Math.min(most, aroundMin + 1); m++) {
                float low = minUnit * m;
                float error = 0;
                for (int i = 0; i < group; i++) {
                    float value = x[from + g * group + i] + low;
                    int level = Math.clamp((int) (value * inverse + 0.5f), 0, highest);
                    candidate[i] = level;
                    float e = value - step * level;
                    error += importance[g * group + i] * e * e;
                }
                if (error < least) {
                    least = error;
                    triedScales[g] = s;
                    triedMins[g] = m;
                    System.arraycopy(candidate, 0, triedQ, g * group, group);
                }
            }
        }
        return least;
    }

    private void keep(float unit, float minUnit) {
        scale = unit;
        min = minUnit;
        System.arraycopy(triedScales, 0, scales, 0, scales.length);
        System.arraycopy(triedMins, 0, mins, 0, mins.length);
        System.arraycopy(triedQ, 0, q, 0, N);
    }

    private static float inverse(float scale) {
        return scale == 0 ? 0 : 1 / scale;
    }
}
