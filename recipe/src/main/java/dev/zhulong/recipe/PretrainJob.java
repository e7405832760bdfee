package dev.zhulong.recipe;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.MixedRows;
import dev.zhulong.data.pack.PackedRows;
import dev.zhulong.data.pack.Rows;
import dev.zhulong.data.pack.WindowRows;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.MachineSpeed;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.Loss;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import dev.zhulong.train.log.ProgressLine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Text to a trained model, in a run directory: {@code recipe.yaml}, {@code data/}, {@code checkpoints/}, {@code metrics.jsonl},
 * {@code tensorboard/}, and in the end a Hugging Face model in the run directory itself.
 *
 * <pre>{@code
 * var recipe = RecipeReader.read(Path.of("recipes/small-llama.yaml"), PretrainRecipe.class, List.of("train.steps=100"));
 * try (var line = ProgressLine.on(System.out)) {
 *     PretrainJob.run(recipe, Path.of("run"), line);
 * }
 * }</pre>
 *
 * <p>Started again it goes on where it was, whenever it was stopped, and ends in the same bits.
 */
public final class PretrainJob {
    private final PretrainRecipe recipe;
    private final Path run;
    private final ProgressLine line;

    private PretrainJob(PretrainRecipe recipe, Path run, ProgressLine line) {
        this.recipe = recipe;
        this.run = run;
        this.line = line;
    }

    /**
     * Runs the recipe to its end.
     *
     * @param line where it tells how it goes; stays the caller's
     * @return the last evaluation, over everything held out; empty if nothing is
     * @throws IllegalArgumentException if recipe, text, model and directory do not go together; says which
     */
    public static Optional<FinalEvaluation> run(PretrainRecipe recipe, Path directory, ProgressLine line) {
        PretrainRecipe absolute = recipe.absolute();
        check(absolute);
        try (RunDirectory run = RunDirectory.open(directory, absolute)) {
            if (run.finished()) {
                line.message(directory + " is finished.");
                Optional<FinalEvaluation> result = FinalEvaluation.read(directory);
                result.ifPresent(e -> line.message(e.text()));
                return result;
            }
            return new PretrainJob(absolute, directory, line).run();
        }
    }

    /** Goes on with the run in a directory. */
    public static Optional<FinalEvaluation> resume(Path directory, ProgressLine line) {
        return run(RunDirectory.recipe(directory, PretrainRecipe.class), directory, line);
    }

    /** What can be known to be wrong before any work. */
    private static void check(PretrainRecipe recipe) {
        PretrainRecipe.Data data = recipe.data();
        int given = (data.inputs().isEmpty() ? 0 : 1) + (data.corpus().isPresent() ? 1 : 0) + (data.shards().isPresent() ? 1 : 0);
        if (given != 1) {
            throw new IllegalArgumentException("the recipe needs text: give one of data.inputs, data.corpus and data.shards, found " + given);
        }
        int context = recipe.model().from().map(from -> HfConfig.read(from.resolve("config.json")).contextLength())
                .orElse(recipe.model().contextLength());
        if (recipe.train().seq() > context) {
            throw new IllegalArgumentException("train.seq " + recipe.train().seq() + " is longer than the model's context of " + context);
        }
    }

    private Optional<FinalEvaluation> run() {
        var console = new RunConsole(line);
        try (PreparedData data = PreparedData.of(recipe, run.resolve("data"), console);
                Decoder model = model(data.tokenizer())) {
            int seq = recipe.train().seq() == 0 ? model.spec().contextLength() : recipe.train().seq();
            line.message(String.format(Locale.ROOT, "%s, %,d parameters; %,d tokens to train on, %,d a step", family(model.spec()),
                    model.count(), data.train().tokens(), (long) recipe.train().batch() * seq * recipe.train().accumulation()));
            int[] tokenBytes = tokenBytes(data.tokenizer(), model.spec().vocabSize());
            Optional<PackedRows> held = data.validation().map(shards -> new PackedRows(shards, seq, 0));
            var training = new Batches(rows(data, seq), recipe.train().batch());
            var trainData = new TrainData(training::get, held.map(rows -> some(rows)).orElse(List.of()), tokenBytes);
            var listener = new TrainingConsole(line, model.spec(), data.tokenizer(), seq, MachineSpeed.gflops(), prompt(data.tokenizer()),
                    recipe.train().sampleTokens());
            new Trainer(model, new NextToken(), trainData, options(), run, listener).train();
            Optional<FinalEvaluation> result = held.map(rows -> evaluate(model, rows, seq, tokenBytes));
            FinishedModel.write(model, data, recipe, run, result, line::message);
            result.ifPresent(e -> line.message(e.text()));
            line.message("the model is in " + run);
            return result;
        }
    }

