package dev.zhulong.train.schedule;

/**
 * Linear warm-up, then half a cosine down to the final learning rate at the last step (Loshchilov and Hutter, "SGDR", 2017, without
 * restarts).
 */
public record Cosine(double peak, double finalLr, long warmup, long total) implements Schedule {

    public Cosine {
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
        double decayed = Phase.decayed(step, warmup - 1, total - 1);
        // StrictMath: the same bits on every machine, so a run resumed elsewhere keeps its schedule
        return Phase.between(peak, finalLr, (1 + StrictMath.cos(Math.PI * decayed)) / 2);
    }
}
