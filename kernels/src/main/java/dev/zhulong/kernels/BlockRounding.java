package dev.zhulong.kernels;

import java.util.Arrays;

/**
 * A block of weights of one {@link WeightType}, rounded: first its scales (and minimums) are chosen, then each weight becomes the nearest value they
 * allow, in any order and not necessarily the weight that the scales were chosen from, as error feedback needs.
 *
 * <pre>{@code
 * var block = new BlockRounding(WeightType.Q4_0, Quantiser.Search.SCALES);
 * block.fit(row, 0, importance, 0);
 * for (int i = 0; i < 32; i++) {
 *     float stored = block.round(i, row[i]);
 * }
 * block.pack(bytes, 0);
 * }</pre>
 *
 * <p>Not for several threads at once.
 */
public final class BlockRounding {
    /** Of the mean importance of a block: what a weight counts that nothing is known of, so that it is still rounded to something near it. */
    private static final float LEAST_IMPORTANCE = 1e-3f;
    private static final int MOST_GROUPS = 16;
    /** Share of a block's weights, squared, that its scales are raised for at most: beyond, there is little left to raise. */
    private static final double MOST_MISSING = 0.3;

    private final WeightType type;
    private final Quantiser.Search search;
    /** Weights that share a scale. */
    private final int group;
    /** Null where codes run from 0 to {@link #highest}, or from its negative on. */
    private final Levels levels;
    private final int highest;
    private final GroupFit groupFit = new GroupFit();
    private final KQuantFit fit = new KQuantFit();
    private final float[] relative;

    /** By group: what is stored is {@code base + step * code}; the code is that nearest to {@code (value - origin) * inverse}. */
    private final float[] steps = new float[MOST_GROUPS];
    private final float[] bases = new float[MOST_GROUPS];
    private final float[] inverses = new float[MOST_GROUPS];
    private final float[] origins = new float[MOST_GROUPS];
    /** Of a type with one scale a block, before they are an f16. */
    private float scale;
    private float min;

    /**
     * @throws IllegalArgumentException when nothing is quantised to the type
     */
    public BlockRounding(WeightType type, Quantiser.Search search) {
        if (!Quantiser.supports(type)) {
            throw new IllegalArgumentException("cannot quantize to " + type + ": there is no quantiser for it");
        }
        this.type = type;
        this.search = search;
        group = type.group();
        relative = new float[type.blockElements()];
        levels = switch (type) {
            case Q2_0 -> Levels.BITS_2;
            case Q4_0, INT4 -> Levels.BITS_4;
            case Q5_0 -> Levels.BITS_5;
            case Q3_K -> Levels.BITS_3;
            case Q6_K -> Levels.BITS_6;
            case IQ4_NL, IQ4_XS -> Levels.IQ4;
            default -> null;
        };
        highest = switch (type) {
            case Q2_0 -> 1;
            case Q2_K -> 3;
            case Q4_1, INT4_ASYM, Q4_K -> 15;
            case Q5_1, Q5_K -> 31;
            default -> 127;
        };
    }

    /**
     * Chooses the scales for the block {@code x[from …]}.
     *
     * <p>Scales of least error make weights smaller: what they leave has nothing in common with what they keep, so that of the weights' own direction that share is missing. In a model the same
     * share is missing in every row and layer, and inputs go along with weights, so that it costs more than as much noise does. Where columns count, all scales of a block are therefore raised until
     * the weights, each counting what its column does, are met on average. Without importance that gains nothing where it was measured with four bits, and is left.
     *
     * @param importance what the squared error of each weight counts, from {@code at} on; only ratios within a block matter. Null, or nothing but zeros, for
     *                   none: then the weights' sizes say what they count
     */
    public void fit(float[] x, int from, float[] importance, int at) {
        float[] counts = importance == null || search == Quantiser.Search.NONE ? null : relative(importance, at);
        choose(x, from, counts);
        if (counts != null && type != WeightType.Q8_0 && differ(counts)) {
            raise(x, from, counts);
        }
    }

    /** Columns that all count alike say no more than none would. */
    private static boolean differ(float[] counts) {
        for (float count : counts) {
            if (count != counts[0]) {
                return true;
            }
        }
        return false;
    }

