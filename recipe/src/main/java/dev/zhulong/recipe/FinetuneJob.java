package dev.zhulong.recipe;

import dev.zhulong.data.tune.DataSource;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.cost.Counts;
import dev.zhulong.recipe.cost.Sharing;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.train.Ranks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A model and examples to an adapter, or to a model whose weights were all trained, in a run directory: {@code recipe.yaml},
 * {@code checkpoints/}, {@code metrics.jsonl}, {@code evaluation.json}, and the result in the run directory itself, with the tokenizer and
 * the chat template it was trained with.
 */
public final class FinetuneJob extends RecipeJob<FinetuneRecipe, FinetuneJob.Result> implements Searchable {
    /** Rows longer than this cost much and are seldom meant; a recipe may ask for them. */
    private static final int LONGEST_BY_DEFAULT = 512;

    /**
     * What came of it.
     *
     * @param evaluation of what is held out; empty if nothing is
     */
    public record Result(Optional<FinetuneEvaluation> evaluation, String next) implements Outcome {
        @Override
        public OptionalDouble score() {
            return evaluation.map(e -> OptionalDouble.of(e.after().loss())).orElse(OptionalDouble.empty());
        }

        @Override
        public String measure() {
            return evaluation.map(e -> measure(!Double.isNaN(e.after().accuracy()))).orElse("loss");
        }

        static String measure(boolean pairs) {
            return pairs ? "DPO loss in nats a pair" : "nats a learnt token";
        }
    }

    public FinetuneJob(FinetuneRecipe recipe) {
        this(recipe, Ranks.ALONE);
    }

    private FinetuneJob(FinetuneRecipe recipe, Ranks ranks) {
        super(recipe.absolute(), ranks);
    }

    @Override
    public FinetuneJob among(Ranks others) {
        recipe.train().share(others);
        TrainingBudget.refuse(recipe.train(), "several ranks");
        return new FinetuneJob(recipe, others);
    }

    @Override
    public Train train() {
        return recipe.train();
    }

    @Override
    public FinetuneJob with(List<String> overrides) {
        return new FinetuneJob(RecipeReader.read(RecipeReader.toYaml(recipe), "recipe", FinetuneRecipe.class, overrides));
    }

    @Override
    public long needs() {
        return memory(recipe, HfConfig.read(base().resolve("config.json"))).total();
    }

    @Override
    Run<Result> begin(Path directory, Progress progress, long available) {
        return new FinetuneRun(recipe, ranks, directory, progress);
    }

    @Override
    Result finished(Path directory, Progress progress) {
        Optional<FinetuneEvaluation> result = FinetuneEvaluation.read(directory);
        result.ifPresent(e -> progress.message(e.text()));
        return new Result(result, "");
    }

    /** Nothing is prepared for several trials; what each source teaches alone is not asked of them. */
    @Override
    public FinetuneJob shared(Set<String> fields, Path directory, Progress progress, long available) {
        FinetuneRecipe.Data d = recipe.data();
        return new FinetuneJob(new FinetuneRecipe(recipe.kind(), recipe.seed(), recipe.device(), recipe.method(), recipe.model(),
                new FinetuneRecipe.Data(d.sources(), d.heldOutFraction(), d.heldOutRows(), false, d.temperature()), recipe.adapter(), recipe.dpo(), recipe.train()));
    }

    @Override
    public Length length() {
        TrainingMemory memory = memory(recipe, HfConfig.read(base().resolve("config.json")));
        long steps = recipe.train().steps();
        if (steps == 0) {
            try (Tokenizer tokenizer = HuggingFaceTokenizer.load(base())) {
                steps = new FinetuneData(recipe, tokenizer, ChatEncoding.of(new ChatEncoder(ChatTemplate.load(base()), tokenizer)), memory.seq(), OptionalInt.empty(), Progress.SILENT)
                        .steps();
            }
        }
        return new Length(steps, (long) ((double) steps * recipe.train().accumulation() * memory.rows() * memory.seq()));
    }

    private Path base() {
        return recipe.model().from().orElseThrow(() -> new IllegalArgumentException("missing model.from: the directory of the model to fine-tune"));
    }

    @Override
    void check(Path directory, long available) {
        Path from = base();
        RecipeCheck.base(from);
        if (recipe.data().sources().isEmpty()) {
            throw new IllegalArgumentException("there is nothing to train on: give data.sources");
        }
        for (DataSource source : recipe.data().sources()) {
            for (Path path : source.heldOut().map(held -> List.of(source.path(), held)).orElse(List.of(source.path()))) {
                if (!Files.isRegularFile(path)) {
                    throw new IllegalArgumentException("source '" + source.name() + "': no such file: " + path);
                }
            }
        }
        DecoderSpec spec = HfConfig.read(from.resolve("config.json"));
        int context = spec.contextLength();
        if (recipe.train().seq() > context) {
            throw new IllegalArgumentException("train.seq " + recipe.train().seq() + " is longer than the model's context of " + context
                    + "; give at most " + context);
        }
        if (recipe.data().alone() && (recipe.method() == Method.DPO || recipe.method() == Method.FULL)) {
            throw new IllegalArgumentException("data.alone trains adapters from examples: it needs the method lora or qlora");
        }
        TrainingMemory memory = memory(recipe, spec);
        Optional<TrainingBudget> budget = TrainingBudget.of(recipe.train());
        if (budget.isPresent()) {
            if (recipe.method() != Method.FULL) {
                TrainingBudget.refuse(recipe.train(), "the method " + recipe.method());
            }
            budget.get().require(memory, recipe.train().optimizer(), recipe.device());
            return;
        }
        TrainingMemory shared = recipe.train().among(ranks.size(), memory);
        shared.require(RunDevice.available(recipe.device(), available), () -> remedies(shared));
    }

    static TrainingMemory memory(FinetuneRecipe recipe, DecoderSpec spec) {
        boolean pairs = recipe.method() == Method.DPO;
        int seq = recipe.train().seq() > 0 ? recipe.train().seq() : Math.min(spec.contextLength(), LONGEST_BY_DEFAULT);
        long rows = (long) recipe.train().batch() * (pairs ? 2 : 1);
        Bounds.batch(rows, seq);
        long adapter = recipe.method() == Method.FULL ? 0 : adapterWeights(recipe, spec);
        // pairs have a row for each answer
        return new TrainingMemory(recipe.method(), recipe.model().quantize(), Counts.of(spec), adapter, rows, seq, recipe.train().packing() && !pairs,
                recipe.recompute(), Sharing.NONE);
    }

    private static long adapterWeights(FinetuneRecipe recipe, NetworkSpec spec) {
        return LoraAdapter.count(spec, recipe.adapter().config(recipe.model().from().orElseThrow()));
    }

    private Map<String, TrainingMemory> remedies(TrainingMemory memory) {
        Map<String, TrainingMemory> others = new LinkedHashMap<>();
        if (recipe.method() == Method.FULL) {
            others.put("train an adapter instead (--method lora)", memory.withMethod(Method.LORA, adapterWeights(recipe, memory.spec())));
        }
        if (recipe.method() == Method.FULL || recipe.method() == Method.LORA) {
            others.put("quantize the base (--method qlora)", memory.withMethod(Method.QLORA, adapterWeights(recipe, memory.spec())));
        }
        return memory.remedies(recipe.train().batch(), recipe.train().accumulation(), others);
    }
}
