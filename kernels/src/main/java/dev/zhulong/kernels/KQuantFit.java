package dev.zhulong.kernels;

import java.util.Arrays;

/**
 * 256 weights as the k-quants keep them: integers, for each group a small integer as scale (and one as minimum), and one f16 (or two) that
 * those are multiples of. By squared error as {@link GroupFit} weighs it.
 *
 * <p>Of many f16 those are taken whose multiples lie nearest to the groups' own best scales (and minimums), each group counting as steeply as its error grows there. Each group then takes, of
 * the integers nearby, those that leave the least error of its weights; then the f16 is solved anew for all of them. Until that gains nothing. What the columns count, where that is known, is given
 * as 256 numbers ({@code counts}), else as null.
 */
final class KQuantFit {
    private static final int ROUNDS = 3;
    /** Candidates for an f16, by the integer that the largest scale would be of it: this share of the largest integer there is, and up to this one. */
    private static final int UNITS = 64;
    private static final float LEAST_SHARE = 0.6f;
    private static final float MOST_SHARE = 1.04f;
    /** Of them, those that are tried on the weights. */
    private static final int TRIED = 2;
    private static final int N = 256;
    private static final int MOST_GROUPS = 16;

    /** Of the last fit. */
    float scale;
    float min;
    final int[] scales = new int[MOST_GROUPS];
    final int[] mins = new int[MOST_GROUPS];
    /** The weights' integers. */
    final int[] q = new int[N];

    private final GroupFit fit = new GroupFit();
    private final float[] idealScales = new float[MOST_GROUPS];
    private final float[] idealMins = new float[MOST_GROUPS];
    /** By group, weighted: sums of ones, of the ideal integers, and of their squares. */
    private final float[] ones = new float[MOST_GROUPS];
    private final float[] integers = new float[MOST_GROUPS];
    private final float[] squares = new float[MOST_GROUPS];
    private final float[] importance = new float[N];

    private final float[] units = new float[UNITS];
    private final float[] inverses = new float[UNITS];
    private final float[] costs = new float[UNITS];
    private final float[] tried = new float[TRIED];

    /** By group: the best of what was tried, and its error. */
    private final int[] triedScales = new int[MOST_GROUPS];
    private final int[] triedMins = new int[MOST_GROUPS];
    private final float[] triedErrors = new float[MOST_GROUPS];
    private final int[] triedQ = new int[N];
    /** What is being tried, by group and by weight. */
    private final int[] nextScales = new int[MOST_GROUPS];
    private final int[] nextMins = new int[MOST_GROUPS];
    private final float[] steps = new float[N];
    private final float[] stepInverses = new float[N];
    private final float[] lows = new float[N];
    private final float[] errors = new float[N];
    private final int[] nextQ = new int[N];

    /** {@code x ≈ scale * scales[group] * level}, the scales of groups from {@code lowest} to {@code highest}. */
    void symmetric(float[] x, int from, int group, Levels levels, int lowest, int highest, float[] counts) {
        int groups = N / group;
        float extreme = 0;
        for (int g = 0; g < groups; g++) {
            fit.symmetric(x, from + g * group, group, levels, counts, g * group);
            System.arraycopy(fit.importance, 0, importance, g * group, group);
            idealScales[g] = fit.scale;
            squares[g] = fit.squares;
            if (Math.abs(fit.scale) > Math.abs(extreme)) {
                extreme = fit.scale;
            }
        }
        nothing(extreme / lowest, 0);
        for (int c = 0; c < UNITS; c++) {
            units[c] = extreme / (share(c / 2, UNITS / 2) * (c % 2 == 0 ? lowest : highest));
        }
        candidates(groups, idealScales, squares, lowest, highest);
        double least = Double.POSITIVE_INFINITY;
        float next = 0;
        for (int round = 0; round < TRIED + ROUNDS; round++) {
            float unit = Quantiser.half(round < TRIED ? tried[round] : next);
            double error = symmetric(x, from, group, levels, unit, lowest, highest);
            if (error < least) {
                least = error;
                keep(unit, 0);
            } else if (round >= TRIED) {
                break;
            }
            if (round == TRIED - 1 && Double.isInfinite(least)) {
                // of no f16: what is too large for one is told when it is written
                break;
            }
            if (round >= TRIED - 1) {
                double xq = 0;
                double qq = 0;
                for (int i = 0; i < N; i++) {
                    double whole = (double) scales[i / group] * q[i];
                    double weighted = importance[i] * whole;
                    xq += x[from + i] * weighted;
                    qq += whole * weighted;
                }
                next = qq == 0 ? 0 : (float) (xq / qq);
            }
        }
    }

