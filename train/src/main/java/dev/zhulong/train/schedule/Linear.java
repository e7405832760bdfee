package dev.zhulong.train.schedule;

/** Linear warm-up, then a straight line down to the final learning rate at the last step. */
public record Linear(double peak, double finalLr, long warmup, long total) implements Schedule {

    public Linear {
        Phase.check(peak, finalLr, warmup, total);
    }

    @Override
    public double at(long step) {
        Phase.checkStep(step, total);
        if (step == total - 1) {
            return finalLr;
        }
        if (step < warmup) {
            return Phase.warmup(peak, step, warmup);
        }
        return Phase.between(peak, finalLr, 1 - Phase.decayed(step, warmup - 1, total - 1));
    }
}
