package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.GroupReader;
import dev.zhulong.data.label.LabelledRows;
import dev.zhulong.data.label.TextGroup;
import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.data.pack.ContrastRow;
import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.data.tune.Sides;
import dev.zhulong.evaluate.retrieval.RetrievalData;
import dev.zhulong.evaluate.retrieval.RetrievalEvaluation;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.TorchEncoder;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.TextVectors;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.tensor.Device;
import dev.zhulong.text.Companions;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.train.BestWeights;
import dev.zhulong.train.Contrast;
import dev.zhulong.train.KeptVectors;
import dev.zhulong.train.Loss;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import dev.zhulong.train.VectorDistillation;
import dev.zhulong.train.VectorObjective;
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

/** One start of an {@link EmbedJob}. */
final class EmbedRun implements RecipeJob.Run<EmbedJob.Result> {
    /** Metrics that may choose the weights. */
    private static final List<String> METRICS = List.of("mrr@10", "ndcg@10", "recall@10", "recall@1");
    private static final int AT = 10;
    /** Part of the heap that vectors of a teacher may take. */
    private static final int KEPT = 4;

    private final EmbedRecipe recipe;
    private final Ranks ranks;
    private final Path base;
    private final Path run;
    private final Progress line;
    private final EmbeddingConfig config;
    private boolean training;

    EmbedRun(EmbedRecipe recipe, Ranks ranks, Path run, Progress line) {
        this.recipe = recipe;
        this.ranks = ranks;
        this.base = recipe.model().from().orElseThrow();
        this.run = run;
        this.line = line;
        config = EmbeddingConfig.read(base).orPooled(recipe.model().pooling());
    }

    @Override
    public boolean training() {
        return training;
    }

    @Override
    public EmbedJob.Result run() {
        if (!List.of("cosine", "dot").contains(config.similarity())) {
            throw new IllegalArgumentException(base + ": vectors are compared by their " + config.similarity() + " distance, and only those compared by cosine or dot can be"
                    + " trained");
        }
        if (!METRICS.contains(recipe.chosenBy()) && !List.of(LabelRecipe.LOSS, LabelRecipe.LAST).contains(recipe.chosenBy())) {
            throw new IllegalArgumentException("best must be one of " + String.join(", ", METRICS) + ", " + LabelRecipe.LOSS + " and " + LabelRecipe.LAST + ", found '"
                    + recipe.chosenBy() + "'");
        }
        RunInputs inputs = RunInputs.of(run, Map.of(), inputs(), network());
        Sides<TextGroup> sides = sides();
        try (ModelDirectory files = ModelDirectory.open(network());
                TextVectors vectors = new TextVectors(config, base)) {
            Encoder model = EncoderFiles.loadAs(files, ((EncoderSpec) files.network()).withoutHead(), recipe.tuning().format(), recipe.seed());
            // closes the model too
            try (LoraAdapter adapter = recipe.tuning().attach(model, recipe.seed());
                    SentenceEncoder texts = SentenceEncoder.over(base, config, new TorchEncoder(model))) {
                return train(model, vectors, texts, sides, inputs);
            }
        }
    }

    private Path network() {
        return base.resolve(config.network());
    }

    private List<TextGroup> read(Path file) {
        LabelledRows<TextGroup> read = GroupReader.read(file, recipe.data().columns());
        line.message(file.getFileName() + ": " + read.report());
        return read.rows();
    }

    private Sides<TextGroup> sides() {
        List<TextGroup> rows = recipe.data().files().stream().flatMap(file -> read(file).stream()).toList();
        if (recipe.data().heldOut().isPresent()) {
            return new Sides<>(rows, read(recipe.data().heldOut().get()));
        }
        return Sides.split(rows, row -> List.of(row.anchor()), recipe.data().heldOutFraction(), recipe.seed());
    }

    private List<ContrastRow> encoded(List<TextGroup> groups, SentenceEncoder texts) {
        int seq = recipe.seq(texts.mostTokens());
        String before = config.prompt(RetrievalEvaluation.queryPrompt(config));
        String others = config.prompt(RetrievalEvaluation.documentPrompt(config));
        int own = texts.promptTokens(before);
        int other = texts.promptTokens(others);
        return groups.parallelStream().map(group -> new ContrastRow(row(texts, before + group.anchor(), seq), row(texts, others + group.positive(), seq),
                group.negative().map(negative -> row(texts, others + negative, seq)), own, other)).toList();
    }

    private static EncoderRow row(SentenceEncoder texts, String text, int seq) {
        EncodedText encoded = texts.tokenizer().encode(texts.cased(text), seq);
        return EncoderRow.of(encoded);
    }

