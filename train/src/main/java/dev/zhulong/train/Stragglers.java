package dev.zhulong.train;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** Finds ranks that live and are slow: which one the others wait for, and how long. */
final class Stragglers {
    /** Steps that are looked at together: one slow step is nothing to tell of. */
    static final int WINDOW = 20;
    /** As slow as this, compared with the median of the others, a rank is told of. */
    private static final double SLOW = 1.5;

    private final IntFunction<String> name;
    private double[] sums = new double[0];
    private int steps;
    private int slowest;
    private double waited;
    /** Rank that was told of; −1 for none. */
    private int told = -1;
    private String remark;

    /** @param name of a rank, with its host */
    Stragglers(IntFunction<String> name) {
        this.name = name;
    }

    /** @param seconds that each rank computed for a step, without what it waited for others */
    void step(double[] seconds) {
        slowest = IntStream.range(0, seconds.length).reduce(0, (a, b) -> seconds[b] > seconds[a] ? b : a);
        waited = seconds[slowest] - others(seconds, slowest);
        if (sums.length == 0) {
            sums = new double[seconds.length];
        }
        Arrays.setAll(sums, i -> sums[i] + seconds[i]);
        if (++steps == WINDOW) {
            judge();
            sums = new double[0];
            steps = 0;
        }
    }

    private void judge() {
        int worst = IntStream.range(0, sums.length).reduce(0, (a, b) -> sums[b] > sums[a] ? b : a);
        double others = others(sums, worst);
        if (sums[worst] > SLOW * others) {
            if (told != worst) {
                remark = String.format(Locale.ROOT, "%s is slow: it computes %.3g s a step, the others %.3g s; they waited %.3g s for it in %d steps", name.apply(worst),
                        sums[worst] / steps, others / steps, sums[worst] - others, steps);
            }
            told = worst;
        } else {
            if (told >= 0) {
                remark = name.apply(told) + " is no slower than the others any more";
            }
            told = -1;
        }
    }

    /** The median of all but one. */
    private static double others(double[] seconds, int but) {
        double[] rest = IntStream.range(0, seconds.length).filter(i -> i != but).mapToDouble(i -> seconds[i]).sorted().toArray();
        return rest.length == 0 ? seconds[but] : rest.length % 2 == 1 ? rest[rest.length / 2] : (rest[rest.length / 2 - 1] + rest[rest.length / 2]) / 2;
    }

    /** Of the last step: which rank was the slowest, and seconds that the others waited for it. */
    Map<String, Number> observed() {
        Map<String, Number> all = new LinkedHashMap<>();
        all.put("slowest_rank", slowest);
        all.put("waited_seconds", waited);
        return all;
    }

    /** What is worth a line and was not told yet. */
    Optional<String> remark() {
        Optional<String> said = Optional.ofNullable(remark);
        remark = null;
        return said;
    }
}
