package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.picture.PictureModel;
import dev.zhulong.recipe.label.HeadTask;
import dev.zhulong.train.Ranks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;

/**
 * An encoder and labelled rows, or a network that sees and labelled pictures, to an encoder with a head, in a run directory: {@code recipe.yaml}, {@code checkpoints/}, {@code metrics.jsonl},
 * {@code evaluation.json}, {@code predictions.jsonl}, and the result in the run directory itself.
 */
public final class LabelJob extends RecipeJob<LabelRecipe, LabelJob.Result> {
    /**
     * What came of it.
     *
     * @param score   the held-out loss of the weights that were kept; empty if nothing is held out
     * @param measure its unit
     */
    public record Result(OptionalDouble score, String measure, String next) implements Outcome {}

    public LabelJob(LabelRecipe recipe) {
        this(recipe, Ranks.ALONE);
    }

    private LabelJob(LabelRecipe recipe, Ranks ranks) {
        super(recipe.absolute(), ranks);
    }

    @Override
    public LabelJob among(Ranks others) {
        recipe.train().share(others);
        return new LabelJob(recipe, others);
    }

    @Override
    public long needs() {
        return (PictureModel.isOne(base()) ? PictureRun.memory(recipe, pictures()) : memory(recipe, spec())).total();
    }

    @Override
    Run<Result> begin(Path directory, Progress progress, long available) {
        return PictureModel.isOne(base()) ? new PictureRun(recipe, ranks, directory, progress) : new LabelRun(recipe, ranks, directory, progress);
    }

    @Override
    Result finished(Path directory, Progress progress) {
        Path file = directory.resolve(LabelRun.EVALUATION);
        if (!Files.isRegularFile(file)) {
            return new Result(OptionalDouble.empty(), "loss", "");
        }
        JsonNode fields = JsonFields.read(file).object();
        fields.path("metrics").properties().forEach(metric -> progress.message(metric.getKey() + " " + metric.getValue().asText()));
        return new Result(OptionalDouble.of(fields.path("loss").asDouble()), fields.path("loss_unit").asText(), "");
    }

    private Path base() {
        return recipe.model().from().orElseThrow(() -> new IllegalArgumentException("missing model.from: the directory of the encoder to fine-tune"));
    }

    private VisionSpec pictures() {
        return (VisionSpec) HfConfig.network(base().resolve("config.json"));
    }

    private EncoderSpec spec() {
        return encoder(base(), recipe.task());
    }

    /** The encoder in a directory, without its weights. @throws IllegalArgumentException where there is none */
    static EncoderSpec encoder(Path directory, HeadTask.Kind task) {
        RecipeCheck.base(directory);
        NetworkSpec network = HfConfig.network(directory.resolve("config.json"));
        if (network instanceof EncoderSpec spec) {
            return spec;
        }
        throw new IllegalArgumentException(directory + " holds a decoder (" + network.family().modelType() + "), and the task " + task
                + " needs an encoder such as BERT; to fine-tune a decoder leave out the task (--task)");
    }

    @Override
    void check(Path directory, long available) {
        TrainingBudget.refuse(recipe.train(), "heads of encoders");
        if (PictureModel.isOne(base())) {
            PictureRun.check(recipe, base(), pictures(), directory);
            require(PictureRun.memory(recipe, pictures()), available);
            return;
        }
        EncoderSpec spec = spec();
        RecipeCheck.files(recipe.data().files(), recipe.data().heldOut());
        if (recipe.train().seq() > spec.contextLength()) {
            throw new IllegalArgumentException("train.seq " + recipe.train().seq() + " is longer than the model's context of " + spec.contextLength()
                    + "; give at most " + spec.contextLength());
        }
        recipe.headTask();
        require(memory(recipe, spec), available);
    }

    private void require(TrainingMemory memory, long available) {
        memory.require(RunDevice.available(recipe.device(), available), () -> memory.remedies(recipe.train().batch(), recipe.train().accumulation(), recipe.tuning().others(memory)));
    }

    static TrainingMemory memory(LabelRecipe recipe, EncoderSpec spec) {
        int seq = recipe.seq(spec.contextLength());
        Bounds.batch(recipe.train().batch(), seq);
        return recipe.tuning().memory(spec, recipe.train().batch(), seq, recipe.train().recompute());
    }
}