    private Decoder model(Tokenizer tokenizer) {
        if (recipe.model().from().isEmpty()) {
            return Decoder.random(ModelShape.of(recipe.model(), tokenizer), recipe.seed());
        }
        Decoder model = DecoderFiles.load(recipe.model().from().get());
        if (tokenizer.vocabSize() > model.spec().vocabSize()) {
            model.close();
            throw new IllegalArgumentException(recipe.model().from().get() + ": the tokenizer has ids up to " + (tokenizer.vocabSize() - 1)
                    + " but the model only " + model.spec().vocabSize() + " rows");
        }
        return model;
    }

    private static String family(DecoderSpec spec) {
        return spec.family().name().toLowerCase(Locale.ROOT);
    }

    private Rows rows(PreparedData data, int seq) {
        Rows domain = rows(data.train(), seq);
        if (data.replay().isEmpty()) {
            return domain;
        }
        double share = recipe.replay().orElseThrow().share();
        return new MixedRows(List.of(new MixedRows.Source(domain, 1 - share),
                new MixedRows.Source(rows(data.replay().get(), seq), share)));
    }

    private Rows rows(TokenShards shards, int seq) {
        return switch (recipe.data().packing()) {
            case DOCUMENTS -> new PackedRows(shards, seq, recipe.seed());
            case CROP -> new WindowRows(shards, seq, recipe.seed());
        };
    }

    /** The same rows at every evaluation on the way. */
    private List<Batch> some(PackedRows rows) {
        long count = recipe.train().evaluateRows() == 0 ? rows.rowsPerEpoch() : Math.min(recipe.train().evaluateRows(), rows.rowsPerEpoch());
        List<Batch> batches = new ArrayList<>();
        for (long first = 0; first < count; first += recipe.train().batch()) {
            batches.add(new Batches(rows, 1).range(first, (int) Math.min(recipe.train().batch(), count - first)));
        }
        return batches;
    }

    private FinalEvaluation evaluate(Decoder model, PackedRows rows, int seq, int[] tokenBytes) {
        Loss total = Loss.NONE;
        long bytes = 0;
        int batch = recipe.train().batch();
        for (long first = 0; first < rows.rowsPerEpoch(); first += batch) {
            Batch next = new Batches(rows, 1).range(first, (int) Math.min(batch, rows.rowsPerEpoch() - first));
            total = total.plus(new NextToken().evaluate(model, next));
            for (int target : next.targets()) {
                bytes += target == Batch.NO_TARGET ? 0 : tokenBytes[target];
            }
        }
        return new FinalEvaluation(total.mean(), total.count(), bytes == 0 ? 0 : total.sum() / Math.log(2) / bytes, seq);
    }

    private static int[] tokenBytes(Tokenizer tokenizer, int vocab) {
        int[] bytes = new int[Math.max(vocab, tokenizer.vocabSize())];
        for (int id = 0; id < tokenizer.vocabSize(); id++) {
            bytes[id] = tokenizer.bytes(id).length;
        }
        return bytes;
    }

    /** A tokenizer without control tokens has nothing a document could begin with, so a line begins. */
    private String prompt(Tokenizer tokenizer) {
        String prompt = recipe.train().prompt();
        return prompt.isEmpty() && tokenizer.bos().isEmpty() && tokenizer.eos().isEmpty() ? "\n" : prompt;
    }

    private TrainOptions options() {
        PretrainRecipe.Train t = recipe.train();
        return new TrainOptions(t.steps(), t.accumulation(), t.learningRate(), t.clip(),
                new AdamW.Settings(t.beta1(), t.beta2(), t.epsilon(), t.weightDecay()), t.recompute(), recipe.seed(), t.evaluateEvery(),
                t.sampleEvery(), t.checkpointEvery(), t.keepCheckpoints());
    }
}
