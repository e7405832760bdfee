package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.train.Ranks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;

/**
 * An encoder and texts that belong together to a sentence encoder, in a run directory: {@code recipe.yaml}, {@code checkpoints/}, {@code metrics.jsonl},
 * {@code evaluation.json}, and the result in the run directory itself.
 */
public final class EmbedJob extends RecipeJob<EmbedRecipe, EmbedJob.Result> {
    /**
     * What came of it.
     *
     * @param score   the held-out loss of the weights that were kept; empty if nothing is held out
     * @param measure its unit
     */
    public record Result(OptionalDouble score, String measure, String next) implements Outcome {}

    public EmbedJob(EmbedRecipe recipe) {
        this(recipe, Ranks.ALONE);
    }

    private EmbedJob(EmbedRecipe recipe, Ranks ranks) {
        super(recipe.absolute(), ranks);
    }

    @Override
    public EmbedJob among(Ranks others) {
        recipe.train().share(others);
        return new EmbedJob(recipe, others);
    }

    @Override
    public long needs() {
        return memory(recipe, spec()).total();
    }

    @Override
    Run<Result> begin(Path directory, Progress progress, long available) {
        return new EmbedRun(recipe, ranks, directory, progress);
    }

    @Override
    Result finished(Path directory, Progress progress) {
        Path file = directory.resolve(FinalEvaluation.FILE);
        if (!Files.isRegularFile(file)) {
            return new Result(OptionalDouble.empty(), "loss", "");
        }
        JsonNode fields = JsonFields.read(file).object();
        fields.path("after").properties().forEach(metric -> progress.message(metric.getKey() + " " + metric.getValue().asText()));
        return new Result(OptionalDouble.of(fields.path("loss").asDouble()), fields.path("loss_unit").asText(), "");
    }

    private Path base() {
        return recipe.model().from().orElseThrow(() -> new IllegalArgumentException("missing model.from: the directory of the encoder to train"));
    }

    private EncoderSpec spec() {
        Path base = base();
        Path network = base.resolve(EmbeddingConfig.read(base).network());
        RecipeCheck.base(network);
        NetworkSpec found = HfConfig.network(network.resolve("config.json"));
        if (found instanceof EncoderSpec spec) {
            return spec.withoutHead();
        }
        throw new IllegalArgumentException(base + " holds a model that is no encoder (" + found.family().modelType() + "), and the task embed needs one such as BERT");
    }

    @Override
    void check(Path directory, long available) {
        TrainingBudget.refuse(recipe.train(), "encoders");
        EncoderSpec spec = spec();
        RecipeCheck.files(recipe.data().files(), recipe.data().heldOut());
        if (recipe.train().seq() > spec.contextLength()) {
            throw new IllegalArgumentException("train.seq " + recipe.train().seq() + " is longer than the model's context of " + spec.contextLength()
                    + "; give at most " + spec.contextLength());
        }
        TrainingMemory memory = memory(recipe, spec);
        memory.require(RunDevice.available(recipe.device(), available), () -> memory.remedies(recipe.train().batch(), recipe.train().accumulation(), recipe.tuning().others(memory)));
    }

    /** A row is two texts, or three. */
    static TrainingMemory memory(EmbedRecipe recipe, EncoderSpec spec) {
        int seq = recipe.seq(spec.contextLength());
        Bounds.batch(recipe.train().batch(), seq);
        return recipe.tuning().memory(spec, 3L * recipe.train().batch(), seq, recipe.train().recompute());
    }
}
