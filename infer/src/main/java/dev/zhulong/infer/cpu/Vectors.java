package dev.zhulong.infer.cpu;

/** Sums of a fixed order: eight partial ones, so that their bits do not depend on the width of the machine's vectors. */
final class Vectors {
    private Vectors() {}

    static float dot(float[] a, int i, float[] b, int j, int n) {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
        int k = 0;
        for (; k + 7 < n; k += 8) {
            s0 += a[i + k] * b[j + k];
            s1 += a[i + k + 1] * b[j + k + 1];
            s2 += a[i + k + 2] * b[j + k + 2];
            s3 += a[i + k + 3] * b[j + k + 3];
            s4 += a[i + k + 4] * b[j + k + 4];
            s5 += a[i + k + 5] * b[j + k + 5];
            s6 += a[i + k + 6] * b[j + k + 6];
            s7 += a[i + k + 7] * b[j + k + 7];
        }
        for (; k < n; k++) {
            s0 += a[i + k] * b[j + k];
        }
        return (s0 + s4 + (s1 + s5)) + (s2 + s6 + (s3 + s7));
    }

    static void addScaled(float[] to, int i, float[] from, int j, int n, float scale) {
        for (int k = 0; k < n; k++) {
            to[i + k] += scale * from[j + k];
        }
    }
}
