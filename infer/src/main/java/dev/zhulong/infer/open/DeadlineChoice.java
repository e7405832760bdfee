package dev.zhulong.infer.open;

import dev.zhulong.kernels.WeightType;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * Which precision was chosen for a deadline. A function of what was measured and of nothing else: the most precise that writes a token in time; where
 * none does, the fastest.
 *
 * @param deadline the most milliseconds that a token may take
 * @param taken    the chosen one
 * @param others   those that were measured and not taken, the more precise first
 */
record DeadlineChoice(double deadline, Tried taken, List<Tried> others) {
    /**
     * One that was measured.
     *
     * @param weights      what matrices are quantised to; empty for as they are stored
     * @param milliseconds a token; infinite where the model does not fit into memory so
     */
    record Tried(Optional<WeightType> weights, double milliseconds) {}

    /**
     * Chooses.
     *
     * @param precisions   at least one, the more precise first
     * @param milliseconds a token takes; asked for the more precise first and no further than it must, as it takes long
     */
    static DeadlineChoice of(double deadline, List<Optional<WeightType>> precisions, ToDoubleFunction<Optional<WeightType>> milliseconds) {
        List<Tried> tried = new ArrayList<>();
        for (Optional<WeightType> weights : precisions) {
            var one = new Tried(weights, milliseconds.applyAsDouble(weights));
            if (one.milliseconds <= deadline) {
                return new DeadlineChoice(deadline, one, List.copyOf(tried));
            }
            tried.add(one);
        }
        Tried fastest = tried.stream().min(Comparator.comparingDouble(Tried::milliseconds)).orElseThrow();
        tried.remove(fastest);
        return new DeadlineChoice(deadline, fastest, List.copyOf(tried));
    }

    boolean kept() {
        return taken.milliseconds <= deadline;
    }

    /**
     * The choice in one line, with its figures.
     *
     * @param stored what most weights are held in before anything is chosen
     * @param fixed  whether there was no other precision to choose
     */
    String line(String stored, boolean fixed) {
        String name = fixed ? stored + ", the model's own precision," : AutoChoice.precision(taken.weights, stored) + (kept() ? "" : ", the fastest,");
        String text = String.format(Locale.ROOT, "%s within %s ms: %s takes %s", kept() ? "a token" : "nothing writes a token", number(deadline), name, time(taken));
        return text + others.stream().map(other -> "; not " + AutoChoice.precision(other.weights, stored) + ": " + time(other)).collect(Collectors.joining());
    }

    private static String time(Tried tried) {
        return Double.isInfinite(tried.milliseconds) ? "does not fit into memory" : number(tried.milliseconds) + " ms";
    }

    /** Milliseconds for people. */
    private static String number(double milliseconds) {
        return String.format(Locale.ROOT, milliseconds < 10 ? "%.2f" : "%.1f", milliseconds);
    }
}
