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
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.Loss;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * Text to a trained model, in a run directory: {@code recipe.yaml}, {@code data/}, {@code checkpoints/}, {@code metrics.jsonl},
 * {@code tensorboard/}, and in the end a Hugging Face model in the run directory itself.
 *
 * <pre>{@code
 * var recipe = RecipeReader.read(Path.of("recipes/small-llama.yaml"), PretrainRecipe.class, List.of("train.steps=100"));
 * try (var line = ProgressLine.on(System.err)) {
 *     PretrainJob.run(recipe, Path.of("run"), line);
 * }
 * }</pre>
 *
 * <p>Started again it goes on where it was, whenever it was stopped, and ends in the same bits.
 */
public final class PretrainJob {
    private final PretrainRecipe recipe;
    private final Path run;
    private final Progress line;
    private final long available;
    private boolean training;

    private PretrainJob(PretrainRecipe recipe, Path run, Progress line, long available) {
        this.recipe = recipe;
        this.run = run;
        this.line = line;
        this.available = available;
    }

    /** {@link #run(PretrainRecipe, Path, Progress, long)} where memory is known to suffice. */
    public static Optional<FinalEvaluation> run(PretrainRecipe recipe, Path directory, Progress line) {
        return run(recipe, directory, line, Long.MAX_VALUE);
    }

    /**
     * Runs the recipe to its end and says what may come next.
     *
     * @param line      where it tells how it goes; stays the caller's
     * @param available bytes of memory the run may take
     * @return the last evaluation, over everything held out; empty if nothing is
     * @throws IllegalArgumentException if recipe, text, model and directory do not go together, or the memory does not suffice; says what to do
     */
    public static Optional<FinalEvaluation> run(PretrainRecipe recipe, Path directory, Progress line, long available) {
        Optional<FinalEvaluation> result = train(recipe, directory, line, available);
        if (recipe.adapter().isPresent()) {
            line.message("the adapter is in " + directory + "; generate text: zhulong generate --model " + recipe.model().from().orElseThrow()
                    + " --adapter " + directory);
        } else {
            line.message("the model is in " + directory + "; generate text: zhulong generate --model " + directory);
        }
        return result;
    }

    /** {@link #run(PretrainRecipe, Path, Progress, long)} as a part of something larger. */
    public static Optional<FinalEvaluation> train(PretrainRecipe recipe, Path directory, Progress line, long available) {
        PretrainRecipe absolute = recipe.absolute();
        if (!RunDirectory.finished(directory)) {
            check(absolute, directory, available);
        }
        try (RunDirectory run = RunDirectory.open(directory, absolute)) {
            if (run.finished()) {
                line.message(directory + " is finished.");
                Optional<FinalEvaluation> result = FinalEvaluation.read(directory.resolve(FinalEvaluation.FILE));
                result.ifPresent(e -> line.message("held out: " + e.text()));
                return result;
            }
            var job = new PretrainJob(absolute, directory, line, available);
            RunDevice.notice(absolute.device()).ifPresent(line::message);
            try (var hint = ResumeHint.of(run.path(), System.err); var on = DeviceScope.open(Device.parse(absolute.device()))) {
                return job.run();
            } catch (IllegalArgumentException e) {
                if (!job.training) {
                    run.withdraw();
                }
                throw e;
            }
        }
    }

    /** {@link #resume(Path, Progress, long)} where memory is known to suffice. */
    public static Optional<FinalEvaluation> resume(Path directory, Progress line) {
        return resume(directory, line, Long.MAX_VALUE);
    }

    /** {@link #resume(Path, Optional, Progress, long)} where it was computed before. */
    public static Optional<FinalEvaluation> resume(Path directory, Progress line, long available) {
        return resume(directory, Optional.empty(), line, available);
    }

    /**
     * Goes on with the run in a directory.
     *
     * @param device empty for the one it was begun on
     */
    public static Optional<FinalEvaluation> resume(Path directory, Optional<String> device, Progress line, long available) {
        return run(RunDirectory.recipe(directory, PretrainRecipe.class, device), directory, line, available);
    }

    /** Before the text is read: what is wrong with the recipe, and memory that suffices for no text. */
    private static void check(PretrainRecipe recipe, Path directory, long available) {
        RecipeCheck.of(recipe, directory);
        requireMemory(recipe, recipe.model().from().map(from -> HfConfig.read(from.resolve("config.json")))
                .orElseGet(() -> ModelShape.smallest(recipe)), available);
    }