    private EmbedJob.Result train(Encoder model, TextVectors vectors, SentenceEncoder texts, Sides<TextGroup> sides, RunInputs inputs) {
        List<ContrastRow> learnt = encoded(sides.train(), texts);
        List<ContrastRow> held = encoded(sides.heldOut(), texts);
        long steps = recipe.train().steps(learnt.size(), recipe.train().batch());
        try (EncoderTeacher teacher = recipe.model().teacher().map(path -> EncoderTeacher.open(path, base, config, model.spec(), Device.parse(recipe.device()))).orElse(null)) {
            VectorObjective objective = teacher == null ? new Contrast(model, vectors, recipe.temperature(), config.similarity().equals("cosine"))
                    : new VectorDistillation(model, vectors, new KeptVectors(teacher, Runtime.getRuntime().maxMemory() / KEPT));
            announce(model, learnt, held, steps);
            return train(model, objective, texts, new Sides<>(learnt, held), sides, steps, inputs);
        }
    }

    private EmbedJob.Result train(Encoder model, VectorObjective objective, SentenceEncoder texts, Sides<ContrastRow> rows, Sides<TextGroup> sides, long steps, RunInputs inputs) {
        List<ContrastRow> learnt = rows.train();
        List<ContrastRow> held = rows.heldOut();
        int batch = recipe.train().batch();
        int pad = model.spec().padId();
        int most = recipe.train().evaluateRows();
        Optional<RetrievalEvaluation> some = retrieval(most == 0 ? sides.heldOut() : sides.heldOut().subList(0, Math.min(most, held.size())));
        var deal = new ContrastBatch.Deal(learnt, pad, batch, recipe.seed());
        training = true;
        var data = new TrainData<>(deal::get, ContrastBatch.all(held.subList(0, most == 0 ? held.size() : Math.min(most, held.size())), pad, batch)).among(ranks);
        TrainOptions options = recipe.train().optionsByEpoch(steps, recipe.rate(), recipe.tuning().recompute(recipe.train().recompute()), recipe.seed(), learnt.size())
                .among(ranks.size()).in(RunPrecision.of(recipe.train(), model.spec().stack(), ranks, run, line));
        if (ranks.rank() > 0) {
            new Trainer<>(model, objective, data, ranks, options, run, new TrainListener() {}).train();
            return new EmbedJob.Result(OptionalDouble.empty(), objective.unit().toString(), "");
        }
        Map<String, Double> before = some.map(evaluation -> metrics(evaluation, texts)).orElse(Map.of());
        if (!before.isEmpty()) {
            line.message("before training: " + text(before));
        }
        inputs.write(run);
        var best = new BestWeights(run, model);
        new Trainer<>(model, objective, data, ranks, options, run, new Listener(model, texts, some, best)).train();
        best.restore().ifPresent(step -> line.message(String.format(Locale.ROOT, "the weights of step %,d are kept: best %s on what is held out", step, recipe.chosenBy())));
        Optional<Loss> loss = held.isEmpty() ? Optional.empty() : Optional.of(objective.evaluateAll(ContrastBatch.all(held, pad, batch)));
        loss.ifPresent(l -> report(texts, sides.heldOut(), before, l, objective.unit().toString()));
        save(model);
        FinishedModel.chart(run, objective.unit(), line);
        provenance().write(run);
        best.remove();
        return new EmbedJob.Result(loss.map(l -> OptionalDouble.of(l.mean())).orElse(OptionalDouble.empty()), objective.unit().toString(),
                recipe.tuning().result() + " is in " + run + "; use it: zhulong embed" + recipe.tuning().use(run) + " --text TEXT");
    }

    private void announce(Encoder model, List<ContrastRow> learnt, List<ContrastRow> held, long steps) {
        EncoderSpec spec = model.spec();
        line.message(String.format(Locale.ROOT, "%s, %,d weights, %s%s; vectors: %s, compared by %s over a temperature of %s", spec.family().modelType(),
                Parameters.of(spec).count(), recipe.tuning().text(model), config.steps().stream().anyMatch(EmbeddingConfig.Dense.class::isInstance) ? " but those of the dense layer behind" : "",
                config.describe(), config.similarity(), recipe.temperature()));
        recipe.model().teacher().ifPresent(path -> line.message("learns the vectors of " + path + ", whatever belongs together"));
        line.message(EmbedJob.memory(recipe, spec).text());
        line.message(String.format(Locale.ROOT, "%,d steps of %,d rows from %,d (%,d with a negative); held out: %,d", steps,
                (long) recipe.train().batch() * recipe.train().accumulation(), learnt.size(), learnt.stream().filter(row -> row.negative().isPresent()).count(), held.size()));
        if (held.isEmpty()) {
            line.message("nothing is held out, so nothing will be evaluated: give more rows, a file of others, or data.held_out_fraction");
        }
    }

