package dev.zhulong.recipe;

import dev.zhulong.compress.prune.DecoderPrune;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.PackedRows;
import dev.zhulong.data.pack.RepeatedRows;
import dev.zhulong.data.pack.Rows;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.Companions;
import dev.zhulong.train.BestWeights;
import dev.zhulong.train.Distillation;
import dev.zhulong.train.Divergence;
import dev.zhulong.train.DrawnTargets;
import dev.zhulong.train.HiddenStates;
import dev.zhulong.train.LayerTeacher;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Objective;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.SoftTargets;
import dev.zhulong.train.TokenTeacher;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import dev.zhulong.train.Unit;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** One start of a {@link DistilJob}. */
final class DistilRun implements RecipeJob.Run<DistilJob.Result> {
    /** The student that has no teacher, inside the run's directory. */
    private static final String CONTROL = "control";
    private static final String DRAWS = "draws";

    private final DistilRecipe recipe;
    private final Path run;
    private final Progress line;
    private boolean training;

    /**
     * What a model makes of everything held out.
     *
     * @param perplexity of the text
     * @param divergence from the teacher, nats a token
     */
    private record Held(double perplexity, double divergence, long tokens) {}

    DistilRun(DistilRecipe recipe, Path run, Progress line) {
        this.recipe = recipe;
        this.run = run;
        this.line = line;
    }

    @Override
    public boolean training() {
        return training;
    }

    @Override
    public DistilJob.Result run() {
        Path from = DistilJob.teacher(recipe);
        Path described = recipe.described().orElseThrow();
        try (PreparedData data = PreparedData.of(recipe.pretraining(), run.resolve(RunDirectory.DATA), line);
                DistilTeacher teacher = DistilTeacher.open(from, DistilJob.seq(recipe, DistilJob.student(recipe)))) {
            List<Path> describing = new ArrayList<>(RunInputs.describing(described));
            recipe.student().from().ifPresent(student -> describing.addAll(weights(student)));
            RunInputs inputs = RunInputs.of(run, data.inputs(), describing, from);
            if (data.tokenizer().vocabSize() > teacher.spec().vocabSize()) {
                throw new IllegalArgumentException(from + ": the tokenizer has ids up to " + (data.tokenizer().vocabSize() - 1) + " but the model only " + teacher.spec().vocabSize() + " rows");
            }
            try (Decoder student = student(teacher)) {
                return train(teacher, student, data, inputs);
            }
        }
    }

    private static List<Path> weights(Path student) {
        List<Path> files = new ArrayList<>(RunInputs.describing(student));
        files.addAll(ModelDirectory.weightFiles(student));
        return files;
    }

    /** As it begins. */
    private Decoder student(DistilTeacher teacher) {
        return recipe.student().from().isPresent() ? DecoderFiles.load(recipe.student().from().get())
                : DecoderPrune.of(teacher.network().orElseThrow(), DistilJob.layers(recipe, teacher.spec()));
    }

    private DistilJob.Result train(DistilTeacher teacher, Decoder student, PreparedData data, RunInputs inputs) {
        int seq = DistilJob.seq(recipe, student.spec());
        line.message(String.format(Locale.ROOT, "teacher: %,d parameters in %d layers; student: %,d in %d; %,d tokens to train on, %,d a step", Parameters.of(teacher.spec()).count(), teacher.spec().layers(),
                student.count(), student.spec().layers(), data.train().tokens(), (long) recipe.train().batch() * seq * recipe.train().accumulation()));
        Optional<PackedRows> held = data.validation().map(shards -> new PackedRows(shards, seq, 0));
        if (held.isEmpty()) {
            throw new IllegalArgumentException("nothing is held out, and the best weights are found by what is: give more documents, or data.split=position for one long text");
        }
        Rows rows = PretrainRun.rows(recipe.pretraining(), data, seq);
        long steps = recipe.train().steps(rows.rowsPerEpoch(), recipe.train().batch());
        Bounds.run(steps, recipe.train().batch(), recipe.train().accumulation());
        int[] bytes = PretrainRun.tokenBytes(data.tokenizer(), Math.max(student.spec().vocabSize(), teacher.spec().vocabSize()));
        training = true;
        inputs.write(run);
        Held before = held(student, teacher, held.get(), bytes);
        line.message("the student as it begins: " + text(before));
        Unit unit = learn(teacher, student, rows, held.get(), steps, data);
        Held after = held(student, teacher, held.get(), bytes);
        Optional<Held> control = recipe.control() ? Optional.of(control(teacher, rows, held.get(), steps, data, bytes)) : Optional.empty();
        var ofTeacher = new Held(teacher.perplexity(batches(held.get(), held.get().rowsPerEpoch())), 0, after.tokens());
        save(student);
        FinishedModel.chart(run, unit, line);
        String report = report(ofTeacher, before, after, control);
        line.message(report);
        evaluation(ofTeacher, before, after, control, report);
        provenance(data).write(run);
        new BestWeights(run, student).remove();
        return new DistilJob.Result(OptionalDouble.of(after.divergence()), "the student is in " + run + "; make it smaller still: zhulong quantize --model " + run
                + " --to q8_0 --out " + run + ".gguf");
    }

