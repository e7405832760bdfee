package dev.zhulong.train.schedule;

/** Linear warm-up, then the peak until the end. */
public record Constant(double peak, long warmup, long total) implements Schedule {

    public Constant {
        Phase.check(peak, peak, warmup, total);
    }

    @Override
    public double finalLr() {
        return peak;
    }

    @Override
    public double at(long step) {
        Phase.checkStep(step, total);
        return step < warmup ? Phase.warmup(peak, step, warmup) : peak;
    }
}
