package dev.zhulong.train.schedule;

/** The arithmetic of a run's phases that all schedules share: checks, warm-up, and how far a decay has come. */
final class Phase {

    private Phase() {}

    static void check(double peak, double finalLr, long warmup, long total) {
        if (!(peak > 0) || !Double.isFinite(peak)) {
            throw new IllegalArgumentException("peak learning rate must be a positive number, found " + peak);
        }
        if (!(finalLr >= 0 && finalLr <= peak)) {
            throw new IllegalArgumentException("final learning rate must lie between 0 and the peak " + peak + ", found " + finalLr);
        }
        if (total < 1) {
            throw new IllegalArgumentException("a run needs at least 1 optimizer step, found " + total);
        }
        if (warmup < 0 || warmup > total) {
            throw new IllegalArgumentException("warm-up of " + warmup + " steps does not fit a run of " + total
                    + " steps; give a warm-up between 0 and " + total);
        }
    }

    static void checkStep(long step, long total) {
        if (step < 0 || step >= total) {
            throw new IllegalArgumentException("step " + step + " is outside the run: expected 0 to " + (total - 1));
        }
    }

    /** Multiplied before dividing, so that {@code step == warmup - 1} gives the peak to the last bit. */
    static double warmup(double peak, long step, long warmup) {
        return step + 1 == warmup ? peak : peak * (step + 1) / warmup;
    }

    /**
     * Share of a decay that is behind: 0 at {@code from}, the last step at the peak, and 1 at {@code last}. Where there is no step
     * between them the decay is over.
     */
    static double decayed(long step, long from, long last) {
        long start = Math.max(from, 0);
        return start >= last ? 1 : (double) (step - start) / (last - start);
    }

    /** From the peak ({@code share} 1) down to the final rate ({@code share} 0), both exact. */
    static double between(double peak, double finalLr, double share) {
        return share >= 1 ? peak : share <= 0 ? finalLr : finalLr + (peak - finalLr) * share;
    }
}
