package dev.zhulong.compress;

import dev.zhulong.kernels.WeightType;

/** Round-to-nearest as each format's definition suggests it, without any search: scales from the largest value, or from the range. */
final class PlainRounding {
    private static final int[] IQ4 = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

    private PlainRounding() {}

    /** What 256 weights are after they were rounded. */
    static float[] of(WeightType type, float[] x) {
        return switch (type) {
            case Q2_0 -> symmetric(x, 64, integers(-1, 2), 2);
            case Q8_0 -> symmetric(x, 32, integers(-127, 127), 127);
            case Q4_0 -> symmetric(x, 32, integers(-8, 7), -8);
            case INT4 -> symmetric(x, 128, integers(-8, 7), -8);
            case Q5_0 -> symmetric(x, 32, integers(-16, 15), -16);
            case IQ4_NL -> symmetric(x, 32, IQ4, -127);
            case Q4_1 -> ranges(x, 32, 15);
            case INT4_ASYM -> ranges(x, 128, 15);
            case Q5_1 -> ranges(x, 32, 31);
            case Q3_K -> symmetricOfBlocks(x, 16, integers(-4, 3), -4, -32, 31);
            case Q6_K -> symmetricOfBlocks(x, 16, integers(-32, 31), -32, -128, 127);
            case IQ4_XS -> symmetricOfBlocks(x, 32, IQ4, -127, -32, 31);
            case Q2_K -> rangesOfBlocks(x, 16, 3, 15);
            case Q4_K -> rangesOfBlocks(x, 32, 15, 63);
            case Q5_K -> rangesOfBlocks(x, 32, 31, 63);
            default -> throw new IllegalArgumentException(type.toString());
        };
    }

    private static int[] integers(int from, int to) {
        int[] all = new int[to - from + 1];
        for (int i = 0; i < all.length; i++) {
            all[i] = from + i;
        }
        return all;
    }

    /** A scale of each group such that its largest value is {@code end}. */
    private static float[] symmetric(float[] x, int group, int[] levels, int end) {
        float[] out = new float[x.length];
        for (int from = 0; from < x.length; from += group) {
            round(x, from, group, levels, half(largest(x, from, group) / end), out);
        }
        return out;
    }

    /** The same with scales that are whole multiples of one for all. */
    private static float[] symmetricOfBlocks(float[] x, int group, int[] levels, int end, int lowest, int highest) {
        float[] scales = new float[x.length / group];
        for (int g = 0; g < scales.length; g++) {
            scales[g] = largest(x, g * group, group) / end;
        }
        float unit = half(largest(scales, 0, scales.length) / lowest);
        float[] out = new float[x.length];
        for (int g = 0; g < scales.length; g++) {
            float scale = unit == 0 ? 0 : unit * Math.clamp(Math.round(scales[g] / unit), lowest, highest);
            round(x, g * group, group, levels, scale, out);
        }
        return out;
    }

    /** The range of each group in equal steps. */
    private static float[] ranges(float[] x, int group, int steps) {
        float[] out = new float[x.length];
        for (int from = 0; from < x.length; from += group) {
            float low = least(x, from, group);
            round(x, from, group, steps, half((most(x, from, group) - low) / steps), half(low), out);
        }
        return out;
    }

    /** The same, from zero or below, with steps and ends that are whole multiples of one for all. */
    private static float[] rangesOfBlocks(float[] x, int group, int steps, int highest) {
        int groups = x.length / group;
        float[] scales = new float[groups];
        float[] lows = new float[groups];
        for (int g = 0; g < groups; g++) {
            lows[g] = Math.max(0, -least(x, g * group, group));
            scales[g] = (most(x, g * group, group) + lows[g]) / steps;
        }
        float unit = half(most(scales, 0, groups) / highest);
        float lowUnit = half(most(lows, 0, groups) / highest);
        float[] out = new float[x.length];
        for (int g = 0; g < groups; g++) {
            float scale = unit == 0 ? 0 : unit * Math.clamp(Math.round(scales[g] / unit), 0, highest);
            float low = lowUnit == 0 ? 0 : -lowUnit * Math.clamp(Math.round(lows[g] / lowUnit), 0, highest);
            round(x, g * group, group, steps, scale, low, out);
        }
        return out;
    }

    private static void round(float[] x, int from, int group, int[] levels, float scale, float[] out) {
        for (int i = from; i < from + group; i++) {
            out[i] = scale * levels[0];
            for (int level : levels) {
                if (Math.abs(x[i] - scale * level) < Math.abs(x[i] - out[i])) {
                    out[i] = scale * level;
                }
            }
        }
    }

    private static void round(float[] x, int from, int group, int steps, float scale, float low, float[] out) {
        for (int i = from; i < from + group; i++) {
            out[i] = scale == 0 ? low : scale * Math.clamp(Math.round((x[i] - low) / scale), 0, steps) + low;
        }
    }

    private static float half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    /** By size, with its sign. */
    private static float largest(float[] x, int from, int n) {
        float largest = 0;
        for (int i = from; i < from + n; i++) {
            largest = Math.abs(x[i]) > Math.abs(largest) ? x[i] : largest;
        }
        return largest;
    }

    private static float least(float[] x, int from, int n) {
        float least = x[from];
        for (int i = from; i < from + n; i++) {
            least = Math.min(least, x[i]);
        }
        return least;
    }

    private static float most(float[] x, int from, int n) {
        float most = x[from];
        for (int i = from; i < from + n; i++) {
            most = Math.max(most, x[i]);
        }
        return most;
    }
}
