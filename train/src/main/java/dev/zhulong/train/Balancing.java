package dev.zhulong.train;

import dev.zhulong.formats.Stack.Mlp;

/**
 * How the experts of a mixture are kept busy alike, and its routers at rest, in training.
 *
 * @param over       what the balance loss is taken over
 * @param factor     of the balance loss
 * @param zLoss      factor of the mean square of the routers' log-sums (Zoph et al. 2022)
 * @param correction what an expert's correction is moved by after each update: up where it had less than its equal share of the choices, down where it had
 *                   more (Wang et al. 2024); 0 leaves it alone
 * @param capacity   an expert takes at most its equal share of a batch's choices times this; what is beyond is dropped. 0 for no limit
 */
public record Balancing(Balance.Over over, double factor, double zLoss, double correction, double capacity) {
    public Balancing {
        if (!(factor >= 0) || !(zLoss >= 0) || !(correction >= 0) || !(capacity >= 0)) {
            throw new IllegalArgumentException("factors of a mixture's losses, the step of its correction and its capacity are 0 or more, found " + factor + ", " + zLoss + ", "
                    + correction + " and " + capacity);
        }
    }

    /** The balance loss that the configuration says, and nothing else. */
    public static Balancing of(Mlp.Experts mixture, Balance.Over over) {
        return new Balancing(over, mixture.balance(), 0, 0, 0);
    }

    /** None. */
    public static Balancing none() {
        return new Balancing(Balance.Over.NETWORK, 0, 0, 0, 0);
    }
}
