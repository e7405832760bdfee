package dev.zhulong.recipe;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.train.Ranks;
import java.nio.file.Path;

/** A job in a {@linkplain RunDirectory run directory} that keeps its recipe. */
abstract class RecipeJob<R extends Record & RunRecipe, O extends Outcome> implements Job {
    final R recipe;
    /** Those who do it together. */
    final Ranks ranks;

    /** One start of a job. */
    interface Run<O> {
        O run();

        /** Whether training has begun: until then, what is wrong lies in what was given, and the directory may have another recipe. */
        boolean training();
    }

    RecipeJob(R recipe, Ranks ranks) {
        this.recipe = recipe;
        this.ranks = ranks;
    }

    @Override
    public R recipe() {
        return recipe;
    }

    @Override
    public final String kind() {
        return recipe.kind();
    }

    /** Finds what is wrong with the recipe before its directory is made and anything is loaded. */
    abstract void check(Path directory, long available);

    abstract Run<O> begin(Path directory, Progress progress, long available);

    /** Of a run that came to its end before. */
    abstract O finished(Path directory, Progress progress);

    @Override
    public O run(Path directory, Progress progress) {
        return run(directory, progress, Long.MAX_VALUE);
    }

    @Override
    public O run(Path directory, Progress progress, long available) {
        if (!RunDirectory.finished(directory)) {
            check(directory, available);
        }
        if (ranks.rank() > 0) {
            // the directory is rank 0's
            if (RunDirectory.finished(directory)) {
                return finished(directory, progress);
            }
            try (var on = DeviceScope.open(Device.parse(recipe.device()))) {
                return begin(directory, progress, available).run();
            }
        }
        try (RunDirectory held = RunDirectory.open(directory, recipe)) {
            if (held.finished()) {
                progress.message(directory + " is finished.");
                return finished(directory, progress);
            }
            Run<O> run = begin(directory, progress, available);
            RunDevice.notice(recipe.device()).ifPresent(progress::message);
            try (var hint = ResumeHint.of(held.path(), System.err); var on = DeviceScope.open(Device.parse(recipe.device()))) {
                return run.run();
            } catch (IllegalArgumentException e) {
                if (!run.training()) {
                    held.withdraw();
                }
                throw e;
            }
        }
    }
}
