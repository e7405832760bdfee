package dev.zhulong.recipe.jobs;

import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.DistilJob;
import dev.zhulong.recipe.DistilRecipe;
import dev.zhulong.recipe.EmbedJob;
import dev.zhulong.recipe.EmbedRecipe;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.Job;
import dev.zhulong.recipe.Kinds;
import dev.zhulong.recipe.LabelJob;
import dev.zhulong.recipe.LabelRecipe;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.PretrainRecipe;
import dev.zhulong.recipe.RewriteJob;
import dev.zhulong.recipe.RewriteRecipe;
import dev.zhulong.recipe.RunDirectory;
import dev.zhulong.recipe.quickstart.QuickstartJob;
import dev.zhulong.recipe.quickstart.QuickstartRecipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The jobs there are. A recipe names its job in the field {@code kind}, and so does the {@code recipe.yaml} of a run.
 *
 * <pre>{@code
 * Job job = Jobs.read(Optional.of(Path.of("recipe.yaml")), List.of("train.steps=100"));
 * Job interrupted = Jobs.in(Path.of("run"), List.of());
 * }</pre>
 */
public final class Jobs {
    private static final List<Kind<?>> KINDS = List.of(
            new Kind<>(PretrainRecipe.KIND, PretrainRecipe.class, PretrainJob::new),
            new Kind<>(FinetuneRecipe.KIND, FinetuneRecipe.class, FinetuneJob::new),
            new Kind<>(QuickstartRecipe.KIND, QuickstartRecipe.class, QuickstartJob::new),
            new Kind<>(LabelRecipe.KIND, LabelRecipe.class, LabelJob::new),
            new Kind<>(RewriteRecipe.KIND, RewriteRecipe.class, RewriteJob::new),
            new Kind<>(EmbedRecipe.KIND, EmbedRecipe.class, EmbedJob::new),
            new Kind<>(DistilRecipe.KIND, DistilRecipe.class, DistilJob::new));

    /** @param recipe what its YAML becomes */
    private record Kind<R extends Record>(String name, Class<R> recipe, Function<R, Job> job) {
        Job read(Optional<Path> file, List<String> overrides) {
            return job.apply(file.isPresent() ? RecipeReader.read(file.get(), recipe, overrides) : RecipeReader.defaults(recipe, overrides));
        }
    }

    private Jobs() {}

    /** The names of all kinds. */
    public static List<String> kinds() {
        return KINDS.stream().map(Kind::name).toList();
    }

    /**
     * The job of a recipe.
     *
     * @param recipe    a file; without one the defaults of the kind that the overrides name
     * @param overrides as on the command line: {@code train.steps=100}
     * @throws IllegalArgumentException if it is of no known kind, or not what a recipe of its kind is
     */
    public static Job read(Optional<Path> recipe, List<String> overrides) {
        return kind(kindOf(recipe, overrides)).read(recipe, overrides);
    }

    /** The kind of the job that {@link #read} makes. */
    public static String kindOf(Optional<Path> recipe, List<String> overrides) {
        Map<String, String> fields = new HashMap<>(recipe.map(RecipeReader::fields).orElse(Map.of()));
        for (String override : overrides) {
            int end = override.indexOf('=');
            if (end > 0) {
                String field = override.substring(0, end).strip();
                fields.put(field.replaceAll("\\..*", ""), field.contains(".") ? "" : override.substring(end + 1));
            }
        }
        return Kinds.of(fields);
    }

    /**
     * The job of the run in a directory.
     *
     * @param overrides of what may change from start to start: {@code device=cuda}
     * @throws IllegalArgumentException if there is none
     */
    public static Job in(Path run, List<String> overrides) {
        Path recipe = run.resolve(RunDirectory.RECIPE);
        if (!Files.isRegularFile(recipe)) {
            return QuickstartJob.begunIn(run).orElseThrow(() -> new IllegalArgumentException(run + " holds no run: it has no " + RunDirectory.RECIPE
                    + (Files.isDirectory(run) ? "" : " (there is no such directory)")));
        }
        return kind(RunDirectory.kind(run)).read(Optional.of(recipe), overrides);
    }

    private static Kind<?> kind(String name) {
        return KINDS.stream().filter(kind -> kind.name.equals(name)).findFirst().orElseThrow(() -> new IllegalArgumentException("there is no kind of job '"
                + name + "': a recipe's kind is one of " + String.join(", ", kinds())));
    }
}
