package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.train.Ranks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;

/**
 * Pairs of texts to an encoder–decoder, in a run directory: {@code recipe.yaml}, {@code checkpoints/}, {@code metrics.jsonl}, {@code evaluation.json},
 * {@code predictions.jsonl}, and the result in the run directory itself.
 */
public final class RewriteJob extends RecipeJob<RewriteRecipe, RewriteJob.Result> {
    /**
     * What came of it.
     *
     * @param score   the held-out loss of the weights that were kept; empty if nothing is held out
     * @param measure its unit
     */
    public record Result(OptionalDouble score, String measure, String next) implements Outcome {}

    public RewriteJob(RewriteRecipe recipe) {
        this(recipe, Ranks.ALONE);
    }

    private RewriteJob(RewriteRecipe recipe, Ranks ranks) {
        super(recipe.absolute(), ranks);
    }

    @Override
    public RewriteJob among(Ranks others) {
        recipe.train().share(others);
        return new RewriteJob(recipe, others);
    }

    @Override
    public long needs() {
        return memory(recipe, spec()).total();
    }

    @Override
    Run<Result> begin(Path directory, Progress progress, long available) {
        return new RewriteRun(recipe, ranks, directory, progress);
    }

    @Override
    Result finished(Path directory, Progress progress) {
        Path file = directory.resolve(FinalEvaluation.FILE);
        if (!Files.isRegularFile(file)) {
            return new Result(OptionalDouble.empty(), "loss", "");
        }
        JsonNode fields = JsonFields.read(file).object();
        progress.message("held-out loss " + fields.path("loss").asText() + " " + fields.path("loss_unit").asText());
        fields.path("metrics").forEach(metric -> progress.message(metric.path("name").asText() + " " + metric.path("score").asText()));
        return new Result(OptionalDouble.of(fields.path("loss").asDouble()), fields.path("loss_unit").asText(), "");
    }

    /** Of the base, or the largest that a new model can come to. */
    private EncoderDecoderSpec spec() {
        if (recipe.model().from().isPresent() == recipe.model().family().isPresent()) {
            throw new IllegalArgumentException("give either model.from, the directory of an encoder–decoder to train further, or model.family (marian, t5 or bart) for a"
                    + " new one");
        }
        return recipe.model().from().map(RewriteJob::base).orElseGet(() -> RewriteModel.spec(recipe, recipe.tokenizer().vocabSize()));
    }

    private static EncoderDecoderSpec base(Path directory) {
        RecipeCheck.base(directory);
        NetworkSpec network = HfConfig.network(directory.resolve("config.json"));
        if (network instanceof EncoderDecoderSpec spec) {
            return spec;
        }
        throw new IllegalArgumentException(directory + " holds a model that is no encoder–decoder (" + network.family().modelType()
                + "), and pairs of texts are learnt by one such as T5; to fine-tune a decoder leave out the task (--task)");
    }

    @Override
    void check(Path directory, long available) {
        TrainingBudget.refuse(recipe.train(), "encoder-decoders");
        EncoderDecoderSpec spec = spec();
        RecipeCheck.files(recipe.data().files(), recipe.data().heldOut());
        if (recipe.train().seq() > spec.longest()) {
            throw new IllegalArgumentException("train.seq " + recipe.train().seq() + " is longer than the model's context of " + spec.longest()
                    + "; give at most " + spec.longest());
        }
        TrainingMemory memory = memory(recipe, spec);
        memory.require(RunDevice.available(recipe.device(), available), () -> memory.remedies(recipe.train().batch(), recipe.train().accumulation(), recipe.tuning().others(memory)));
    }

    static TrainingMemory memory(RewriteRecipe recipe, EncoderDecoderSpec spec) {
        int seq = recipe.seq(spec.longest());
        Bounds.batch(recipe.train().batch(), seq);
        return recipe.tuning().memory(spec, recipe.train().batch(), seq, recipe.train().recompute());
    }
}
