package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.data.pack.EncoderBatches;
import dev.zhulong.data.tune.Sides;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.recipe.label.HeadExamples;
import dev.zhulong.recipe.label.HeadLogits;
import dev.zhulong.recipe.label.HeadScores;
import dev.zhulong.recipe.label.HeadTask;
import dev.zhulong.text.Companions;
import dev.zhulong.text.encode.EncoderTokenizer;
import dev.zhulong.train.BestWeights;
import dev.zhulong.train.HeadOfEncoder;
import dev.zhulong.train.Loss;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;

/** One start of a {@link LabelJob}. */
final class LabelRun implements RecipeJob.Run<LabelJob.Result> {
    static final String EVALUATION = "evaluation.json";
    private static final String PREDICTIONS = "predictions.jsonl";
    /** Labels that are named one by one. */
    private static final int SHOWN = 12;

    private final LabelRecipe recipe;
    private final Ranks ranks;
    private final Path base;
    private final Path run;
    private final Progress line;
    private boolean training;

    LabelRun(LabelRecipe recipe, Ranks ranks, Path run, Progress line) {
        this.recipe = recipe;
        this.ranks = ranks;
        this.base = recipe.model().from().orElseThrow();
        this.run = run;
        this.line = line;
    }

    @Override
    public boolean training() {
        return training;
    }

    @Override
    public LabelJob.Result run() {
        return run(recipe.headTask());
    }

