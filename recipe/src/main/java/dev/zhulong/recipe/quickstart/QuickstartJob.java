package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.recipe.Job;
import dev.zhulong.recipe.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;

/** A {@link Quickstart} as one job among others. */
public record QuickstartJob(QuickstartRecipe recipe) implements Job {
    /** @param report where the page is */
    public record Result(Path report, OptionalDouble score) implements Outcome {
        @Override
        public String measure() {
            return "bits a byte";
        }

        @Override
        public String next() {
            return "";
        }
    }

    /** The quickstart that was begun in a directory, whether or not it kept a recipe there. */
    public static Optional<QuickstartJob> begunIn(Path run) {
        return Files.isRegularFile(run.resolve(Plan.FILE)) ? Optional.of(new QuickstartJob(QuickstartRecipe.of(Plan.read(run.resolve(Plan.FILE)))))
                : Optional.empty();
    }

    @Override
    public String kind() {
        return recipe.kind();
    }

    @Override
    public long needs() {
        return 0;
    }

    @Override
    public Result run(Path directory, Progress progress, long available) {
        Path report = Quickstart.run(new QuickstartOptions(recipe.minutes(), directory, recipe.corpus(), recipe.seed(), Optional.empty()), progress, available);
        return new Result(report, OptionalDouble.of(Report.read(directory).heldOut().model().bitsPerByte()));
    }
}
