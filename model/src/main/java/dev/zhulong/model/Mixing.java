package dev.zhulong.model;

/**
 * How mixtures of experts are run in training; nothing that a model's files say.
 *
 * @param counted  by token of the batch, whether it counts where routers are balanced: padding does not; null where all do
 * @param capacity an expert takes at most its equal share of the choices times this, those of earlier tokens first; what is beyond is dropped. 0 for no limit
 * @param zLoss    whether the squares of the routers' log-sums are reckoned (Zoph et al. 2022)
 */
public record Mixing(boolean[] counted, double capacity, boolean zLoss) {
    /** All tokens count, and no choice is dropped. */
    public static final Mixing PLAIN = new Mixing(null, 0, false);

    public Mixing {
        if (!(capacity >= 0) || Double.isInfinite(capacity)) {
            throw new IllegalArgumentException("an expert's capacity is 0 (no limit) or a factor above it, found " + capacity);
        }
    }

    /** Whether nothing is reckoned besides what routers choose. */
    boolean isPlain() {
        return capacity == 0 && !zLoss;
    }

    boolean counts(long row) {
        return counted == null || counted[(int) row];
    }
}