    private static void requireMemory(PretrainRecipe recipe, DecoderSpec spec, long available) {
        PretrainRecipe.Train t = recipe.train();
        int seq = seq(recipe, spec);
        Bounds.batch(t.batch(), seq);
        var memory = TrainingMemory.pretraining(spec, t.batch(), seq, recipe.data().packing() == PretrainRecipe.Packing.DOCUMENTS, t.recompute());
        Optional<Path> from = recipe.model().from();
        if (recipe.adapter().isPresent()) {
            memory = memory.withMethod(Method.LORA, LoraAdapter.count(spec, recipe.adapter().get().config(from.orElseThrow())));
        }
        TrainingMemory needed = memory;
        needed.require(RunDevice.available(recipe.device(), available), () -> needed.remedies(t.batch(), t.accumulation(), from.isEmpty() || recipe.adapter().isPresent() ? Map.of()
                : Map.of("train an adapter instead (--lora 8)", needed.withMethod(Method.LORA,
                        LoraAdapter.count(spec, PretrainRecipe.Adapter.defaults().config(from.get()))))));
    }

    private static int seq(PretrainRecipe recipe, DecoderSpec spec) {
        return recipe.train().seq() == 0 ? spec.contextLength() : recipe.train().seq();
    }

    /**
     * Prepares a recipe's data once for many runs: the same recipe, but reading the shards that were made in {@code directory}.
     *
     * @param available bytes of memory a run may take
     * @throws IllegalArgumentException if nothing is held out, or the memory does not suffice
     */
    public static PretrainRecipe prepare(PretrainRecipe recipe, Path directory, Progress line, long available) {
        PretrainRecipe from = recipe.absolute();
        if (from.data().shards().isPresent()) {
            return from;
        }
        check(from, directory, available);
        try (PreparedData data = PreparedData.of(from, directory, line)) {
            if (data.validation().isEmpty()) {
                throw new IllegalArgumentException("nothing is held out: give more documents, or data.split=position for one long text");
            }
            PretrainRecipe.Data d = from.data();
            PretrainRecipe.Tokens t = d.tokenizer();
            Path shards = directory.toAbsolutePath().resolve("shards");
            return new PretrainRecipe(from.seed(), from.device(),
                    new PretrainRecipe.Data(List.of(), Optional.empty(), Optional.of(shards), d.extensions(), d.field(), d.clean(), d.steps(),
                            d.validationFraction(), d.split(), d.packing(), new PretrainRecipe.Tokens(t.type(), t.vocabSize(), t.specials(),
                            Optional.of(data.tokenizerDirectory().toAbsolutePath()))), from.model(),
                    from.replay().map(r -> new PretrainRecipe.Replay(List.of(), Optional.empty(), Optional.of(shards.resolve("replay")), r.share())),
                    from.adapter(), from.train());
        }
    }

    private Optional<FinalEvaluation> run() {
        try (PreparedData data = PreparedData.of(recipe, run.resolve(RunDirectory.DATA), line)) {
            Optional<Path> from = recipe.model().from();
            RunInputs inputs = RunInputs.of(run, data.inputs(), from.map(RunInputs::describing).orElse(List.of()), from.orElse(null));
            if (from.isEmpty()) {
                requireMemory(recipe, ModelShape.of(recipe.model(), data.tokenizer()), available);
            }
            return run(data, inputs);
        }
    }

