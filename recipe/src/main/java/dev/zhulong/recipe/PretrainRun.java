package dev.zhulong.recipe;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.MixedRows;
import dev.zhulong.data.pack.PackedRows;
import dev.zhulong.data.pack.Rows;
import dev.zhulong.data.pack.WindowRows;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Placing;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.train.Loss;
import dev.zhulong.train.Balancing;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.StreamedState;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** One start of a {@link PretrainJob}. */
final class PretrainRun implements RecipeJob.Run<PretrainJob.Result> {
    private final PretrainRecipe recipe;
    private final Ranks ranks;
    private final Path run;
    private final Progress line;
    private final long available;
    private boolean training;

    PretrainRun(PretrainRecipe recipe, Ranks ranks, Path run, Progress line, long available) {
        this.recipe = recipe;
        this.ranks = ranks;
        this.run = run;
        this.line = line;
        this.available = available;
    }

    @Override
    public boolean training() {
        return training;
    }

    @Override
    public PretrainJob.Result run() {
        if (writes()) {
            return prepared();
        }
        // rank 0 prepares what all read
        ranks.barrier();
        return prepared();
    }

    /** Whether what is shared is this rank's to write. */
    private boolean writes() {
        return ranks.rank() == 0;
    }

    private PretrainJob.Result prepared() {
        try (PreparedData data = PreparedData.of(recipe, run.resolve(RunDirectory.DATA), line)) {
            if (writes()) {
                ranks.barrier();
            }
            Optional<Path> from = recipe.model().from();
            RunInputs inputs = RunInputs.of(run, data.inputs(), from.map(RunInputs::describing).orElse(List.of()), from.orElse(null));
            if (from.isEmpty()) {
                PretrainJob.requireMemory(recipe, ModelShape.of(recipe.model(), data.tokenizer()), ranks.size(), available);
            }
            return PretrainJob.result(recipe, run, train(data, inputs));
        }
    }

    private Optional<FinalEvaluation> train(PreparedData data, RunInputs inputs) {
        try (StreamedState state = state(data.tokenizer()); Decoder model = model(data.tokenizer(), state == null ? Placing.HERE : state); LoraAdapter adapter = adapter(model)) {
            if (state != null) {
                state.attach(model);
            }
            int seq = PretrainJob.seq(recipe, model.spec());
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
            Rows rows = rows(recipe, data, seq);
            long steps = recipe.train().steps(rows.rowsPerEpoch(), recipe.train().batch());
            Bounds.run(steps, recipe.train().batch(), recipe.train().accumulation());
            var batches = new Batches(rows, recipe.train().batch());
            var trainData = new TrainData<>(batches::get, held.map(this::some).orElse(List.of())).among(ranks);
            var objective = new NextToken(model, tokenBytes(data.tokenizer(), model.spec().vocabSize()), model.spec().stack().experts()
                    .map(mixture -> new Balancing(recipe.model().balanceOver(), mixture.balance(), recipe.model().routerZLoss(), recipe.model().correctionRate(),
                            recipe.model().capacity())).orElseGet(Balancing::none));
            var listener = new TrainingConsole(line, model.spec(), data.tokenizer(), seq, RunDevice.gflops(recipe.device()), recipe.train().prompt(),
                    recipe.train().sampleTokens());
            training = true;
            if (!writes()) {
                new Trainer<>(model, objective, trainData, ranks, options(steps, model), run, listener).train();
                return Optional.empty();
            }
            inputs.write(run);
            TrainOptions options = options(steps, model);
            if (recipe.model().from().isPresent()) {
                held.ifPresent(all -> before(() -> evaluate(objective, all, seq)));
            }
            new Trainer<>(model, objective, trainData, ranks, options, run, listener).train();
            Optional<FinalEvaluation> result = held.map(all -> evaluate(objective, all, seq));
            FinishedModel.write(model, data, recipe, run, result, line);
            if (state != null) {
                line.message(state.traffic().text());
                state.delete();
            }
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

    /** On the disk, where a budget of memory says so; else null. */
    private StreamedState state(Tokenizer tokenizer) {
        if (recipe.train().memory().isEmpty()) {
            return null;
        }
        DecoderSpec spec = recipe.model().from().map(from -> ModelShape.of(recipe.model(), from)).orElseGet(() -> ModelShape.of(recipe.model(), tokenizer));
        return StreamedState.open(spec, TrainingBudget.directory(run), recipe.train().optimizer());
    }

    private Decoder model(Tokenizer tokenizer, Placing placing) {
        if (recipe.model().from().isEmpty()) {
            return Decoder.random(ModelShape.of(recipe.model(), tokenizer), recipe.seed(), placing);
        }
        Decoder model = DecoderFiles.load(recipe.model().from().get(), spec -> ModelShape.attending(recipe.model(), spec), placing);
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

    private TrainOptions options(long steps, Decoder model) {
        return recipe.train().options(steps, recipe.train().lr(), recipe.train().recompute(), recipe.seed()).among(ranks.size())
                .in(RunPrecision.of(recipe.train(), model.spec().stack(), ranks, run, line));
    }
}
