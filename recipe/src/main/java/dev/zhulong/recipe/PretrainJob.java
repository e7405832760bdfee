package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.train.Ranks;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * Text to a trained model, in a run directory: {@code recipe.yaml}, {@code data/}, {@code checkpoints/}, {@code metrics.jsonl},
 * {@code tensorboard/}, and in the end a Hugging Face model in the run directory itself.
 *
 * <pre>{@code
 * var recipe = RecipeReader.read(Path.of("recipes/small-llama.yaml"), PretrainRecipe.class, List.of("train.steps=100"));
 * try (var line = ProgressLine.on(System.err)) {
 *     new PretrainJob(recipe).run(Path.of("run"), line);
 * }
 * }</pre>
 */
public final class PretrainJob extends RecipeJob<PretrainRecipe, PretrainJob.Result> implements Searchable {
    /**
     * What came of it.
     *
     * @param evaluation the last, over everything held out; empty if nothing is
     */
    public record Result(Optional<FinalEvaluation> evaluation, String next) implements Outcome {
        @Override
        public OptionalDouble score() {
            return evaluation.map(e -> OptionalDouble.of(e.bitsPerByte())).orElse(OptionalDouble.empty());
        }

        @Override
        public String measure() {
            return "bits a byte";
        }
    }

    public PretrainJob(PretrainRecipe recipe) {
        this(recipe, Ranks.ALONE);
    }

    private PretrainJob(PretrainRecipe recipe, Ranks ranks) {
        super(recipe.absolute(), ranks);
    }

    @Override
    public PretrainJob among(Ranks others) {
        TrainingBudget.refuse(recipe.train(), "several ranks");
        recipe.train().share(others);
        if (recipe.model().correctionRate() > 0 && (!others.computes() || others.worker().isPresent())) {
            throw new IllegalArgumentException("model.correction_rate moves experts by what ranks have seen together, which a parameter server does not: set it to 0, or leave --staleness out");
        }
        return new PretrainJob(recipe, others);
    }

    @Override
    public Train train() {
        return recipe.train();
    }

    @Override
    public PretrainJob with(List<String> overrides) {
        return new PretrainJob(RecipeReader.read(RecipeReader.toYaml(recipe), "recipe", PretrainRecipe.class, overrides));
    }

    @Override
    public long needs() {
        return memory(recipe, smallest(recipe)).total();
    }

    @Override
    void check(Path directory, long available) {
        RecipeCheck.of(recipe, directory);
        DecoderSpec spec = smallest(recipe);
        RecipeCheck.experts(recipe.model(), spec);
        requireMemory(recipe, spec, ranks.size(), available);
    }

    @Override
    Run<Result> begin(Path directory, Progress progress, long available) {
        return new PretrainRun(recipe, ranks, directory, progress, available);
    }

    @Override
    Result finished(Path directory, Progress progress) {
        Optional<FinalEvaluation> result = FinalEvaluation.read(directory.resolve(FinalEvaluation.FILE));
        result.ifPresent(e -> progress.message("held out: " + e.text()));
        return result(recipe, directory, result);
    }

    static Result result(PretrainRecipe recipe, Path directory, Optional<FinalEvaluation> evaluation) {
        return new Result(evaluation, recipe.adapter().isPresent()
                ? "the adapter is in " + directory + "; generate text: zhulong generate --model " + recipe.model().from().orElseThrow() + " --adapter " + directory
                : "the model is in " + directory + "; generate text: zhulong generate --model " + directory);
    }

    /** The model as far as the recipe alone says, whose vocabulary may be smaller than that of any text. */
    private static DecoderSpec smallest(PretrainRecipe recipe) {
        return recipe.model().from().map(from -> ModelShape.of(recipe.model(), from)).orElseGet(() -> ModelShape.smallest(recipe));
    }

    private static TrainingMemory memory(PretrainRecipe recipe, DecoderSpec spec) {
        Train t = recipe.train();
        int seq = seq(recipe, spec);
        Bounds.batch(t.batch(), seq);
        var memory = TrainingMemory.pretraining(spec, t.batch(), seq, recipe.data().packing() == PretrainRecipe.Packing.DOCUMENTS, t.recompute());
        return recipe.adapter().isEmpty() ? memory
                : memory.withMethod(Method.LORA, LoraAdapter.count(spec, recipe.adapter().get().config(recipe.model().from().orElseThrow())));
    }

    static void requireMemory(PretrainRecipe recipe, DecoderSpec spec, int ranks, long available) {
        Optional<Path> from = recipe.model().from();
        TrainingMemory needed = recipe.train().among(ranks, memory(recipe, spec));
        Optional<TrainingBudget> budget = TrainingBudget.of(recipe.train());
        if (budget.isPresent()) {
            if (recipe.adapter().isPresent()) {
                TrainingBudget.refuse(recipe.train(), "an adapter");
            }
            budget.get().require(needed, recipe.train().optimizer(), recipe.device());
            return;
        }
        needed.require(RunDevice.available(recipe.device(), available), () -> needed.remedies(recipe.train().batch(), recipe.train().accumulation(),
                from.isEmpty() || recipe.adapter().isPresent() ? Map.of() : Map.of("train an adapter instead (--lora 8)", needed.withMethod(Method.LORA,
                        LoraAdapter.count(spec, PretrainRecipe.Adapter.defaults().config(from.get()))))));
    }

    static int seq(PretrainRecipe recipe, DecoderSpec spec) {
        return recipe.train().seq() == 0 ? spec.contextLength() : recipe.train().seq();
    }

    @Override
    public Length length() {
        Train t = recipe.train();
        if (t.steps() == 0) {
            throw new IllegalArgumentException("how many steps train.epochs are is known when the text has been read: give train.steps");
        }
        return new Length(t.steps(), (long) ((double) t.steps() * t.accumulation() * t.batch() * seq(recipe, smallest(recipe))));
    }

    /** Prepares the data once for many runs, unless the fields decide what they are: the same recipe, but reading the shards made in {@code directory}. */
    @Override
    public PretrainJob shared(Set<String> fields, Path directory, Progress progress, long available) {
        if (recipe.data().shards().isPresent() || fields.stream().anyMatch(f -> f.startsWith("data") || f.startsWith("replay") || f.equals("seed")
                || f.equals("model.from") || f.equals("model.context_length"))) {
            return this;
        }
        check(directory, available);
        try (PreparedData data = PreparedData.of(recipe, directory, progress)) {
            if (data.validation().isEmpty()) {
                throw new IllegalArgumentException("nothing is held out: give more documents, or data.split=position for one long text");
            }
            PretrainRecipe.Data d = recipe.data();
            PretrainRecipe.Tokens t = d.tokenizer();
            Path shards = directory.toAbsolutePath().resolve("shards");
            return new PretrainJob(new PretrainRecipe(recipe.kind(), recipe.seed(), recipe.device(),
                    new PretrainRecipe.Data(List.of(), Optional.empty(), Optional.of(shards), d.extensions(), d.field(), d.clean(), d.steps(),
                            d.validationFraction(), d.split(), d.packing(), new PretrainRecipe.Tokens(t.type(), t.vocabSize(), t.specials(),
                            Optional.of(data.tokenizerDirectory().toAbsolutePath())), PretrainRecipe.Gaps.defaults()), recipe.model(),
                    recipe.replay().map(r -> new PretrainRecipe.Replay(List.of(), Optional.empty(), Optional.of(shards.resolve("replay")), r.share())),
                    recipe.adapter(), recipe.train()));
        }
    }
}