    private void raise(float[] x, int from, float[] counts) {
        double all = 0;
        double error = 0;
        for (int i = 0; i < relative.length; i++) {
            double left = x[from + i] - round(i, x[from + i]);
            all += counts[i] * (double) x[from + i] * x[from + i];
            error += counts[i] * left * left;
        }
        if (!(all > 0) || !Double.isFinite(error)) {
            return;
        }
        float by = (float) (1 / (1 - Math.min(MOST_MISSING, error / all)));
        if (relative.length == 256) {
            float raised = Quantiser.half(fit.scale * by);
            float raisedMin = Quantiser.half(fit.min * by);
            if (Float.isFinite(raised) && Float.isFinite(raisedMin)) {
                fit.scale = raised;
                fit.min = raisedMin;
                for (int g = 0; g < 256 / group; g++) {
                    set(g, fit.scale * fit.scales[g], type.hasMin() ? -(fit.min * fit.mins[g]) : 0);
                }
            }
        } else if (type.hasMin()) {
            scale *= by;
            min *= by;
            set(0, Quantiser.half(scale), Quantiser.half(min));
        } else {
            one(scale * by);
        }
    }

    private void choose(float[] x, int from, float[] counts) {
        switch (type) {
            case Q8_0 -> one(extreme(x, from) / 127);
            case IQ4_NL -> {
                groupFit.symmetric(x, from, group, levels, counts, 0);
                one(groupFit.scale);
            }
            case Q2_0 -> {
                if (search == Quantiser.Search.SCALES) {
                    groupFit.symmetric(x, from, group, levels, counts, 0);
                    one(groupFit.scale);
                } else {
                    // the levels are three then, -1, 0 and 1
                    one(extreme(x, from));
                }
            }
            case Q4_0, INT4, Q5_0 -> {
                if (search == Quantiser.Search.SCALES) {
                    groupFit.symmetric(x, from, group, levels, counts, 0);
                    one(groupFit.scale);
                } else {
                    // the value of largest magnitude becomes the lowest level, which is further from zero than the highest
                    one(signedExtreme(x, from) / levels.lowest);
                }
            }
            case Q4_1, INT4_ASYM, Q5_1 -> asymmetric(x, from, counts);
            case Q2_K, Q4_K, Q5_K -> {
                fit.asymmetric(x, from, group, highest, type == WeightType.Q2_K ? 15 : 63, counts);
                for (int g = 0; g < 256 / group; g++) {
                    set(g, fit.scale * fit.scales[g], -(fit.min * fit.mins[g]));
                }
            }
            case Q3_K, Q6_K, IQ4_XS -> {
                int lowest = type == WeightType.Q6_K ? -128 : -32;
                fit.symmetric(x, from, group, levels, lowest, -lowest - 1, counts);
                for (int g = 0; g < 256 / group; g++) {
                    set(g, fit.scale * fit.scales[g], 0);
                }
            }
            default -> throw new IllegalStateException(type + " has no quantiser");
        }
    }

    /**
     * Takes the scales of a block that is stored in place of choosing some, so that weights may be given other codes under them. A block that is packed after that holds the same scales, or
     * others that say the same.
     */
    public void load(byte[] in, int at) {
        switch (type) {
            case Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS -> KQuantPacking.scales(type, in, at, fit);
            default -> {
                scale = GroupedRow.f16(in, at);
                min = type.hasMin() ? GroupedRow.f16(in, at + 2) : 0;
            }
        }
        setAll();
    }

    private void setAll() {
        if (type.blockElements() < 256) {
            set(0, scale, min);
            return;
        }
        for (int g = 0; g < 256 / group; g++) {
            set(g, fit.scale * fit.scales[g], type.hasMin() ? -(fit.min * fit.mins[g]) : 0);
        }
    }

    /** Multiplies what a loaded block's weights stand for, as far as its f16 scales can say it. */
    public void times(float factor) {
        fit.scale = Quantiser.half(fit.scale * factor);
        fit.min = Quantiser.half(fit.min * factor);
        scale = Quantiser.half(scale * factor);
        min = Quantiser.half(min * factor);
        setAll();
    }

    /** How far apart two neighbouring values of weight {@code i} of the block are; of types whose levels lie unevenly, a level's unit. */
    public float step(int i) {
        return Math.abs(steps[i / group]);
    }

    /** Gives weight {@code i} of the block the code nearest to {@code value}, and returns what that stands for. */
    public float round(int i, float value) {
        int g = i / group;
        float v = (value - origins[g]) * inverses[g];
        int code;
        if (type == WeightType.Q8_0 || type == WeightType.Q2_0 && search == Quantiser.Search.NONE) {
            // away from zero at a half, unlike Math.round
            code = Math.clamp((int) (v < 0 ? -Math.floor(-v + 0.5) : Math.floor(v + 0.5)), -highest, highest);
        } else if (levels != null) {
            code = levels.nearest(v);
        } else {
            code = Math.clamp((int) (v + 0.5f), 0, highest);
        }
        fit.q[i] = code;
        return bases[g] + steps[g] * code;
    }

