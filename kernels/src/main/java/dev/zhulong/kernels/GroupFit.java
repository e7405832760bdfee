package dev.zhulong.kernels;

import java.util.Arrays;

/**
 * The scale, or scale and minimum, that bring the weights of a group nearest to integers, by squared error. Where it is known what the columns count, a
 * weight counts that and nothing else: on stories15M as Q4_0 any weight for its size besides, such as llama.cpp's, costs a tenth of the divergence.
 * Where nothing is known, with sixteen levels or fewer a weight counts the more the larger it is, {@code 1 + |weight| / rms of the group}: on real
 * weights that costs a little of the plain error and keeps the model's predictions nearer, where with more levels it does not.
 *
 * <p>Rounding makes the error jump with the scale, so that it has many local minima: scales are tried from a little wider than the weights
 * need to one that cuts the largest, each with its integers solved for the best scale (least squares), and the best is solved again until
 * its integers stay. Sums of all candidates grow together, a weight after another: such loops run on vectors, and add in the same order on any.
 */
final class GroupFit {
    /**
     * Shares that are tried of where the largest weight goes, of the lowest or highest level: below one it is short of it, above it is cut. The more
     * levels, the less there is to gain by cutting, and the closer lie the minima.
     */
    private static final int SHARES = 32;
    private static final int SHORT = 8;
    private static final int REFINEMENTS = 4;
    /** Levels with which the size of a weight counts. */
    private static final int MOST_WEIGHED = 16;
    /** Below it a reciprocal may be infinite; no f16 scale comes from weights as small. */
    private static final float NOTHING = 1e-30f;
    private static final int MOST = 3 * SHARES;

    /** Of the last fit; the scale may be negative where levels are not symmetric. */
    float scale;
    float min;
    /** Weighted, of the last fit's integers: their number, their sum (where there is a minimum), the sum of their squares. */
    float ones;
    float integers;
    float squares;

    /** What the last group's weights count. */
    final float[] importance = new float[WeightType.INT4.blockElements()];

    private final float[] u = new float[WeightType.INT4.blockElements()];
    private float candidateScale;
    private float candidateMin;
    private float candidateIntegers;
    private float candidateSquares;

    /** By candidate: what weights are multiplied with, what is then taken off, and weighted sums of the integers, their squares, and their products with the weights. */
    private final float[] inverses = new float[MOST];
    private final float[] offsets = new float[MOST];
    private final float[] sq = new float[MOST];
    private final float[] qq = new float[MOST];
    private final float[] uq = new float[MOST];
    /** Over the group: weighted, of ones, weights and their squares. */
    private float all;
    private float su;
    private float uu;

    private static float share(int candidate, int levels) {
        return 1 + (levels > 16 ? 0.01f : 0.02f) * (candidate - SHORT);
    }

    /** @param counts what the weights' columns count, from {@code at} on; null where nothing is known of them */
    private void weigh(float[] x, int from, int n, int levels, float[] counts, int at) {
        if (counts != null) {
            System.arraycopy(counts, at, importance, 0, n);
            return;
        }
        if (levels > MOST_WEIGHED) {
            Arrays.fill(importance, 0, n, 1);
            return;
        }
        double squares = 0;
        for (int i = from; i < from + n; i++) {
            squares += (double) x[i] * x[i];
        }
        double inverse = squares == 0 ? 0 : 1 / Math.sqrt(squares / n);
        for (int i = 0; i < n; i++) {
            importance[i] = (float) (1 + Math.abs(x[from + i]) * inverse);
        }
    }

