package dev.zhulong.recipe.tune;

import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.recipe.Bounds;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * What a search may change, and how it goes about it.
 *
 * <pre>{@code
 * method: halving
 * trials: 9
 * fields:
 *   train.lr: {from: 3e-4, to: 1e-2, log: true}
 *   train.batch: {of: [8, 16, 32]}
 *   train.warmup: {from: 0, to: 100, whole: true}
 * }</pre>
 */
public record Space(
        @Doc("random: every candidate is trained in full; halving: all are trained briefly, the best go on to longer rounds") Method method,
        @Doc("candidates; the first is the recipe as it is, the others are drawn") int trials,
        @Doc("halving: one in this many candidates continues to the next round, which is this many times as long") int factor,
        @Doc("halving: rounds; the last trains in full") int rounds,
        @Doc("of the candidates") long seed,
        @Doc("recipe fields and the values they may take, such as train.lr: {from: 1e-4, to: 1e-2, log: true}") Map<String, Range> fields) {

    private static final int MOST_TRIALS = 10_000;
    private static final int MOST_ROUNDS = 30;

    /** How candidates are told apart. */
    public enum Method { RANDOM, HALVING }

    public Space {
        if (trials < 1 || factor < 2 || rounds < 1) {
            throw new IllegalArgumentException("trials and rounds must be at least 1, factor at least 2, found " + trials + ", " + rounds
                    + " and " + factor);
        }
        Bounds.atMost("trials", trials, MOST_TRIALS);
        Bounds.atMost("factor", factor, MOST_TRIALS);
        Bounds.atMost("rounds", rounds, MOST_ROUNDS);
        if (method == Method.HALVING && (fields.containsKey("train.steps") || fields.containsKey("train.epochs"))) {
            throw new IllegalArgumentException("halving itself sets train.steps and train.epochs: remove them from the fields, or use method: random");
        }
    }

    static Space defaults() {
        return new Space(Method.HALVING, 9, 3, 3, 1, Map.of());
    }

    /** Rounds a candidate may pass; random search has one. */
    int length() {
        return method == Method.RANDOM ? 1 : rounds;
    }

    /** Steps of a round (from 0) of a run of {@code steps}. */
    long steps(int round, long steps) {
        return Math.max(1, Math.round(steps / Math.pow(factor, length() - 1 - round)));
    }

    /** How long a round (from 0) is, as a share of a whole run. */
    double share(int round) {
        return 1 / Math.pow(factor, length() - 1 - round);
    }

    /** How many of {@code candidates} pass a round; at least one. */
    int passing(int candidates) {
        return Math.max(1, candidates / factor);
    }

    /**
     * Values of one candidate, as overrides of a recipe.
     *
     * @param draw number of the draw; the same number gives the same values
     */
    List<String> draw(long draw) {
        var random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + draw);
        List<String> overrides = new ArrayList<>();
        fields.forEach((field, range) -> overrides.add(field + "=" + range.draw(random)));
        return overrides;
    }

    /** Requires that something is searched over. */
    void requireFields() {
        if (fields.isEmpty()) {
            throw new IllegalArgumentException("the space has no fields: name at least one, such as train.lr: {from: 1e-4, to: 1e-2, log: true}");
        }
    }

    /** Values a field may take: an interval, or a list. */
    public record Range(
            @Doc("smallest value") Optional<Double> from,
            @Doc("largest value") Optional<Double> to,
            @Doc("draw on a logarithmic scale, so that every factor is equally likely; false by default") Boolean log,
            @Doc("only whole numbers; false by default") Boolean whole,
            @Doc("instead of from and to: the values themselves") List<String> of) {
        public Range {
            // a value of a map has no defaults to be absent in favour of
            log = log != null && log;
            whole = whole != null && whole;
            if (of.isEmpty() == from.isEmpty() || from.isPresent() != to.isPresent()) {
                throw new IllegalArgumentException("expected either from and to, or of: [value, value]");
            }
            if (from.isPresent() && !(from.get() <= to.get())) {
                throw new IllegalArgumentException("from is " + from.get() + ", above to " + to.get());
            }
            if (log && from.isPresent() && !(from.get() > 0)) {
                throw new IllegalArgumentException("log needs from above 0, found " + from.get());
            }
            if (whole && from.isPresent() && Math.ceil(from.get()) > Math.floor(to.get())) {
                throw new IllegalArgumentException("no whole number lies between " + from.get() + " and " + to.get());
            }
        }

        /** One value, written so that it can be read: four digits. */
        String draw(SplittableRandom random) {
            if (!of.isEmpty()) {
                return of.get(random.nextInt(of.size()));
            }
            double low = whole ? Math.ceil(from.get()) : from.get();
            double high = whole ? Math.floor(to.get()) : to.get();
            // a whole number owns the interval around it, so that the ends are as likely as the rest
            double a = whole ? Math.max(low - 0.5, log ? 0.5 : low - 0.5) : low;
            double b = whole ? high + 0.5 : high;
            double u = random.nextDouble();
            double value = log ? Math.exp(Math.log(a) + u * (Math.log(b) - Math.log(a))) : a + u * (b - a);
            if (whole) {
                return Long.toString((long) Math.clamp(Math.rint(value), low, high));
            }
            // rounding must not leave the interval
            double rounded = new BigDecimal(value).round(new MathContext(4)).doubleValue();
            return Double.toString(Math.clamp(rounded, low, high));
        }
    }
}
