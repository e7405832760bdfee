package dev.zhulong.train;

/**
 * The factor that keeps gradients inside the range of F16 (Micikevicius et al. 2018): halved when a gradient overflows, which has its step done again, and doubled after
 * {@value #PATIENCE} steps without. Ranks have the same one without asking each other, since the sum of gradients of which one is infinite is infinite on all.
 *
 * @param value a power of two
 * @param calm  steps since it was last changed
 */
record LossScale(double value, long calm) {
    /** The scale to begin with. */
    static final LossScale FIRST = new LossScale(65536, 0);

    /** Steps without an overflow after which it is doubled. */
    static final int PATIENCE = 2000;

    /** The smallest: gradients that overflow below 1 are not too large for F16 by chance. */
    private static final double LEAST = 1;
    /** Powers of two beyond would themselves be infinite before long. */
    private static final double MOST = 0x1p24;

    /** After a gradient that was not finite. @throws TrainingStopped if it is as small as it may be */
    LossScale overflowed(long step) {
        if (value <= LEAST) {
            throw new TrainingStopped("training stopped at step " + step + ": gradients overflow F16 even with a loss scale of 1. The newest checkpoint is untouched: "
                    + "train with precision bf16 or fp32, or lower the learning rate, then resume");
        }
        return new LossScale(value / 2, 0);
    }

    /** After a step whose gradients were finite. */
    LossScale held() {
        return calm + 1 < PATIENCE || value >= MOST ? new LossScale(value, calm + 1) : new LossScale(value * 2, 0);
    }
}
