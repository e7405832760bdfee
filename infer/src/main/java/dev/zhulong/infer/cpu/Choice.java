package dev.zhulong.infer.cpu;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * Which of several ways to run a model was chosen. A function of what was measured and of nothing else: of those that fit into memory and keep to
 * the quality asked for, the fastest for the expected task; of equally fast ones the first.
 *
 * @param taken  the chosen one
 * @param rise   of perplexity, as a share of 1; not a number where no quality was asked for
 * @param passed the others, each with the reason
 */
public record Choice(Candidate taken, double rise, List<Passed> passed) {
    /** One that was not chosen. */
    public record Passed(Candidate candidate, String why) {}

    /**
     * Chooses.
     *
     * @param candidates the more precise first
     * @param available  bytes of memory
     * @param floor      the most that perplexity may rise, as a share of 1; infinite where quality does not matter
     * @param rise       of a candidate's perplexity; asked for the faster ones first and no further than it must, as it takes long
     * @throws IllegalArgumentException where none is left; says what to do
     */
    public static Choice of(List<Candidate> candidates, long available, double floor, ToDoubleFunction<Candidate> rise) {
        List<Candidate> bySpeed = candidates.stream().filter(candidate -> candidate.possible(available))
                .sorted(Comparator.comparingDouble(Candidate::seconds)).toList();
        List<Passed> passed = new ArrayList<>();
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < bySpeed.size(); i++) {
            Candidate candidate = bySpeed.get(i);
            double risen = floor == Double.POSITIVE_INFINITY ? Double.NaN : rise.applyAsDouble(candidate);
            // a rise that is not a number is none that can be answered for
            if (floor == Double.POSITIVE_INFINITY || risen <= floor) {
                bySpeed.subList(i + 1, bySpeed.size()).forEach(slower -> passed.add(new Passed(slower, seconds(slower.seconds()))));
                candidates.stream().filter(other -> !other.possible(available)).forEach(other -> passed.add(new Passed(other, other.obstacle()
                        .orElseGet(() -> "needs " + megabytes(other.memory()) + " and " + megabytes(available) + " are available"))));
                return new Choice(candidate, risen, List.copyOf(passed));
            }
            passed.add(new Passed(candidate, seconds(candidate.seconds()) + " but perplexity " + percent(risen)));
            least = Math.min(least, Double.isNaN(risen) ? Double.POSITIVE_INFINITY : risen);
        }
        throw new IllegalArgumentException(bySpeed.isEmpty() ? nothingFits(candidates, available) : String.format(Locale.ROOT,
                "of what fits into memory nothing keeps perplexity within %.2f %%%s", 100 * floor, least == Double.POSITIVE_INFINITY ? ": the model's logits are"
                + " not finite" : String.format(Locale.ROOT, ", the nearest rises it by %.2f %%: raise --quality-floor, or free memory for a more precise one",
                100 * least)));
    }

    private static String nothingFits(List<Candidate> candidates, long available) {
        return candidates.stream().filter(candidate -> candidate.obstacle().isEmpty()).min(Comparator.comparingLong(Candidate::memory))
                .map(smallest -> "the least that was to choose from needs " + megabytes(smallest.memory()) + " of memory for the expected task and "
                        + megabytes(available) + " are available: expect less (--expect), close other programs or take a smaller model")
                .orElseGet(() -> candidates.getFirst().obstacle().orElseThrow());
    }

    /** Seconds for people. */
    public static String seconds(double seconds) {
        return String.format(Locale.ROOT, seconds < 0.1 ? "%.4f s" : "%.2f s", seconds);
    }

    /** A rise for people, such as {@code +0.08 %}. */
    public static String percent(double rise) {
        return String.format(Locale.ROOT, "%+.2f %%", 100 * rise);
    }

    private static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%,.1f MB", bytes * 1e-6);
    }
}