    private Optional<FinalEvaluation> run(PreparedData data, RunInputs inputs) {
        try (Decoder model = model(data.tokenizer()); LoraAdapter adapter = adapter(model)) {
            int seq = seq(recipe, model.spec());
            line.message(String.format(Locale.ROOT, "%s, %,d parameters; %,d tokens to train on, %,d a step", family(model.spec()),
                    model.count(), data.train().tokens(), (long) recipe.train().batch() * seq * recipe.train().accumulation()));
            if (adapter != null) {
                line.message(String.format(Locale.ROOT, "adapter of rank %d on %d projections: %,d weights are trained, %.2f %% of the model's",
                        recipe.adapter().orElseThrow().rank(), adapter.modules().size(), adapter.count(), 100.0 * adapter.count() / model.count()));
            }
            Optional<PackedRows> held = data.validation().map(shards -> new PackedRows(shards, seq, 0));
            if (held.isEmpty()) {
                line.message("nothing is held out, so nothing will be evaluated: give more documents, or data.split=position for one long text");
            }
            var batches = new Batches(rows(recipe, data, seq), recipe.train().batch());
            var trainData = new TrainData<>(batches::get, held.map(rows -> some(rows)).orElse(List.of()));
            var objective = new NextToken(model, tokenBytes(data.tokenizer(), model.spec().vocabSize()));
            var listener = new TrainingConsole(line, model.spec(), data.tokenizer(), seq, RunDevice.gflops(recipe.device()), prompt(data.tokenizer()),
                    recipe.train().sampleTokens());
            training = true;
            inputs.write(run);
            if (recipe.model().from().isPresent()) {
                held.ifPresent(rows -> before(() -> evaluate(objective, rows, seq)));
            }
            new Trainer<>(model, objective, trainData, options(), run, listener).train();
            Optional<FinalEvaluation> result = held.map(rows -> evaluate(objective, rows, seq));
            FinishedModel.write(model, data, recipe, run, result, line);
            result.ifPresent(e -> line.message("held out: " + e.text()));
            return result;
        }
    }

    /** What the model to go on from makes of the held-out text, found once. */
    private void before(Supplier<FinalEvaluation> evaluation) {
        Path file = run.resolve(FinalEvaluation.BEFORE);
        FinalEvaluation found = FinalEvaluation.read(file).orElseGet(() -> {
            FinalEvaluation made = evaluation.get();
            made.write(file);
            return made;
        });
        line.message("held out, before training: " + found.text());
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

    /** Put on the model; null where the model itself is trained. */
    private LoraAdapter adapter(Decoder model) {
        if (recipe.adapter().isEmpty()) {
            return null;
        }
        LoraAdapter adapter = LoraAdapter.create(model, recipe.adapter().get().config(recipe.model().from().orElseThrow()), recipe.seed());
        model.attach(adapter);
        return adapter;
    }

    private static String family(DecoderSpec spec) {
        return spec.family().modelType();
    }

    /** What is trained on: the text's rows, replay mixed in if there is any. */
    static Rows rows(PretrainRecipe recipe, PreparedData data, int seq) {
        Rows domain = rows(recipe, data.train(), seq);
        if (data.replay().isEmpty()) {
            return domain;
        }
        double share = recipe.replay().orElseThrow().share();
        return new MixedRows(List.of(new MixedRows.Source(domain, 1 - share),
                new MixedRows.Source(rows(recipe, data.replay().get(), seq), share)));
    }

    private static Rows rows(PretrainRecipe recipe, TokenShards shards, int seq) {
        return switch (recipe.data().packing()) {
            case DOCUMENTS -> new PackedRows(shards, seq, recipe.seed());
            case CROP -> {
                if (shards.tokens() <= seq) {
                    throw new IllegalArgumentException("the text is too small: " + shards.tokens() + " tokens, and a row needs " + (seq + 1)
                            + "; give more text or a smaller train.seq");
                }
                yield new WindowRows(shards, seq, recipe.seed());
            }
        };
    }

    /** The same rows at every evaluation on the way. */
    private List<Batch> some(PackedRows rows) {
        long count = recipe.train().evaluateRows() == 0 ? rows.rowsPerEpoch() : Math.min(recipe.train().evaluateRows(), rows.rowsPerEpoch());
        return batches(rows, count).toList();
    }

    private FinalEvaluation evaluate(NextToken objective, PackedRows rows, int seq) {
        Loss total = objective.evaluateAll(batches(rows, rows.rowsPerEpoch())::iterator);
        return new FinalEvaluation(total.mean(), total.count(), total.bytes() == 0 ? 0 : total.bitsPerByte(), seq);
    }

    /** The first {@code count} rows, made as they are asked for. */
    private Stream<Batch> batches(PackedRows rows, long count) {
        int batch = recipe.train().batch();
        return LongStream.iterate(0, first -> first < count, first -> first + batch)
                .mapToObj(first -> new Batches(rows, 1).range(first, (int) Math.min(batch, count - first)));
    }

    static int[] tokenBytes(Tokenizer tokenizer, int vocab) {
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
