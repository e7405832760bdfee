package dev.zhulong.infer.open;

import dev.zhulong.formats.Sizes;
import dev.zhulong.infer.cpu.Candidate;
import dev.zhulong.infer.cpu.Choice;
import dev.zhulong.infer.cpu.Chooser.Chosen;
import dev.zhulong.infer.cpu.ExpectedTask;
import dev.zhulong.infer.cpu.Route;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.kernels.WeightType;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What {@code auto} is to choose, and what it says of it.
 *
 * @param route     whether the route is to choose
 * @param precision whether the precision is
 * @param task      what for
 * @param floor     the most that perplexity may rise where the precision is to choose, as a share of 1
 */
record AutoChoice(boolean route, boolean precision, ExpectedTask task, double floor) {
    /** What there is to choose from, the more precise first. */
    static final List<Optional<WeightType>> PRECISIONS = List.of(Optional.empty(), Optional.of(WeightType.Q8_0), Optional.of(WeightType.INT4));

    /** What {@code asked} leaves to choose; where that is nothing, the route. */
    static AutoChoice of(EngineChoice asked) {
        return new AutoChoice(!asked.measuresPrecision() || asked.route() == RouteWanted.AUTO, asked.measuresPrecision(), asked.task(), asked.qualityFloor());
    }

    List<Route> routes(Route fixed) {
        return route ? List.of(Route.values()) : List.of(fixed);
    }

    /**
     * The choice in one line, with its figures.
     *
     * @param stored   what most weights are held in before anything is chosen
     * @param measured whether there was a precision to choose: what is quantised has its own
     */
    String line(Chosen chosen, String stored, boolean measured) {
        Choice choice = chosen.choice();
        Candidate taken = choice.taken();
        var text = new StringBuilder("for ").append(task).append(": ").append(name(taken, stored, measured)).append(", products ")
                .append(Choice.seconds(taken.seconds())).append(", memory ").append(Sizes.memory(taken.memory()));
        if (measured) {
            boolean full = chosen.reference().weights().isEmpty();
            text.append(", perplexity ").append(Choice.percent(choice.rise())).append(String.format(Locale.ROOT, " (at most %.2f %%", 100 * floor))
                    .append(full ? "" : ", against " + precision(chosen.reference().weights(), stored) + ", the most precise that fits").append(')');
        }
        if (precision && !measured) {
            text.append(", precision is the model's own");
        }
        return text.append(choice.passed().stream().map(passed -> "; not " + name(passed.candidate(), stored, measured) + ": " + passed.why())
                .collect(Collectors.joining())).toString();
    }

    private static String name(Candidate candidate, String stored, boolean measured) {
        return (measured ? precision(candidate.weights(), stored) : stored) + " on the " + candidate.route().name().toLowerCase(Locale.ROOT) + " route";
    }

    static String precision(Optional<WeightType> weights, String stored) {
        return weights.map(type -> type == WeightType.Q8_0 ? "int8" : "int4").orElse("full (" + stored + ")");
    }
}