    private <T> LabelJob.Result run(HeadTask<T> task) {
        RunInputs inputs = RunInputs.of(run, Map.of(), inputs(), base);
        List<String> notices = new ArrayList<>();
        Sides<T> sides = sides(task, notices);
        notices.forEach(line::message);
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(base); ModelDirectory files = ModelDirectory.open(base)) {
            EncoderSpec own = (EncoderSpec) files.network();
            if (tokenizer.tokenizer().vocabSize() > own.vocabSize()) {
                throw new IllegalArgumentException(base + ": the tokenizer has ids up to " + (tokenizer.tokenizer().vocabSize() - 1) + " but the model only "
                        + own.vocabSize() + " rows");
            }
            List<T> all = new ArrayList<>(sides.train());
            if (recipe.data().heldOut().isEmpty()) {
                all.addAll(sides.heldOut());
            }
            EncoderSpec spec = task.head(own, all);
            int seq = recipe.seq(spec.contextLength());
            HeadExamples train = task.examples(sides.train(), tokenizer, spec, seq);
            Optional<HeadExamples> held = sides.heldOut().isEmpty() ? Optional.empty() : Optional.of(task.examples(sides.heldOut(), tokenizer, spec, seq));
            int most = recipe.train().evaluateRows();
            Optional<HeadExamples> some = held.isEmpty() || most == 0 || most >= sides.heldOut().size() ? held
                    : Optional.of(task.examples(sides.heldOut().subList(0, most), tokenizer, spec, seq));
            try (Encoder model = EncoderFiles.loadAs(files, spec, recipe.tuning().format(), recipe.seed());
                    LoraAdapter adapter = recipe.tuning().attach(model, recipe.seed())) {
                return train(model, metric(task.metrics(spec)), tokenizer, train, held, some, inputs, own.head().equals(spec.head()));
            }
        }
    }

    private <T> Sides<T> sides(HeadTask<T> task, List<String> notices) {
        List<T> rows = task.read(recipe.data().files(), notices);
        if (recipe.data().heldOut().isPresent()) {
            return new Sides<>(rows, task.read(List.of(recipe.data().heldOut().get()), notices));
        }
        return Sides.split(rows, task::content, recipe.data().heldOutFraction(), recipe.seed());
    }

    private LabelJob.Result train(Encoder model, String metric, EncoderTokenizer tokenizer, HeadExamples train, Optional<HeadExamples> held, Optional<HeadExamples> some,
            RunInputs inputs, boolean continued) {
        var objective = new HeadOfEncoder(model);
        int batch = recipe.train().batch();
        long steps = recipe.train().steps(train.rows().size(), batch);
        announce(model, train, held, steps, continued);
        var batches = new EncoderBatches(train.rows(), model.spec().padId(), batch, recipe.seed());
        training = true;
        var data = new TrainData<>(batches::get, some.map(examples -> batches(examples, model)).orElse(List.of())).among(ranks);
        TrainOptions options = recipe.train().optionsByEpoch(steps, recipe.rate(), recipe.tuning().recompute(recipe.train().recompute()), recipe.seed(), train.rows().size())
                .among(ranks.size()).in(RunPrecision.of(recipe.train(), model.spec().stack(), ranks, run, line));
        if (ranks.rank() > 0) {
            new Trainer<>(model, objective, data, ranks, options, run, new TrainListener() {}).train();
            return new LabelJob.Result(OptionalDouble.empty(), objective.unit().toString(), "");
        }
        inputs.write(run);
        var best = new BestWeights(run, model);
        new Trainer<>(model, objective, data, ranks, options, run, new Listener(model, tokenizer, some, metric, best)).train();
        best.restore().ifPresent(step -> line.message(String.format(Locale.ROOT, "the weights of step %,d are kept: best %s on what is held out", step, metric)));
        Optional<Loss> loss = held.map(examples -> objective.evaluateAll(batches(examples, model)));
        loss.ifPresent(l -> report(model, held.get(), l, objective));
        save(model);
        FinishedModel.chart(run, objective.unit(), line);
        provenance().write(run);
        best.remove();
        return new LabelJob.Result(loss.map(l -> OptionalDouble.of(l.mean())).orElse(OptionalDouble.empty()), objective.unit().toString(), recipe.tuning().result() + " is in " + run
                + "; measure it on other rows: zhulong evaluate" + recipe.tuning().use(run) + " --task " + recipe.task() + " --data FILE");
    }

    private void announce(Encoder model, HeadExamples train, Optional<HeadExamples> held, long steps, boolean continued) {
        EncoderSpec spec = model.spec();
        List<String> labels = spec.head().labels();
        String head = spec.head() instanceof Head.Spans ? "where answers begin and end" : String.format(Locale.ROOT, "%,d labels: %s%s", labels.size(),
                String.join(", ", labels.subList(0, Math.min(SHOWN, labels.size()))), labels.size() > SHOWN ? ", ..." : "");
        line.message(String.format(Locale.ROOT, "%s, %,d weights, %s; %s head: %s", spec.family().modelType(), Parameters.of(spec).count(),
                recipe.tuning().text(model), continued ? "its own" : "a new", head));
        line.message(LabelJob.memory(recipe, spec).text());
        line.message(String.format(Locale.ROOT, "%,d steps of %,d rows from %,d; held out: %,d", steps, (long) recipe.train().batch() * recipe.train().accumulation(), train.size(),
                held.map(HeadExamples::size).orElse(0)));
        if (held.isEmpty()) {
            line.message("nothing is held out, so nothing will be evaluated: give more rows, a file of others, or data.held_out_fraction");
        }
    }

    /** The one that says which weights are kept. @param known of the task, the usual one first */
    private String metric(List<String> known) {
        String metric = recipe.best().orElse(known.getFirst());
        if (!metric.equals(LabelRecipe.LAST) && !metric.equals(LabelRecipe.LOSS) && !known.contains(metric)) {
            throw new IllegalArgumentException("best must be one of " + String.join(", ", known) + ", " + LabelRecipe.LOSS + " and " + LabelRecipe.LAST + " here, found '"
                    + metric + "'");
        }
        return metric;
    }

    private HeadScores scores(Encoder model, HeadExamples examples, Consumer<ObjectNode> said) {
        return examples.score(HeadLogits.of(model, examples.rows(), recipe.train().batch()), said);
    }

    private List<EncoderBatch> batches(HeadExamples examples, Encoder model) {
        return EncoderBatches.byLength(examples.rows(), recipe.train().batch()).stream()
                .map(numbers -> EncoderBatches.of(examples.rows(), numbers, model.spec().padId())).toList();
    }

    private void report(Encoder model, HeadExamples held, Loss loss, HeadOfEncoder objective) {
        var predictions = new StringBuilder();
        HeadScores scores = scores(model, held, said -> predictions.append(said).append('\n'));
        AtomicFile.writeString(run.resolve(PREDICTIONS), predictions.toString());
        ObjectNode json = scores.json();
        json.put("task", recipe.task().toString()).put("loss", loss.mean()).put("loss_unit", objective.unit().toString());
        JsonFile.write(run.resolve(EVALUATION), json);
        line.message(String.format(Locale.ROOT, "held out: loss %.4f %s%n%s", loss.mean(), objective.unit(), scores.text()));
    }

    private void save(Encoder model) {
        try {
            Companions.copy(base, run);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        recipe.tuning().save(model, run);
    }

    private List<Path> inputs() {
        List<Path> inputs = new ArrayList<>(recipe.data().files());
        recipe.data().heldOut().ifPresent(inputs::add);
        inputs.addAll(RunInputs.describing(base));
        return inputs;
    }

    private Provenance provenance() {
        List<Provenance.Input> inputs = new ArrayList<>();
        List<Provenance> parents = new ArrayList<>();
        recipe.data().files().forEach(file -> inputs.add(Provenance.Input.of(file)));
        recipe.data().heldOut().ifPresent(file -> inputs.add(Provenance.Input.of(file)));
        FinishedModel.base(base, inputs, parents);
        return Provenance.of("finetune", inputs, RunDirectory.tree(recipe), recipe.seed()).withParents(parents);
    }

    /** Reports as every training does, measures the head at each evaluation, and keeps the best weights. */
    private final class Listener extends TrainingConsole {
        private final Encoder model;
        private final Optional<HeadExamples> examples;
        private final String metric;
        private final BestWeights best;

        Listener(Encoder model, EncoderTokenizer tokenizer, Optional<HeadExamples> examples, String metric, BestWeights best) {
            super(line, tokenizer.tokenizer(), Formulas.flopsPerToken(model.spec(), recipe.seq(model.spec().contextLength())), RunDevice.gflops(recipe.device()), "", 1);
            this.model = model;
            this.examples = examples;
            this.metric = metric;
            this.best = best;
        }

        @Override
        public Map<String, Double> measure(long step) {
            Map<String, Double> values = new LinkedHashMap<>();
            HeadScores scores = scores(model, examples.orElseThrow(), said -> { });
            scores.metrics().forEach((name, estimate) -> values.put("validation_" + name, estimate.value()));
            line.message(String.format(Locale.ROOT, "step %,d: %s", step, scores.line()));
            if (metric.equals(LabelRecipe.LOSS)) {
                best.offer(step, -last().orElseThrow().loss());
            } else if (!metric.equals(LabelRecipe.LAST)) {
                best.offer(step, scores.metrics().get(metric).value());
            }
            return values;
        }
    }
}
