package dev.zhulong.kernels;

/**
 * Rounds rows to whole and half steps: of {@value #GROUP} numbers side by side, which of them stand at half a step is a word of the extended Hamming code, one of 16. Four bits a number for the
 * whole steps and four for the word make 4.5 bits, and the points are the lattice E8, whose mean squared error is 0.86 of what as many separate points leave
 * (Conway and Sloane 1982).
 *
 * <p>Where the errors' {@link Metric} is known, what is lost in a number is made up for in those that are rounded after it, as in GPTQ: the last group first, in each group the last number first.
 */
final class E8Rounding {
    static final int GROUP = 8;
    /** Codes reach from -{@value} to one less. */
    static final int REACH = 16;

    private E8Rounding() {}

    /**
     * What an error costs: its product with a positive definite matrix from both sides, in the matrix's Cholesky factor.
     *
     * @param later  [n, n], entry [i, j] with i above j is how much of the error in number i number j has to make up for
     * @param counts [n], what a squared error in a number costs after that
     */
    record Metric(float[] later, float[] counts) {}

    /** A word of the code, number i of the group at bit i, from its first four bits: the others are those, inverted where an odd number of them is set. */
    static int word(int first) {
        return first | (first ^ -(Integer.bitCount(first) & 1) & 15) << 4;
    }

    /**
     * Rounds {@code x} to codes: whole steps times two, plus one where the number is at half a step. A code stands for {@code (code + 0.5) * step}.
     *
     * @param x      of a multiple of {@value #GROUP}; overwritten with the errors
     * @param steps  of the first half of the groups and of the second
     * @param metric null where an error costs its square wherever it is
     */
    static void round(float[] x, float[] steps, Metric metric, int[] codes) {
        int n = x.length;
        float[] aims = new float[GROUP];
        float[] errors = new float[GROUP];
        int[] tried = new int[GROUP];
        for (int at = n - GROUP; at >= 0; at -= GROUP) {
            float step = steps[2 * at < n ? 0 : 1];
            for (int j = 0; j < GROUP; j++) {
                float aim = x[at + j];
                for (int i = at + GROUP; metric != null && i < n; i++) {
                    aim = Math.fma(metric.later[i * n + at + j], x[i], aim);
                }
                aims[j] = aim;
            }
            float least = Float.POSITIVE_INFINITY;
            int best = 0;
            for (int first = 0; first < 16; first++) {
                float cost = tryWord(word(first), x, aims, at, step, metric, least, errors, tried);
                if (cost < least) {
                    least = cost;
                    best = first;
                }
            }
            tryWord(word(best), x, aims, at, step, metric, Float.POSITIVE_INFINITY, errors, tried);
            for (int j = 0; j < GROUP; j++) {
                codes[at + j] = tried[j];
                x[at + j] -= (tried[j] + 0.5f) * step;
            }
        }
    }

    /** What rounding by a word costs, or {@code enough} and more where it costs as much. @param aims what the group's numbers are to be for what is lost in later groups */
    private static float tryWord(int word, float[] x, float[] aims, int at, float step, Metric metric, float enough, float[] errors, int[] codes) {
        float cost = 0;
        for (int j = GROUP - 1; j >= 0 && cost < enough; j--) {
            float aim = aims[j];
            for (int i = j + 1; metric != null && i < GROUP; i++) {
                aim = Math.fma(metric.later[(at + i) * x.length + at + j], errors[i], aim);
            }
            int half = word >> j & 1;
            int code = 2 * Math.clamp((int) Math.rint((aim / step - 0.5f - half) / 2), -REACH / 2, REACH / 2 - 1) + half;
            float value = (code + 0.5f) * step;
            codes[j] = code;
            errors[j] = x[at + j] - value;
            cost += (metric == null ? 1 : metric.counts[at + j]) * (aim - value) * (aim - value);
        }
        return cost;
    }
}