    /**
     * {@code x[i] ≈ scale * level}.
     *
     * @param counts what each weight's column counts, from {@code at} on; null where nothing is known
     */
    void symmetric(float[] x, int from, int n, Levels levels, float[] counts, int at) {
        weigh(x, from, n, levels.count, counts, at);
        float extreme = 0;
        for (int i = from; i < from + n; i++) {
            if (Math.abs(x[i]) > Math.abs(extreme)) {
                extreme = x[i];
            }
        }
        scale = 0;
        min = 0;
        squares = 0;
        if (Math.abs(extreme) < NOTHING) {
            return;
        }
        float inverse = 1 / extreme;
        for (int i = 0; i < n; i++) {
            u[i] = x[from + i] * inverse;
        }
        int count = 0;
        for (int c = 0; c < SHARES; c++) {
            float share = share(c, levels.count);
            inverses[count++] = share * levels.lowest;
            inverses[count++] = share * levels.highest;
        }
        sums(n, count, levels);
        float best = 0;
        float bestInverse = 0;
        for (int c = 0; c < count; c++) {
            float explained = qq[c] == 0 ? 0 : uq[c] * uq[c] / qq[c];
            if (explained > best) {
                best = explained;
                scale = uq[c] / qq[c];
                squares = qq[c];
                bestInverse = 1 / scale;
            }
        }
        for (int r = 0; r < REFINEMENTS; r++) {
            float explained = explained(n, bestInverse, levels);
            if (!(explained > best)) {
                break;
            }
            best = explained;
            bestInverse = 1 / candidateScale;
            scale = candidateScale;
            squares = candidateSquares;
        }
        scale *= extreme;
    }

    private void sums(int n, int count, Levels levels) {
        Arrays.fill(qq, 0, count, 0);
        Arrays.fill(uq, 0, count, 0);
        for (int i = 0; i < n; i++) {
            if (levels.isRange()) {
                add(u[i], importance[i], inverses, levels.toCode, levels.lowest, levels.highest - levels.lowest, qq, uq, count);
                continue;
            }
            float weighted = importance[i] * u[i];
            for (int c = 0; c < count; c++) {
                int q = levels.nearest(u[i] * inverses[c]);
                uq[c] += weighted * q;
                qq[c] += importance[i] * q * q;
            }
        }
    }

    private static void add(float value, float weight, float[] inverses, float toCode, int lowest, int span, float[] qq, float[] uq, int count) {
        float weighted = weight * value;
        for (int c = 0; c < count; c++) {
            float q = Math.max(0, Math.min((int) (value * inverses[c] + toCode), span)) + lowest;
            uq[c] += weighted * q;
            qq[c] += weight * q * q;
        }
    }

    /** What the best scale for the integers of {@code inverse} takes off the sum of squares; the scale goes to {@code candidateScale}. */
    private float explained(int n, float inverse, Levels levels) {
        float uq = 0;
        float qq = 0;
        for (int i = 0; i < n; i++) {
            int q = levels.nearest(u[i] * inverse);
            float weighted = importance[i] * q;
            uq += u[i] * weighted;
            qq += q * weighted;
        }
        if (qq == 0) {
            return 0;
        }
        candidateScale = uq / qq;
        candidateSquares = qq;
        return uq * candidateScale;
    }

