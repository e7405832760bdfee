package dev.zhulong.compress.ladder;

import java.time.Duration;
import java.util.Locale;

/**
 * What a smaller model has to be.
 *
 * @param smaller share of the bytes that have to go, of 1
 * @param of      what they are counted from
 * @param floor   the most that perplexity and exp(KL) may rise on text never seen, as a share of 1, at the upper ends of their 95 % intervals
 * @param faster  times the speed of writing that it has to reach; 0 for any
 * @param limit   after which nothing new is tried
 */
public record Goal(double smaller, Of of, double floor, double faster, Duration limit) {
    /** What bytes before are: those of the weights with 32 or 16 bits each, or those of the files as they are; the tokenizer's are counted on both sides. */
    public enum Of {
        F32, F16, STORED;

        String words() {
            return this == STORED ? "the files as they are" : name();
        }
    }

    public Goal {
        if (!(smaller >= 0 && smaller < 1)) {
            throw new IllegalArgumentException("the share to save must be at least 0 % and below 100 %, found " + percent(smaller));
        }
        if (!(floor > 0 && floor < 10)) {
            throw new IllegalArgumentException("the quality floor must be above 0 % and below 1000 %, found " + percent(floor));
        }
        if (!(faster >= 0)) {
            throw new IllegalArgumentException("the speed must be a number of times such as 3, found " + faster);
        }
        if (limit.isNegative() || limit.isZero()) {
            throw new IllegalArgumentException("the time must be more than nothing, found " + limit);
        }
    }

    /** The most bytes there may be. */
    public long bytes(Footprint before) {
        return (long) Math.floor(before.bytes(of) * (1 - smaller));
    }

    /** Whether an attempt is all that was asked for. */
    boolean isReached(Attempt attempt, Footprint before) {
        return attempt.bytes() <= bytes(before) && attempt.fidelity().keeps(floor) && isFastEnough(attempt);
    }

    boolean isFastEnough(Attempt attempt) {
        return attempt.tokensPerSecond() >= faster * attempt.tokensPerSecondBefore();
    }

    static String percent(double share) {
        return String.format(Locale.ROOT, "%.4g %%", 100 * share);
    }
}
