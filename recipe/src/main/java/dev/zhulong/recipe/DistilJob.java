package dev.zhulong.recipe;

import dev.zhulong.compress.prune.Staying;
import dev.zhulong.compress.prune.Staying.Wanted;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.train.HiddenStates;
import dev.zhulong.train.Ranks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * A teacher and text to a smaller student, in a run directory: {@code recipe.yaml}, {@code data/}, {@code checkpoints/}, {@code metrics.jsonl}, {@code evaluation.json}, and the student
 * in the run directory itself. It is never worse than it began: the weights of the best evaluation are kept, the start's among them.
 */
public final class DistilJob extends RecipeJob<DistilRecipe, DistilJob.Result> {
    /**
     * What came of it.
     *
     * @param score divergence from the teacher over everything held out, nats a token
     */
    public record Result(OptionalDouble score, String next) implements Outcome {
        @Override
        public String measure() {
            return "nats a token from the teacher";
        }
    }

    public DistilJob(DistilRecipe recipe) {
        super(recipe.absolute(), Ranks.ALONE);
    }

    @Override
    public long needs() {
        return memory().total() + teacherBytes();
    }

    @Override
    void check(Path directory, long available) {
        Path teacher = teacher(recipe);
        if (GgufFile.isOne(teacher) && recipe.student().from().isEmpty()) {
            throw new IllegalArgumentException(teacher + " is a file, from which no student is cut: give the directory it was made from, or a student of its own (--student DIR)");
        }
        if (GgufFile.isOne(teacher) && recipe.objective().hidden() > 0) {
            throw new IllegalArgumentException(teacher + " is a file, and states of its layers cannot be seen: give the directory it was made from, or leave objective.hidden (--hidden) out");
        }
        RecipeCheck.of(recipe.pretraining(), directory);
        DecoderSpec student = student(recipe);
        HiddenStates.pairs(recipe.objective().hiddenLayers(), student.layers(), List.of(), student.layers());
        if (recipe.student().from().isPresent()) {
            SameTokenizer.require(teacher, recipe.student().from().get(), "take a student with the teacher's tokenizer, or cut one from the teacher (--layers)");
        }
        int seq = seq(recipe, student);
        if (seq > student.contextLength()) {
            throw new IllegalArgumentException("train.seq " + seq + " is longer than the student's context of " + student.contextLength() + "; give at most " + student.contextLength());
        }
        TrainingMemory memory = memory();
        memory.require(RunDevice.available(recipe.device(), available) - teacherBytes(), () -> memory.remedies(recipe.train().batch(), recipe.train().accumulation(), Map.of()));
    }

    static Path teacher(DistilRecipe recipe) {
        return recipe.teacher().orElseThrow(() -> new IllegalArgumentException("missing teacher: the model to learn from (--teacher)"));
    }

    /** The student's shape. */
    static DecoderSpec student(DistilRecipe recipe) {
        if (recipe.student().from().isPresent()) {
            return HfConfig.read(recipe.student().from().get().resolve("config.json"));
        }
        DecoderSpec teacher = HfConfig.read(teacher(recipe).resolve("config.json"));
        return layers(recipe, teacher).spec(teacher);
    }

    /** The teacher's layers that the student is cut from. */
    static Staying layers(DistilRecipe recipe, DecoderSpec teacher) {
        List<Integer> these = !recipe.student().layerList().isEmpty() ? recipe.student().layerList() : recipe.student().layers() > 0
                ? Staying.spread(recipe.student().layers(), teacher.layers()) : List.of();
        if (these.isEmpty()) {
            throw new IllegalArgumentException("missing student: a directory (--student DIR), or how many of the teacher's layers it has (--layers N)");
        }
        return Staying.choose(teacher, Wanted.layers(these), null);
    }

    static int seq(DistilRecipe recipe, DecoderSpec spec) {
        return recipe.train().seq() == 0 ? spec.contextLength() : recipe.train().seq();
    }

    private TrainingMemory memory() {
        DecoderSpec spec = student(recipe);
        Train t = recipe.train();
        int seq = seq(recipe, spec);
        Bounds.batch(t.batch(), seq);
        return TrainingMemory.pretraining(spec, t.batch(), seq, recipe.data().packing() == PretrainRecipe.Packing.DOCUMENTS, t.recompute());
    }

    private long teacherBytes() {
        return DistilTeacher.bytes(teacher(recipe));
    }

    @Override
    Run<Result> begin(Path directory, Progress progress, long available) {
        return new DistilRun(recipe, directory, progress);
    }

    @Override
    Result finished(Path directory, Progress progress) {
        Path file = directory.resolve(FinalEvaluation.FILE);
        if (!Files.isRegularFile(file)) {
            return new Result(OptionalDouble.empty(), "");
        }
        JsonFields fields = JsonFields.read(file);
        fields.text("text").ifPresent(progress::message);
        return new Result(OptionalDouble.of(fields.number("divergence")), "");
    }
}