    /**
     * Writes the block as its type lays it out.
     *
     * @throws IllegalArgumentException when a scale is too large for an f16
     */
    public void pack(byte[] out, int at) {
        Arrays.fill(out, at, at + type.blockBytes(), (byte) 0);
        switch (type) {
            case Q2_K -> KQuantPacking.q2(fit, out, at);
            case Q3_K -> KQuantPacking.q3(fit, out, at);
            case Q4_K, Q5_K -> KQuantPacking.q45(type, fit, out, at);
            case Q6_K -> KQuantPacking.q6(fit, out, at);
            case IQ4_XS -> KQuantPacking.iq4xs(fit, out, at);
            case Q2_0 -> packTwoBits(out, at);
            default -> packSimple(out, at);
        }
    }

    /** The scale is negative only where a level 2 needs it, so that weights that are already a scale times levels return to the codes they came from. */
    private void packTwoBits(byte[] out, int at) {
        int most = -1;
        for (int i = 0; i < group; i++) {
            most = Math.max(most, fit.q[i]);
        }
        int sign = steps[0] < 0 && most < 2 ? -1 : 1;
        Quantiser.putHalf(out, at, sign * scale, type);
        for (int i = 0; i < group; i++) {
            out[at + 2 + i / 4] |= (byte) (sign * fit.q[i] + 1 << 2 * (i % 4));
        }
    }

    private void packSimple(byte[] out, int at) {
        Quantiser.putHalf(out, at, scale, type);
        int n = type.blockElements();
        switch (type) {
            case Q8_0 -> {
                for (int i = 0; i < n; i++) {
                    out[at + 2 + i] = (byte) fit.q[i];
                }
            }
            case IQ4_NL -> KQuantPacking.iq4nibbles(fit.q, 0, out, at + 2);
            default -> {
                int codes = at + 2;
                if (type.hasMin()) {
                    Quantiser.putHalf(out, codes, min, type);
                    codes += 2;
                }
                for (int i = 0; i < n; i++) {
                    code(i, fit.q[i] - (levels == null ? 0 : levels.lowest), out, codes, n);
                }
            }
        }
    }

    /** Code {@code i} of a block of {@code n}: five bits have their fifth in an int before the nibbles, whose low ones are the first half. */
    private void code(int i, int code, byte[] out, int at, int n) {
        int nibbles = at;
        if (type == WeightType.Q5_0 || type == WeightType.Q5_1) {
            out[at + i / 8] |= (byte) (code >> 4 << (i % 8));
            nibbles += 4;
        }
        out[nibbles + i % (n / 2)] |= (byte) ((code & 15) << (i < n / 2 ? 0 : 4));
    }

    private void asymmetric(float[] x, int from, float[] counts) {
        if (search == Quantiser.Search.SCALES) {
            groupFit.asymmetric(x, from, group, highest, false, counts, 0);
            scale = groupFit.scale;
            min = groupFit.min;
        } else {
            min = Float.MAX_VALUE;
            float max = -Float.MAX_VALUE;
            for (int i = from; i < from + group; i++) {
                min = Math.min(min, x[i]);
                max = Math.max(max, x[i]);
            }
            scale = (max - min) / highest;
        }
        set(0, Quantiser.half(scale), Quantiser.half(min));
        if (search == Quantiser.Search.NONE) {
            inverses[0] = Quantiser.inverse(scale);
            origins[0] = min;
        }
    }

    /** A block's only scale. ggml's reference rounds by the scale before it is an f16, and so is Q8_0, which has nothing to gain. */
    private void one(float value) {
        scale = value;
        set(0, Quantiser.half(value), 0);
        if (search == Quantiser.Search.NONE && type != WeightType.IQ4_NL || type == WeightType.Q8_0) {
            inverses[0] = Quantiser.inverse(value);
        }
    }

    private void set(int g, float step, float base) {
        steps[g] = step;
        bases[g] = base;
        inverses[g] = Quantiser.inverse(step);
        origins[g] = base;
    }

    private float extreme(float[] x, int from) {
        return Math.abs(signedExtreme(x, from));
    }

    private float signedExtreme(float[] x, int from) {
        float extreme = 0;
        for (int i = from; i < from + group; i++) {
            if (Math.abs(x[i]) > Math.abs(extreme)) {
                extreme = x[i];
            }
        }
        return extreme;
    }

    /** Importance over its mean in the block; null where it says nothing. */
    private float[] relative(float[] importance, int at) {
        double sum = 0;
        for (int i = 0; i < relative.length; i++) {
            sum += Math.max(0, importance[at + i]);
        }
        double mean = sum / relative.length;
        if (!(mean > 0) || Double.isInfinite(mean)) {
            return null;
        }
        for (int i = 0; i < relative.length; i++) {
            relative[i] = (float) (Math.max(0, importance[at + i]) / mean) + LEAST_IMPORTANCE;
        }
        return relative;
    }
}