    /**
     * {@code x[i] ≈ scale * q + min} with {@code q} from 0 to {@code highest}.
     *
     * @param belowZero whether the minimum must not be above zero, as in k-quants
     * @param counts    what each weight's column counts, from {@code at} on; null where nothing is known
     */
    void asymmetric(float[] x, int from, int n, int highest, boolean belowZero, float[] counts, int at) {
        weigh(x, from, n, highest + 1, counts, at);
        float low = belowZero ? 0 : Float.MAX_VALUE;
        float high = -Float.MAX_VALUE;
        for (int i = from; i < from + n; i++) {
            low = Math.min(low, x[i]);
            high = Math.max(high, x[i]);
        }
        float width = high - low;
        scale = 0;
        min = low;
        ones = 0;
        integers = 0;
        squares = 0;
        if (width < NOTHING) {
            return;
        }
        float inverse = 1 / width;
        for (int i = 0; i < n; i++) {
            u[i] = (x[from + i] - low) * inverse;
        }
        float ceiling = belowZero ? -low * inverse : Float.MAX_VALUE;
        int count = 0;
        for (int c = 0; c < SHARES; c++) {
            for (int shift = 0; shift < 3; shift++) {
                // the lower end is cut as well: by nothing, half or all of what the upper is cut by
                float reach = highest * share(c, highest + 1);
                float cut = Math.max(0, reach - highest) * shift / 2;
                if (shift > 0 && cut == 0) {
                    break;
                }
                inverses[count] = reach + cut;
                offsets[count++] = cut;
            }
        }
        all = 0;
        su = 0;
        uu = 0;
        Arrays.fill(sq, 0, count, 0);
        Arrays.fill(qq, 0, count, 0);
        Arrays.fill(uq, 0, count, 0);
        for (int i = 0; i < n; i++) {
            all += importance[i];
            su += importance[i] * u[i];
            uu += importance[i] * u[i] * u[i];
            add(u[i], importance[i], inverses, offsets, highest, sq, qq, uq, count);
        }
        float least = Float.MAX_VALUE;
        // stays where one weight counts so much more than the rest that no equation can be solved
        float bestScale = 1f / highest;
        float bestMin = 0;
        for (int c = 0; c < count; c++) {
            float error = solved(sq[c], qq[c], uq[c], ceiling);
            if (error < least) {
                least = error;
                bestScale = candidateScale;
                bestMin = candidateMin;
                integers = sq[c];
                squares = qq[c];
            }
        }
        for (int r = 0; r < REFINEMENTS && bestScale > 0; r++) {
            float error = error(n, 1 / bestScale, bestMin / bestScale, highest, ceiling);
            if (!(error < least)) {
                break;
            }
            least = error;
            bestScale = candidateScale;
            bestMin = candidateMin;
            integers = candidateIntegers;
            squares = candidateSquares;
        }
        ones = all;
        scale = bestScale * width;
        min = low + bestMin * width;
        if (belowZero) {
            min = Math.min(min, 0);
        }
    }

    private static void add(float value, float weight, float[] inverses, float[] offsets, int highest, float[] sq, float[] qq, float[] uq, int count) {
        float weighted = weight * value;
        for (int c = 0; c < count; c++) {
            float q = Math.max(0, Math.min((int) (value * inverses[c] - offsets[c] + 0.5f), highest));
            sq[c] += weight * q;
            qq[c] += weight * q * q;
            uq[c] += weighted * q;
        }
    }

    /** Squared error of the best scale and minimum for the integers {@code u * inverse - offset}. */
    private float error(int n, float inverse, float offset, int highest, float ceiling) {
        float one = 0;
        float squares = 0;
        float products = 0;
        for (int i = 0; i < n; i++) {
            float q = Math.clamp((int) (u[i] * inverse - offset + 0.5f), 0, highest);
            one += importance[i] * q;
            squares += importance[i] * q * q;
            products += importance[i] * u[i] * q;
        }
        candidateIntegers = one;
        candidateSquares = squares;
        return solved(one, squares, products, ceiling);
    }

    /** The same of the integers' weighted sum, the sum of their squares, and that of their products with the weights. */
    private float solved(float sq, float qq, float uq, float ceiling) {
        float determinant = all * qq - sq * sq;
        if (determinant <= 0) {
            return Float.MAX_VALUE;
        }
        candidateScale = (all * uq - su * sq) / determinant;
        candidateMin = (su - candidateScale * sq) / all;
        if (candidateMin > ceiling) {
            candidateMin = ceiling;
            candidateScale = (uq - candidateMin * sq) / qq;
        }
        if (!(candidateScale > 0)) {
            return Float.MAX_VALUE;
        }
        return uu - 2 * candidateScale * uq - 2 * candidateMin * su + candidateScale * candidateScale * qq
                + 2 * candidateScale * candidateMin * sq + all * candidateMin * candidateMin;
    }
}