    /** Each anchor looks for its positives among all positives and negatives; empty where there are no rows. */
    private Optional<RetrievalEvaluation> retrieval(List<TextGroup> rows) {
        if (rows.isEmpty()) {
            return Optional.empty();
        }
        Map<String, String> documents = new LinkedHashMap<>();
        rows.forEach(row -> documents.putIfAbsent(row.positive(), "d" + documents.size()));
        rows.forEach(row -> row.negative().ifPresent(text -> documents.putIfAbsent(text, "d" + documents.size())));
        Map<String, String> queries = new LinkedHashMap<>();
        Map<String, Map<String, Integer>> judged = new LinkedHashMap<>();
        for (TextGroup row : rows) {
            String query = queries.computeIfAbsent(row.anchor(), _ -> "q" + queries.size());
            judged.computeIfAbsent(query, _ -> new LinkedHashMap<>()).put(documents.get(row.positive()), 1);
        }
        return Optional.of(new RetrievalEvaluation(new RetrievalData(turned(documents), turned(queries), judged), AT, Progress.SILENT));
    }

    private static Map<String, String> turned(Map<String, String> byText) {
        Map<String, String> byId = new LinkedHashMap<>();
        byText.forEach((text, id) -> byId.put(id, text));
        return byId;
    }

    private Map<String, Double> metrics(RetrievalEvaluation evaluation, SentenceEncoder texts) {
        Map<String, List<String>> found = evaluation.found(texts);
        Map<String, Estimate> all = new LinkedHashMap<>(evaluation.metrics(found, AT));
        all.put("recall@1", evaluation.metrics(found, 1).get("recall@1"));
        Map<String, Double> values = new LinkedHashMap<>();
        METRICS.forEach(name -> values.put(name, all.get(name).value()));
        return values;
    }

    private static String text(Map<String, Double> metrics) {
        return metrics.entrySet().stream().map(e -> String.format(Locale.ROOT, "%s %.4f", e.getKey(), e.getValue())).collect(Collectors.joining(", "));
    }

    private void report(SentenceEncoder texts, List<TextGroup> held, Map<String, Double> before, Loss loss, String unit) {
        Map<String, Double> after = metrics(retrieval(held).orElseThrow(), texts);
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("task", EmbedRecipe.KIND).put("rows", held.size()).put("loss", loss.mean()).put("loss_unit", unit);
        ObjectNode then = json.putObject("before");
        before.forEach(then::put);
        ObjectNode now = json.putObject("after");
        after.forEach(now::put);
        JsonFile.write(run.resolve(FinalEvaluation.FILE), json);
        line.message(String.format(Locale.ROOT, "held out: loss %.4f %s; %s", loss.mean(), unit, text(after)));
    }

    /** The directory as it was, with other weights; one that said nothing of vectors says it now. */
    private void save(Encoder model) {
        try {
            // an adapter lies in its directory itself
            Path network = recipe.tuning().isFull() ? Files.createDirectories(run.resolve(config.network())) : run;
            Companions.copy(network(), network);
            recipe.tuning().save(model, network);
            config.write(base, run, model.spec().hiddenSize());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<Path> inputs() {
        List<Path> inputs = new ArrayList<>(recipe.data().files());
        recipe.data().heldOut().ifPresent(inputs::add);
        inputs.addAll(RunInputs.describing(network()));
        recipe.model().teacher().ifPresent(teacher -> inputs.addAll(EncoderTeacher.describing(teacher)));
        inputs.addAll(config.files(base));
        return inputs;
    }

    private Provenance provenance() {
        List<Provenance.Input> inputs = new ArrayList<>();
        List<Provenance> parents = new ArrayList<>();
        recipe.data().files().forEach(file -> inputs.add(Provenance.Input.of(file)));
        recipe.data().heldOut().ifPresent(file -> inputs.add(Provenance.Input.of(file)));
        FinishedModel.base(network(), inputs, parents);
        recipe.model().teacher().ifPresent(teacher -> inputs.add(Provenance.Input.of(EncoderTeacher.network(teacher))));
        return Provenance.of("finetune", inputs, RunDirectory.tree(recipe), recipe.seed()).withParents(parents);
    }

    /** Reports as every training does, measures at each evaluation what is found, and keeps the best weights. */
    private final class Listener extends TrainingConsole {
        private final SentenceEncoder texts;
        private final Optional<RetrievalEvaluation> retrieval;
        private final BestWeights best;

        Listener(Encoder model, SentenceEncoder texts, Optional<RetrievalEvaluation> retrieval, BestWeights best) {
            super(line, texts.tokenizer().tokenizer(), Formulas.flopsPerToken(model.spec(), recipe.seq(texts.mostTokens())), RunDevice.gflops(recipe.device()), "", 1);
            this.texts = texts;
            this.retrieval = retrieval;
            this.best = best;
        }

        @Override
        public Map<String, Double> measure(long step) {
            Map<String, Double> found = metrics(retrieval.orElseThrow(), texts);
            line.message(String.format(Locale.ROOT, "step %,d: %s", step, text(found)));
            if (recipe.chosenBy().equals(LabelRecipe.LOSS)) {
                best.offer(step, -last().orElseThrow().loss());
            } else if (!recipe.chosenBy().equals(LabelRecipe.LAST)) {
                best.offer(step, found.get(recipe.chosenBy()));
            }
            Map<String, Double> values = new LinkedHashMap<>();
            found.forEach((name, value) -> values.put("validation_" + name, value));
            return values;
        }
    }
}