    /** From whole distributions, or from draws. */
    private Unit learn(DistilTeacher teacher, Decoder student, Rows rows, PackedRows held, long steps, PreparedData data) {
        DistilRecipe.Objective how = recipe.objective();
        HiddenStates hidden = how.hidden() == 0 ? null : hidden(teacher, student);
        TokenTeacher tokens = hidden == null ? teacher.tokens() : hidden.teacher();
        SoftTargets whole = SoftTargets.whole(tokens, how.choice(), how.temperature());
        if (how.draws() == 0) {
            var objective = new Distillation(student, whole, whole, hidden);
            fit(student, objective, rows, held, steps, data, run, "");
            return objective.unit();
        }
        int width = Math.min(student.spec().vocabSize(), teacher.spec().vocabSize());
        try (var targets = new DrawnTargets(tokens, DistilTeacher.digest(DistilJob.teacher(recipe)), width, how.draws(), how.temperature(),
                how.drawsIn().orElse(run.resolve(DRAWS)))) {
            line.message(String.format(Locale.ROOT, "%d tokens are drawn from each of the teacher's distributions; %,d rows of them are there already", how.draws(), targets.rows()));
            var objective = new Distillation(student, targets, whole, hidden);
            fit(student, objective, new RepeatedRows(rows, recipe.seed()), held, steps, data, run, "");
            return objective.unit();
        }
    }

    private HiddenStates hidden(DistilTeacher teacher, Decoder student) {
        Decoder network = teacher.network().orElseThrow();
        List<Integer> from = recipe.student().from().isPresent() ? List.of() : DistilJob.layers(recipe, teacher.spec()).layers();
        List<HiddenStates.Pair> pairs = HiddenStates.pairs(recipe.objective().hiddenLayers(), student.spec().layers(), from, teacher.spec().layers());
        line.message("states of layers are compared, the student's with the teacher's: " + pairs.stream().map(pair -> pair.student() + " with " + pair.teacher()).collect(Collectors.joining(", ")));
        return new HiddenStates(new LayerTeacher(network, pairs.stream().map(HiddenStates.Pair::teacher).collect(Collectors.toSet())), pairs, recipe.objective().hidden());
    }

    /** Trains, and leaves the weights of the best evaluation in {@code model}, those that it begins with among them. */
    private void fit(Decoder model, Objective<Batch> objective, Rows rows, PackedRows held, long steps, PreparedData data, Path directory, String name) {
        long count = recipe.train().evaluateRows() == 0 ? held.rowsPerEpoch() : Math.min(recipe.train().evaluateRows(), held.rowsPerEpoch());
        List<Batch> some = new ArrayList<>();
        batches(held, count).forEach(some::add);
        var best = new BestWeights(directory, model);
        // a run that goes on finds the start again, or something better
        if (best.isEmpty()) {
            best.offer(0, -objective.evaluateAll(some).mean());
        }
        var batches = new Batches(rows, recipe.train().batch());
        var trained = new TrainData<>(batches::get, some);
        int seq = DistilJob.seq(recipe, model.spec());
        TrainOptions options = recipe.train().options(steps, recipe.train().lr(), recipe.train().recompute(), recipe.seed())
                .in(RunPrecision.of(recipe.train(), model.spec().stack(), Ranks.ALONE, directory, line));
        var console = new TrainingConsole(line, model.spec(), data.tokenizer(), seq, RunDevice.gflops(recipe.device()), recipe.train().prompt(), recipe.train().sampleTokens()) {
            @Override
            public Map<String, Double> measure(long step) {
                best.offer(step, -last().orElseThrow().loss());
                return Map.of();
            }
        };
        new Trainer<>(model, objective, trained, Ranks.ALONE, options, directory, console).train();
        best.restore().ifPresent(step -> line.message(String.format(Locale.ROOT, "%sthe weights of step %,d are kept, the best on what is held out%s", name, step,
                step == 0 ? ": training made nothing better" : "")));
    }