    private static float share(int candidate, int of) {
        return LEAST_SHARE + (MOST_SHARE - LEAST_SHARE) * candidate / (of - 1);
    }

    /** What stays where no integers can be found, as the f16 are out of range. */
    private void nothing(float unit, float minUnit) {
        scale = unit;
        min = minUnit;
        Arrays.fill(scales, 0);
        Arrays.fill(mins, 0);
        Arrays.fill(q, 0);
    }

    /** The {@link #units} whose multiples lie nearest to what is ideal go to {@link #tried}. */
    private void candidates(int groups, float[] ideal, float[] curvature, int lowest, int highest) {
        Arrays.fill(costs, 0);
        for (int c = 0; c < UNITS; c++) {
            inverses[c] = Quantiser.inverse(units[c]);
        }
        for (int g = 0; g < groups; g++) {
            add(ideal[g], curvature[g], units, inverses, lowest, highest, costs);
        }
        for (int t = 0; t < TRIED; t++) {
            int best = 0;
            for (int c = 1; c < UNITS; c++) {
                best = costs[c] < costs[best] ? c : best;
            }
            tried[t] = units[best];
            costs[best] = Float.MAX_VALUE;
        }
    }

    private static void add(float ideal, float curvature, float[] units, float[] inverses, int lowest, int highest, float[] costs) {
        float toCode = 0.5f - lowest;
        int span = highest - lowest;
        for (int c = 0; c < UNITS; c++) {
            float whole = Math.max(0, Math.min((int) (ideal * inverses[c] + toCode), span)) + lowest;
            float error = ideal - units[c] * whole;
            costs[c] += curvature * error * error;
        }
    }

    /** Of each group the best integer scale; returns the squared error. */
    private double symmetric(float[] x, int from, int group, Levels levels, float unit, int lowest, int highest) {
        int groups = N / group;
        float inverse = Quantiser.inverse(unit);
        Arrays.fill(triedErrors, Float.POSITIVE_INFINITY);
        for (int shift = -1; shift <= 1; shift++) {
            for (int g = 0; g < groups; g++) {
                nextScales[g] = Math.clamp(Math.round(idealScales[g] * inverse) + shift, lowest, highest);
                float step = unit * nextScales[g];
                Arrays.fill(steps, g * group, (g + 1) * group, step);
                Arrays.fill(stepInverses, g * group, (g + 1) * group, Quantiser.inverse(step));
            }
            if (levels.isRange()) {
                round(x, from, stepInverses, steps, importance, levels.toCode, levels.lowest, levels.highest - levels.lowest, errors, nextQ);
            } else {
                for (int i = 0; i < N; i++) {
                    nextQ[i] = levels.nearest(x[from + i] * stepInverses[i]);
                    float error = x[from + i] - steps[i] * nextQ[i];
                    errors[i] = importance[i] * error * error;
                }
            }
            take(group);
        }
        return tried(groups);
    }

    private static void round(float[] x, int from, float[] inverses, float[] steps, float[] importance, float toCode, int lowest, int span, float[] errors, int[] q) {
        for (int i = 0; i < N; i++) {
            float value = x[from + i];
            int level = Math.max(0, Math.min((int) (value * inverses[i] + toCode), span)) + lowest;
            float error = value - steps[i] * level;
            errors[i] = importance[i] * error * error;
            q[i] = level;
        }
    }

    /** Groups whose errors have become less take what was tried. */
    private void take(int group) {
        for (int g = 0; g < N / group; g++) {
            float error = 0;
            for (int i = g * group; i < (g + 1) * group; i++) {
                error += errors[i];
            }
            if (error < triedErrors[g]) {
                triedErrors[g] = error;
                triedScales[g] = nextScales[g];
                triedMins[g] = nextMins[g];
                System.arraycopy(nextQ, g * group, triedQ, g * group, group);
            }
        }
    }

    private double tried(int groups) {
        double error = 0;
        for (int g = 0; g < groups; g++) {
            error += triedErrors[g];
        }
        return error;
    }

