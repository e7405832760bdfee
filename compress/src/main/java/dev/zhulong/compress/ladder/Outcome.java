package dev.zhulong.compress.ladder;

import dev.zhulong.compress.ladder.Goal.Of;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.Sizes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What came of it.
 *
 * @param chosen   what was written; empty for nothing
 * @param reached  whether it is all that was asked for
 * @param attempts all, in the order in which they were made
 * @param before   of the model
 * @param seconds  that it took
 * @param notes    what the user should know
 */
public record Outcome(Optional<Attempt> chosen, boolean reached, List<Attempt> attempts, Footprint before, Goal goal, double seconds, List<String> notes) {
    /** An attempt in one line: bytes before and after by each baseline, quality with intervals, speed, seconds, recipe. */
    public static String line(Attempt attempt, Footprint before, Goal goal) {
        Fidelity fidelity = attempt.fidelity();
        double rise = Math.expm1(fidelity.rise().value());
        return String.format(Locale.ROOT, "%s -> %s (%s of F32, %s of F16, %s of the files) · perplexity %.3f -> %.3f (%+.1f %%%s, floor %s) · KL %.4f%s · same top %.1f %% · decode %,.0f -> %,.0f"
                + " tokens/s (%.1f x) · %.0f s · %s%s", Sizes.of(before.bytes(goal.of())), Sizes.of(attempt.bytes()), smaller(attempt, before.bytes(Of.F32)), smaller(attempt, before.bytes(Of.F16)),
                smaller(attempt, before.bytes(Of.STORED)), fidelity.perplexity(), fidelity.perplexity() * (1 + rise), 100 * rise, interval(fidelity.rise()), Goal.percent(goal.floor()),
                fidelity.kl().value(), klInterval(fidelity.kl()), 100 * fidelity.sameTop().value(), attempt.tokensPerSecondBefore(), attempt.tokensPerSecond(),
                attempt.tokensPerSecond() / attempt.tokensPerSecondBefore(), attempt.seconds(), attempt.recipe(), remarks(fidelity));
    }

    private static String smaller(Attempt attempt, long before) {
        double share = 100.0 * attempt.bytes() / before - 100;
        return String.format(Locale.ROOT, share < 0 ? "−%.1f %%" : "+%.1f %%", Math.abs(share));
    }

    private static String interval(Estimate rise) {
        return Double.isNaN(rise.standardError()) ? "" : String.format(Locale.ROOT, ", 95 %%: %+.1f to %+.1f", 100 * Math.expm1(rise.low()), 100 * Math.expm1(rise.high()));
    }

    private static String klInterval(Estimate kl) {
        return Double.isNaN(kl.standardError()) ? "" : String.format(Locale.ROOT, " (%.4f to %.4f)", kl.low(), kl.high());
    }

    private static String remarks(Fidelity fidelity) {
        var remarks = new StringBuilder();
        if (fidelity.alike() < fidelity.texts()) {
            remarks.append(String.format(Locale.ROOT, " · KL over the %d of %d texts that are cut into the same tokens", fidelity.alike(), fidelity.texts()));
        }
        if (!fidelity.writesAsBefore()) {
            remarks.append(String.format(Locale.ROOT, " · writes otherwise: repetitions %.0f %% -> %.0f %%, ended %.0f %% -> %.0f %%", 100 * fidelity.before().repetition(),
                    100 * fidelity.after().repetition(), 100 * fidelity.before().ended(), 100 * fidelity.after().ended()));
        }
        if (fidelity.disagrees()) {
            remarks.append(" · perplexity fell although it is another model now: it fits these texts");
        }
        return remarks.toString();
    }

    /** Those that no other is better than in size and quality at once, the smallest first. */
    public List<Attempt> front() {
        var front = new ArrayList<Attempt>();
        for (Attempt attempt : attempts.stream().sorted(Comparator.comparingLong(Attempt::bytes).thenComparingDouble(a -> a.fidelity().quality())).toList()) {
            if (front.isEmpty() || attempt.fidelity().quality() < front.getLast().fidelity().quality()) {
                front.add(attempt);
            }
        }
        return front;
    }

    /** What is said where nothing was written: the nearest there is, by size and by quality. */
    public List<String> nearest() {
        var lines = new ArrayList<String>();
        long target = goal.bytes(before);
        attempts.stream().filter(a -> a.bytes() <= target).min(Comparator.comparingDouble(a -> a.fidelity().quality()))
                .ifPresent(a -> lines.add("small enough: " + line(a, before, goal)));
        attempts.stream().filter(a -> a.fidelity().keeps(goal.floor())).min(Comparator.comparingLong(Attempt::bytes))
                .ifPresent(a -> lines.add("good enough: " + line(a, before, goal)));
        return lines;
    }
}
