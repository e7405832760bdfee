package dev.zhulong.recipe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.tune.DataSource;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Placing;
import dev.zhulong.recipe.FinetuneEvaluation.Score;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.text.chat.SupervisedTokens;
import dev.zhulong.train.Dpo;
import dev.zhulong.train.Loss;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Objective;
import dev.zhulong.train.Precision;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.StreamedState;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/** One start of a {@link FinetuneJob}. */
final class FinetuneRun implements RecipeJob.Run<FinetuneJob.Result> {
    private static final String BEFORE = "evaluation-before.json";
    /** Each source's own adapter lies in here. */
    private static final String ALONE = "alone";

    private final FinetuneRecipe recipe;
    private final Ranks ranks;
    private final Path base;
    private final Path run;
    private final Progress line;
    private boolean training;
    private Precision precision;

    FinetuneRun(FinetuneRecipe recipe, Ranks ranks, Path run, Progress line) {
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
    public FinetuneJob.Result run() {
        TrainingMemory memory = FinetuneJob.memory(recipe, HfConfig.read(base.resolve("config.json")));
        RunInputs inputs = RunInputs.of(run, Map.of(), inputs(), base);
        ChatTemplate template = ChatTemplate.load(base);
        try (Tokenizer tokenizer = HuggingFaceTokenizer.load(base);
                StreamedState state = state();
                Decoder model = load(state == null ? Placing.HERE : state);
                LoraAdapter adapter = recipe.method() == Method.FULL ? null : attach(model, recipe.seed())) {
            if (state != null) {
                state.attach(model);
            }
            OptionalInt end = adapter == null ? OptionalInt.empty() : knownEnd(model, tokenizer);
            var data = new FinetuneData(recipe, tokenizer, ChatEncoding.of(new ChatEncoder(template, tokenizer)), memory.seq(), end, line);
            if (data.conversations() && !template.present()) {
                line.message("the model has no chat template: using ChatML, which is saved with the result");
            }
            if (data.plainPairs() && template.present()) {
                line.message("prompts and completions stay plain text; as_chat (--as-chat) puts them through the model's chat template");
            }
            Bounds.run(data.steps(), memory.rows(), recipe.train().accumulation());
            FinetuneJob.Result result = train(model, adapter, tokenizer, template, data, memory, inputs);
            if (state != null) {
                line.message(state.traffic().text());
                state.delete();
            }
            return result;
        }
    }

    /**
     * What ends a text where the EOS was never trained: an adapter leaves embeddings as they are, and one that looks like those of other tokens can be told from them
     * no more after training than before. The BOS, where the model knows that, stands between the texts that it was made from.
     *
     * @return empty for the EOS
     */
    private OptionalInt knownEnd(Decoder model, Tokenizer tokenizer) {
        OptionalInt eos = tokenizer.eos();
        OptionalInt bos = tokenizer.bos();
        int rows = model.spec().vocabSize();
        if (eos.isEmpty() || bos.isEmpty() || eos.getAsInt() == bos.getAsInt() || eos.getAsInt() >= rows || bos.getAsInt() >= rows) {
            return OptionalInt.empty();
        }
        List<Integer> untrained = UntrainedTokens.written(new TreeSet<>(List.of(eos.getAsInt(), bos.getAsInt())), model);
        if (!untrained.contains(eos.getAsInt()) || untrained.contains(bos.getAsInt())) {
            return OptionalInt.empty();
        }
        line.message("the model's EOS looks untrained, and an adapter leaves embeddings as they are: texts and completions end with the BOS instead, which the model knows;"
                + " to teach it the EOS train all weights (--method full)");
        return bos;
    }

    /** On the disk, where a budget of memory says so; else null. */
    private StreamedState state() {
        return recipe.train().memory().isEmpty() ? null
                : StreamedState.open(HfConfig.read(base.resolve("config.json")), TrainingBudget.directory(run), recipe.train().optimizer());
    }

    private Decoder load(Placing placing) {
        return recipe.method() == Method.QLORA ? DecoderFiles.loadQuantized(base, recipe.model().quantize()) : DecoderFiles.load(base, spec -> spec, placing);
    }

    private LoraAdapter attach(Decoder model, long seed) {
        LoraAdapter adapter = LoraAdapter.create(model, recipe.adapter().config(base), seed);
        model.attach(adapter);
        return adapter;
    }

    private FinetuneJob.Result train(Decoder model, LoraAdapter adapter, Tokenizer tokenizer, ChatTemplate template, FinetuneData data,
            TrainingMemory memory, RunInputs inputs) {
        if (tokenizer.vocabSize() > model.spec().vocabSize()) {
            throw new IllegalArgumentException(base + ": the tokenizer has ids up to " + (tokenizer.vocabSize() - 1) + " but the model only "
                    + model.spec().vocabSize() + " rows");
        }
        long steps = data.steps();
        announce(model, adapter, data, memory, steps);
        boolean dpo = recipe.method() == Method.DPO;
        int[] bytes = PretrainRun.tokenBytes(tokenizer, model.spec().vocabSize());
        Objective<Batch> objective = dpo ? new Dpo(model, recipe.dpo().beta(), recipe.dpo().labelSmoothing()) : new NextToken(model, bytes);
        List<Batch> held = data.heldOut().values().stream().flatMap(List::stream).toList();
        if (held.isEmpty()) {
            line.message("nothing is held out, so nothing will be evaluated: give more examples, or data.held_out_fraction");
        }
        training = true;
        var listener = new TrainingConsole(line, tokenizer, TrainingConsole.flopsPerToken(model.spec(), memory.seq(), data.learnt(), adapter != null),
                RunDevice.gflops(recipe.device()), recipe.train().prompt(),
                recipe.train().sampleTokens());
        if (ranks.rank() > 0) {
            train(model, objective, data, held, steps, listener);
            if (recipe.data().alone()) {
                alone(model, data, bytes, steps, listener, source -> {});
            }
            return new FinetuneJob.Result(Optional.empty(), "");
        }
        inputs.write(run);
        Map<String, Score> before = before(objective, data);
        train(model, objective, data, held, steps, listener);
        Map<String, Score> after = scores(objective, data);
        FinishedModel.weights(model, Optional.of(base), base, data.endMarks(), run);
        Map<String, MetricValue> together = answers(model, tokenizer, data, data.answers().keySet());
        Map<String, MetricValue> each = new LinkedHashMap<>();
        Map<String, Score> alone = recipe.data().alone() ? alone(model, data, bytes, steps, listener,
                source -> each.putAll(answers(model, tokenizer, data, Set.of(source)))) : Map.of();
        var evaluation = new FinetuneEvaluation(after.entrySet().stream().map(e -> new FinetuneEvaluation.Source(e.getKey(), before.get(e.getKey()),
                e.getValue(), Optional.ofNullable(alone.get(e.getKey())))).toList());
        if (data.conversations() || template.present()) {
            AtomicFile.writeString(run.resolve(ChatTemplate.FILE), template.source());
        }
        FinishedModel.chart(run, objective.unit(), line);
        data.coverage(steps).forEach(text -> line.message("seen of " + text));
        if (!after.isEmpty()) {
            evaluation.write(run);
            line.message("held out, " + FinetuneJob.Result.measure(dpo) + ":\n" + evaluation.text());
        }
        if (!together.isEmpty()) {
            var answers = new AnswerScores(together.entrySet().stream().map(e -> new AnswerScores.Task(e.getKey(), e.getValue().name(), e.getValue().estimate().value(),
                    Optional.ofNullable(each.get(e.getKey())).map(value -> value.estimate().value()), data.answers().get(e.getKey()).size())).toList());
            answers.write(run);
            line.message("answers to held-out prompts, written greedily:\n" + answers.text());
        }
        provenance().write(run);
        String use = data.conversations() || !data.plainPairs() ? "; talk to it: zhulong chat --model " : "; generate text: zhulong generate --model ";
        return new FinetuneJob.Result(after.isEmpty() ? Optional.empty() : Optional.of(evaluation),
                adapter == null ? "the model is in " + run + use + run : "the adapter is in " + run + use + base + " --adapter " + run);
    }

    private void train(Decoder model, Objective<Batch> objective, FinetuneData data, List<Batch> held, long steps, TrainingConsole listener) {
        LongFunction<Batch> batches = batches(data.training());
        precision = RunPrecision.of(recipe.train(), model.spec().stack(), ranks, run, line);
        var own = new TrainData<>(batches, some(held)).among(ranks);
        new Trainer<>(model, objective, own, ranks, options(steps).among(ranks.size()), run, listener).train();
    }

    /** What the model now writes to the held-out prompts of sources with a metric. */
    private Map<String, MetricValue> answers(Decoder model, Tokenizer tokenizer, FinetuneData data, Set<String> sources) {
        Map<String, MetricValue> scores = new LinkedHashMap<>();
        for (DataSource source : recipe.data().sources()) {
            List<SupervisedTokens> held = data.answers().getOrDefault(source.name(), List.of());
            if (sources.contains(source.name()) && !held.isEmpty()) {
                scores.put(source.name(), AnswerScores.score(model, tokenizer, data.ends(), held, source.metric().orElseThrow()));
            }
        }
        return scores;
    }

    private void announce(Decoder model, LoraAdapter adapter, FinetuneData data, TrainingMemory memory, long steps) {
        DecoderSpec spec = model.spec();
        long trained = adapter == null ? model.count() : adapter.count();
        line.message(String.format(Locale.ROOT, "%s, %,d weights; trained: %,d (%.2f %%)%s", spec.family().modelType(),
                model.count(), trained, 100.0 * trained / model.count(), adapter == null ? "" : String.format(Locale.ROOT,
                        ", an adapter of rank %d on %d projections%s", recipe.adapter().rank(), adapter.modules().size(),
                        recipe.method() == Method.QLORA ? "; base in " + recipe.model().quantize() : "")));
        line.message(memory.text());
        line.message(String.format(Locale.ROOT, "%,d steps of %,d rows of %,d tokens", steps, memory.rows() * recipe.train().accumulation(), memory.seq()));
        if (adapter != null) {
            List<Integer> untrained = UntrainedTokens.among(data.controlIds(), model);
            if (!untrained.isEmpty()) {
                line.message("the data contain control tokens whose embeddings look untrained, and an adapter leaves embeddings as they are: ids "
                        + untrained + "; train all weights (--method full), or use a chat template whose marks the model knows");
            }
        }
    }

    private LongFunction<Batch> batches(Batches batches) {
        return batches::get;
    }

    private TrainOptions options(long steps) {
        return recipe.train().options(steps, recipe.method().rate(), recipe.recompute(), recipe.seed()).in(precision);
    }

    /** What is read in an evaluation during training. */
    private List<Batch> some(List<Batch> held) {
        int most = recipe.train().evaluateRows();
        List<Batch> some = new ArrayList<>();
        for (int rows = 0; some.size() < held.size() && (most == 0 || rows < most); rows += some.getLast().batch()) {
            some.add(held.get(some.size()));
        }
        return some;
    }

    /** By source; sources without held-out examples are left out. */
    private Map<String, Score> scores(Objective<Batch> objective, FinetuneData data) {
        Map<String, Score> scores = new LinkedHashMap<>();
        data.heldOut().forEach((source, batches) -> {
            if (!batches.isEmpty()) {
                scores.put(source, score(objective, batches));
            }
        });
        return scores;
    }

    private static Score score(Objective<Batch> objective, List<Batch> batches) {
        if (objective instanceof Dpo dpo) {
            Dpo.Score score = dpo.score(batches);
            return new Score(score.loss().mean(), score.loss().count(), score.accuracy(), score.margin());
        }
        Loss total = objective.evaluateAll(batches);
        return new Score(total.mean(), total.count(), Double.NaN, Double.NaN);
    }

    /** What the model that is gone on from makes of the held-out examples, found once. */
    private Map<String, Score> before(Objective<Batch> objective, FinetuneData data) {
        Path file = run.resolve(BEFORE);
        try {
            if (Files.isRegularFile(file)) {
                Map<String, Score> scores = new LinkedHashMap<>();
                new ObjectMapper().readTree(file.toFile()).properties().forEach(e -> scores.put(e.getKey(), FinetuneEvaluation.score(e.getValue())));
                return scores;
            }
            Map<String, Score> scores = scores(objective, data);
            Map<String, Object> fields = new LinkedHashMap<>();
            scores.forEach((source, score) -> {
                fields.put(source, FinetuneEvaluation.map(score));
                line.message(String.format(Locale.ROOT, "held out, before training: %s %.4f %s", source, score.loss(), objective.unit()));
            });
            json(BEFORE, fields);
            return scores;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void json(String name, Map<String, ?> fields) {
        try {
            AtomicFile.writeString(run.resolve(name), new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(fields) + "\n");
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * An adapter for each source on its own, with as many of its rows as the common one saw.
     *
     * @param trained hears of each source while its adapter is on the model
     */
    private Map<String, Score> alone(Decoder model, FinetuneData data, int[] bytes, long steps, TrainingConsole listener,
            Consumer<String> trained) {
        Map<String, Score> scores = new LinkedHashMap<>();
        LoraAdapter common = model.adapter().orElseThrow();
        List<String> names = recipe.data().sources().stream().map(DataSource::name).toList();
        for (DataSource source : recipe.data().sources()) {
            List<Batch> held = data.heldOut().get(source.name());
            if (held.isEmpty()) {
                continue;
            }
            Path directory = run.resolve(ALONE).resolve(directoryOf(source.name(), names));
            line.message("training on " + source.name() + " alone");
            model.detach();
            try (LoraAdapter own = attach(model, recipe.seed())) {
                var objective = new NextToken(model, bytes);
                new Trainer<>(model, objective, new TrainData<>(batches(data.training(source.name())), some(held)).among(ranks), ranks,
                        options(data.stepsAlone(source.name(), steps)).among(ranks.size()), directory, listener).train();
                if (ranks.rank() == 0) {
                    scores.put(source.name(), score(objective, held));
                    trained.accept(source.name());
                    GenerationFile.write(Optional.of(base), model.spec(), data.endMarks(), directory);
                    own.save(directory, StorageType.F32);
                }
                model.detach();
            }
        }
        model.attach(common);
        return scores;
    }

    /**
     * A source's name where that is a plain one that no other source comes near, whatever a file system makes of cases; else what is plain of it
     * and a hash, behind a sign that plain names do not have.
     */
    static String directoryOf(String name, List<String> all) {
        boolean alone = all.stream().filter(name::equalsIgnoreCase).count() == 1;
        if (alone && name.matches("[\\p{Alnum}_-][\\p{Alnum}._-]{0,99}") && !name.endsWith(".")) {
            return name;
        }
        String plain = name.replaceAll("[^\\p{Alnum}_-]", "_");
        return plain.substring(0, Math.min(40, plain.length())) + "+" + ContentHash.ofBytes(name.getBytes(StandardCharsets.UTF_8)).sha256().substring(0, 16);
    }

    private List<Path> inputs() {
        List<Path> inputs = new ArrayList<>();
        for (DataSource source : recipe.data().sources()) {
            inputs.add(source.path());
            source.heldOut().ifPresent(inputs::add);
        }
        inputs.addAll(RunInputs.describing(base));
        return inputs;
    }

    private Provenance provenance() {
        List<Provenance.Input> inputs = new ArrayList<>();
        List<Provenance> parents = new ArrayList<>();
        recipe.data().sources().forEach(source -> inputs.add(Provenance.Input.of(source.path())));
        FinishedModel.base(base, inputs, parents);
        return Provenance.of("finetune", inputs, RunDirectory.tree(recipe), recipe.seed()).withParents(parents);
    }
}