    /** The same student and text, learnt from the text alone. */
    private Held control(DistilTeacher teacher, Rows rows, PackedRows held, long steps, PreparedData data, int[] bytes) {
        line.message("control: the same student on the same tokens, without the teacher");
        Path directory = run.resolve(CONTROL);
        try (Decoder alone = student(teacher)) {
            Files.createDirectories(directory);
            fit(alone, new NextToken(alone, bytes), rows, held, steps, data, directory, "control: ");
            return held(alone, teacher, held, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Held held(Decoder model, DistilTeacher teacher, PackedRows rows, int[] bytes) {
        var text = new NextToken(model, bytes).evaluateAll(batches(rows, rows.rowsPerEpoch()));
        double divergence = new Distillation(model, teacher.tokens(), new Divergence.Forward(), 1).evaluateAll(batches(rows, rows.rowsPerEpoch())).mean();
        return new Held(Math.exp(text.mean()), divergence, text.count());
    }

    /** The first {@code count} rows, made as they are asked for. */
    private Iterable<Batch> batches(PackedRows rows, long count) {
        int batch = recipe.train().batch();
        return () -> LongStream.iterate(0, first -> first < count, first -> first + batch)
                .mapToObj(first -> new Batches(rows, 1).range(first, (int) Math.min(batch, count - first))).iterator();
    }

    private static String text(Held held) {
        return String.format(Locale.ROOT, "perplexity %.4g, %.4f nats a token from the teacher", held.perplexity(), held.divergence());
    }

    private static String report(Held teacher, Held before, Held after, Optional<Held> control) {
        return String.format(Locale.ROOT, "held out, %,d tokens: teacher perplexity %.4g; student before: %s; distilled: %s%s", teacher.tokens(), teacher.perplexity(), text(before), text(after),
                control.map(alone -> "; control without the teacher: " + text(alone)).orElse("; no control (--control trains one)"));
    }

    private void evaluation(Held teacher, Held before, Held after, Optional<Held> control, String text) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("text", text);
        fields.put("tokens", teacher.tokens());
        fields.put("teacher_perplexity", teacher.perplexity());
        fields.put("perplexity_before", before.perplexity());
        fields.put("divergence_before", before.divergence());
        fields.put("perplexity", after.perplexity());
        fields.put("divergence", after.divergence());
        control.ifPresent(alone -> {
            fields.put("control_perplexity", alone.perplexity());
            fields.put("control_divergence", alone.divergence());
        });
        JsonFile.write(run.resolve(FinalEvaluation.FILE), fields);
    }

    private void save(Decoder student) {
        try {
            Companions.copy(recipe.student().from().orElseGet(() -> recipe.described().orElseThrow()), run);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        NetworkFiles.save(student, run, StorageType.F32);
    }

    private Provenance provenance(PreparedData data) {
        List<Provenance.Input> inputs = new ArrayList<>();
        data.inputs().forEach((name, hash) -> inputs.add(new Provenance.Input(name, new ContentHash(hash))));
        List<Provenance> parents = new ArrayList<>();
        FinishedModel.base(DistilJob.teacher(recipe), inputs, parents);
        recipe.student().from().ifPresent(student -> FinishedModel.base(student, inputs, parents));
        return Provenance.of(DistilRecipe.KIND, inputs, RunDirectory.tree(recipe), recipe.seed()).withParents(parents);
    }
}