    /** {@code x ≈ scale * scales[group] * q - min * mins[group]}, {@code q} from 0 to {@code highest}, the others from 0 to {@code most}. */
    void asymmetric(float[] x, int from, int group, int highest, int most, float[] counts) {
        int groups = N / group;
        float largestScale = 0;
        float largestMin = 0;
        for (int g = 0; g < groups; g++) {
            fit.asymmetric(x, from + g * group, group, highest, true, counts, g * group);
            System.arraycopy(fit.importance, 0, importance, g * group, group);
            idealScales[g] = fit.scale;
            idealMins[g] = -fit.min;
            ones[g] = fit.ones;
            integers[g] = fit.integers;
            // what a scale costs where the minimum goes along
            squares[g] = fit.ones > 0 ? fit.squares - fit.integers * fit.integers / fit.ones : 0;
            largestScale = Math.max(largestScale, fit.scale);
            largestMin = Math.max(largestMin, -fit.min);
        }
        nothing(largestScale / most, largestMin / most);
        for (int c = 0; c < UNITS; c++) {
            units[c] = largestScale / (share(c, UNITS) * most);
        }
        candidates(groups, idealScales, squares, 0, most);
        float[] triedUnits = tried.clone();
        double least = Double.POSITIVE_INFINITY;
        float nextScale = 0;
        float nextMin = 0;
        for (int round = 0; round < TRIED + ROUNDS; round++) {
            float unit = Quantiser.half(round < TRIED ? triedUnits[round] : nextScale);
            float minUnit = Quantiser.half(round < TRIED ? minUnit(groups, unit, most, largestMin) : nextMin);
            double error = asymmetric(x, from, group, highest, unit, minUnit, most);
            if (error < least) {
                least = error;
                keep(unit, minUnit);
            } else if (round >= TRIED) {
                break;
            }
            if (round < TRIED - 1) {
                continue;
            }
            if (Double.isInfinite(least)) {
                break;
            }
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

    /** The minimum that is best for a scale that is a little off. */
    private float minimum(int g, float step) {
        return idealMins[g] + (ones[g] > 0 ? integers[g] / ones[g] * (step - idealScales[g]) : 0);
    }

    /** For scales that are multiples of {@code unit}, the best of the f16 that minimums are multiples of. */
    private float minUnit(int groups, float unit, int most, float largest) {
        float[] ideal = new float[MOST_GROUPS];
        float inverse = Quantiser.inverse(unit);
        for (int g = 0; g < groups; g++) {
            ideal[g] = Math.max(0, minimum(g, unit * Math.clamp(Math.round(idealScales[g] * inverse), 0, most)));
        }
        for (int c = 0; c < UNITS; c++) {
            units[c] = largest / (share(c, UNITS) * most);
        }
        candidates(groups, ideal, ones, 0, most);
        return tried[0];
    }

    private double asymmetric(float[] x, int from, int group, int highest, float unit, float minUnit, int most) {
        int groups = N / group;
        float inverse = Quantiser.inverse(unit);
        float minInverse = Quantiser.inverse(minUnit);
        Arrays.fill(triedErrors, Float.POSITIVE_INFINITY);
        for (int shift = -1; shift <= 1; shift++) {
            for (int minShift = -1; minShift <= 1; minShift++) {
                for (int g = 0; g < groups; g++) {
                    nextScales[g] = Math.clamp(Math.round(idealScales[g] * inverse) + shift, 0, most);
                    float step = unit * nextScales[g];
                    nextMins[g] = Math.clamp(Math.round(minimum(g, step) * minInverse) + minShift, 0, most);
                    Arrays.fill(steps, g * group, (g + 1) * group, step);
                    Arrays.fill(stepInverses, g * group, (g + 1) * group, Quantiser.inverse(step));
                    Arrays.fill(lows, g * group, (g + 1) * group, minUnit * nextMins[g]);
                }
                round(x, from, stepInverses, steps, lows, importance, highest, errors, nextQ);
                take(group);
            }
        }
        return tried(groups);
    }

    private static void round(float[] x, int from, float[] inverses, float[] steps, float[] lows, float[] importance, int highest, float[] errors, int[] q) {
        for (int i = 0; i < N; i++) {
            float value = x[from + i] + lows[i];
            int level = Math.max(0, Math.min((int) (value * inverses[i] + 0.5f), highest));
            float error = value - steps[i] * level;
            errors[i] = importance[i] * error * error;
            q[i] = level;
        }
    }

    private void keep(float unit, float minUnit) {
        scale = unit;
        min = minUnit;
        System.arraycopy(triedScales, 0, scales, 0, scales.length);
        System.arraycopy(triedMins, 0, mins, 0, mins.length);
        System.arraycopy(triedQ, 0, q, 0, N);
    }
}
