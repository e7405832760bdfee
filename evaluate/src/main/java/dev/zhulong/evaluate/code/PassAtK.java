package dev.zhulong.evaluate.code;

/** The chance that one of k solutions is right, estimated without bias from n of which c are (Chen et al. 2021, "Evaluating Large Language Models Trained on Code"). */
public final class PassAtK {
    private PassAtK() {}

    /**
     * 1 − C(n − c, k) / C(n, k), as a product that does not overflow.
     *
     * @throws IllegalArgumentException unless 0 ≤ c ≤ n and 1 ≤ k ≤ n
     */
    public static double of(int n, int c, int k) {
        if (c < 0 || c > n || k < 1 || k > n) {
            throw new IllegalArgumentException("pass@" + k + " needs k from 1 to the number of solutions, of which as many at most are right; found " + c + " of " + n);
        }
        if (n - c < k) {
            return 1;
        }
        double none = 1;
        for (int i = n - c + 1; i <= n; i++) {
            none *= 1 - (double) k / i;
        }
        return 1 - none;
    }
}
