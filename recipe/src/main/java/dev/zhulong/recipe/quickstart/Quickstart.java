package dev.zhulong.recipe.quickstart;

import dev.zhulong.data.CleanConfig;
import dev.zhulong.data.Cleaner;
import dev.zhulong.data.Corpus;
import dev.zhulong.data.DocumentStore;
import dev.zhulong.data.clean.Steps;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.PackedRows;
import dev.zhulong.data.read.ReadOptions;
import dev.zhulong.data.shard.ShardConfig;
import dev.zhulong.data.shard.ShardWriter;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.recipe.EncodingTokenizer;
import dev.zhulong.recipe.FinetuneEvaluation;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.ResumeHint;
import dev.zhulong.recipe.RunDirectory;
import dev.zhulong.recipe.TextHash;
import dev.zhulong.recipe.TrainingConsole;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.MachineSpeed;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Raw text to a model that writes. Stages: plan, clean, tokenizer, shards, train, evaluate, complete, then pairs, finetune and compare
 * where the corpus has Java methods to learn from, and report; each leaves its result in the run directory whole, and a run that is started
 * again goes on after the last one.
 *
 * <pre>{@code
 * Quickstart.run(new QuickstartOptions(5, Path.of("runs/quickstart"), Optional.empty(), 0, Optional.empty()), System.err);
 * }</pre>
 */
public final class Quickstart {
    /** A finished model is read with what it was trained with. */
    static final EngineChoice TORCH = EngineChoice.DEFAULT.withEngine(Engine.TORCH);

    static final String END_OF_TEXT = "<|endoftext|>";
    private static final List<String> SPECIALS =
            List.of(END_OF_TEXT, FillInTheMiddle.PREFIX, FillInTheMiddle.SUFFIX, FillInTheMiddle.MIDDLE);
    static final String ADAPTER = "adapter";
    private static final String REPORT = "report";
    private static final double FILL_IN_THE_MIDDLE = 0.15;
    /** Text that the tokenizer is trained on at most. */
    private static final double TOKENIZER_BYTES = 12e6;
    /** Held-out text that is scored at most. */
    private static final double HELD_OUT_BYTES = 300e3;
    /** Training tokens laid ready for each one read. */
    private static final double SPARE = 4;
    /** Cautious: code has three to four bytes a token with these vocabularies. */
    private static final double BYTES_PER_TOKEN = 4;
    private static final int VALIDATION_ROWS = 16;
    private static final int EVALUATIONS = 8;
    private static final int SAMPLES = 5;
    private static final double CHECKPOINT_SECONDS = 10;

    private final QuickstartOptions options;
    private final Path out;
    private final Progress progress;
    private final long available;
    private final StageLog log;
    private Plan plan;
    private Sources sources;

    private Quickstart(QuickstartOptions options, Progress progress, long available) {
        this.options = options;
        this.out = options.out();
        this.progress = progress;
        this.available = available;
        this.log = new StageLog(out, progress);
    }

    /** {@link #run(QuickstartOptions, Progress, long)} on a terminal, where memory is known to suffice. */
    public static Path run(QuickstartOptions options, PrintStream terminal) {
        try (ProgressLine line = ProgressLine.on(terminal)) {
            return run(options, line, Long.MAX_VALUE);
        }
    }

    /**
     * Runs, goes on with, or shows again the quickstart in {@code options.out()}.
     *
     * @param progress  hears of the stages, the samples and the summary
     * @param available bytes of memory the run may take; a new one is planned to need no more
     * @return where the report is
     * @throws IllegalArgumentException if there is nothing to learn from, or the memory does not suffice; says what to do
     */
    public static Path run(QuickstartOptions options, Progress progress, long available) {
        try (var held = RunDirectory.hold(options.out(), StageLog.FILE);
                var hint = ResumeHint.of(held.path(), System.err)) {
            AtomicFile.removeLeftovers(held.path());
            return new Quickstart(options, progress, available).run(held);
        }
    }

    private Path run(RunDirectory held) {
        if (log.finished(REPORT)) {
            log.message("this quickstart is finished; another --out starts a new one");
            summary(Report.read(out));
            return out.resolve(ReportPage.FILE);
        }
        plan = log.run("plan", this::plan, () -> Plan.read(out.resolve(Plan.FILE)));
        held.keep(QuickstartRecipe.of(plan));
        if (!log.finished("train")) {
            Sizing.requireMemory(plan.shape(), available);
        }
        sources = Sources.find(Optional.ofNullable(plan.corpus()).map(Path::of), Path.of(System.getProperty("java.home")),
                System.getProperty("java.class.path"));
        if (log.starts() > 1 && options.plan().isEmpty()) {
            log.message("this run continues with its original settings: %s minutes of training, seed %d; another --out starts a new one", plan.minutes(),
                    plan.seed());
        }
        if (!sources.notice().isEmpty()) {
            log.message("%s", sources.notice());
        }
        log.message("learning from %s: %,d weights, %,d steps of %,d tokens, about %s of training", sources.what(),
                plan.shape().parameters(), plan.steps(), plan.shape().tokensPerStep(),
                ProgressLine.duration(plan.steps() * plan.measured().secondsPerStep()));
        Corpus corpus = log.run("clean", this::clean, () -> Corpus.open(out.resolve("corpus")));
        log.message("           %,d documents, %s to learn from; %,d documents, %s held out; audit: %s", corpus.train().count(),
                Sizes.of(corpus.train().bytes()), corpus.validation().count(), Sizes.of(corpus.validation().bytes()), corpus.auditPage());
        if (corpus.validation().count() == 0) {
            throw new IllegalArgumentException("the corpus has a single document, so none can be held out: give more files");
        }
        try (Tokenizer tokenizer = log.run("tokenizer", () -> tokenizer(corpus), () -> HuggingFaceTokenizer.load(out))) {
            log.run("shards", () -> {
                shards(corpus, tokenizer);
                return null;
            }, () -> null);
            try (TokenShards train = TokenShards.open(out.resolve("shards/train"));
                    TokenShards validation = TokenShards.open(out.resolve("shards/validation"))) {
                return afterShards(corpus, tokenizer, train, validation);
            }
        }
    }

    private Path afterShards(Corpus corpus, Tokenizer tokenizer, TokenShards train, TokenShards validation) {
        long steps = Sizing.steps(plan.steps(), plan.shape().tokensPerStep(), train.tokens());
        if (steps < plan.steps()) {
            log.message("           the corpus is small: %,d of %,d steps read it sixteen times, which is enough", steps, plan.steps());
            plan = new Plan(plan.format(), plan.minutes(), plan.corpus(), plan.seed(), plan.shape(), steps, Sizing.warmup(steps),
                    plan.learningRate(), plan.fillInTheMiddle(), plan.tuning(), plan.measured());
        }
        List<Document> heldOut = heldOut(corpus);
        int end = tokenizer.eos().orElseThrow();
        DecoderSpec spec = plan.shape().spec(tokenizer.vocabSize(), end, end);
        RunNotes[] notes = new RunNotes[1];
        log.run("train", () -> notes[0] = train(spec, tokenizer, train, validation), () -> notes[0] = notes(spec, tokenizer));
        Report.HeldOut scores;
        List<Report.Completion> completions;
        try (ModelFiles files = ModelFiles.open(out, TORCH); LanguageModel model = files.loadEngine(files.context())) {
            scores = log.run("evaluate", () -> {
                Report.HeldOut found = HeldOutScores.of(model, plan.seed(), tokenizer, train, heldOut, progress);
                HeldOutScores.write(out, found);
                return found;
            }, () -> HeldOutScores.read(out));
            completions = log.run("complete", () -> completions(model, tokenizer), () -> new Writer(model, tokenizer).completions());
        }
        Finetuning finetuning = finetuning(corpus, tokenizer);
        var data = new Report.Data(tokenizer.vocabSize(), train.documents(), train.tokens(), steps * plan.shape().tokensPerStep(),
                (double) scores.bytes() / scores.tokens(), Parameters.of(spec).count(), scores.documents());
        log.run(REPORT, () -> {
            var report = new Report(sources.what(), MachineFacts.of(plan.measured().gflops()), plan, log.starts(), log.stages(),
                    Report.tree(out.resolve("corpus/audit.json")), data, scores, notes[0].samples(), completions,
                    finetuning == null ? null : finetuning.shortened());
            ReportPage.write(out, report);
            report.write(out);
            return report;
        }, () -> Report.read(out));
        summary(Report.read(out));
        return out.resolve(ReportPage.FILE);
    }

    // ---- stages

    private Plan plan() {
        Path file = out.resolve(Plan.FILE);
        if (Files.exists(file)) {
            return Plan.read(file);
        }
        if (options.plan().isPresent()) {
            Plan given = Plan.read(options.plan().get());
            requireSources(Optional.ofNullable(given.corpus()).map(Path::of));
            given.write(out);
            return given;
        }
        requireSources(options.corpus());
        Libtorch.load();
        double seconds = options.minutes() * 60;
        double gflops = MachineSpeed.gflops();
        Plan.Shape shape = Sizing.fitting(Sizing.shape(gflops, seconds), available);
        double step = Speed.secondsPerStep(shape, out.resolve("sizing.partial"));
        while (Sizing.tooLarge(shape, seconds, step)) {
            shape = Sizing.smaller(shape);
            step = Speed.secondsPerStep(shape, out.resolve("sizing.partial"));
        }
        long steps = Sizing.steps(seconds, step);
        var made = new Plan(1, options.minutes(), options.corpus().map(c -> c.toAbsolutePath().normalize().toString()).orElse(null),
                options.seed(), shape, steps, Sizing.warmup(steps), Sizing.learningRate(shape), FILL_IN_THE_MIDDLE,
                Sizing.tuning(seconds, step), new Plan.Measured(gflops, step, Libtorch.threads()));
        made.write(out);
        return made;
    }

    /** Before a plan is kept, for it can't be changed later. */
    private static void requireSources(Optional<Path> corpus) {
        Sources.find(corpus, Path.of(System.getProperty("java.home")), System.getProperty("java.class.path"));
    }

    private Corpus clean() {
        CleanConfig config = sources.javaCode()
                ? CleanConfig.of(sources.inputs(), javaSteps()).withRead(ReadOptions.DEFAULT.withExtensions("java"))
                : CleanConfig.of(sources.inputs(), Steps.standard());
        config = config.withValidation(0.05, plan.seed());
        return Cleaner.run(config, out.resolve("corpus"), progress);
    }

    private static List<CleaningStep> javaSteps() {
        var steps = new ArrayList<CleaningStep>(List.of(new LocaleTables()));
        steps.addAll(Steps.forCode());
        return steps;
    }

    private Tokenizer tokenizer(Corpus corpus) {
        var trainer = new BpeTrainer(plan.shape().vocabulary(), SPECIALS);
        try (Stream<Document> sample = share(corpus.train(), TOKENIZER_BYTES, plan.seed() + 1)) {
            // read in order by one thread, counted by all
            var texts = new ArrayList<String>();
            long[] characters = {0};
            sample.forEach(document -> {
                texts.add(document.text());
                characters[0] += document.text().length();
                if (characters[0] > 4 << 20) {
                    trainer.addAll(texts.stream());
                    texts.clear();
                    characters[0] = 0;
                }
            });
            trainer.addAll(texts.stream());
        }
        progress.at("tokenizer");
        TokenizerJson.write(out, trainer.train(), new TokenizerJson.Settings(END_OF_TEXT, END_OF_TEXT, null, false, plan.shape().seq()));
        return HuggingFaceTokenizer.load(out);
    }

    private void shards(Corpus corpus, Tokenizer tokenizer) {
        String hash = ContentHash.ofFile(out.resolve("tokenizer.json")).sha256();
        double tokens = SPARE * plan.steps() * plan.shape().tokensPerStep();
        var gaps = new FillInTheMiddle(plan.fillInTheMiddle(), (int) (plan.shape().seq() / 2 * 3.5), plan.seed());
        String arranged = hash + " fim " + plan.fillInTheMiddle() + " seed " + plan.seed() + " tokens " + tokens;
        var arrangedHash = ContentHash.ofBytes(arranged.getBytes(StandardCharsets.UTF_8)).sha256();
        try (Stream<Document> documents = share(corpus.train(), tokens * BYTES_PER_TOKEN, plan.seed() + 2)) {
            ShardWriter.write(documents.flatMap(gaps::arrange), (long) Math.min(corpus.train().bytes(), tokens * BYTES_PER_TOKEN),
                    arranged(tokenizer), ShardConfig.of(arrangedHash, corpus.train().contentHash()),
                    out.resolve("shards/train"), progress).close();
        }
        ShardWriter.write(heldOut(corpus).stream(), 0, arranged(tokenizer),
                ShardConfig.of(arrangedHash, corpus.validation().contentHash()), out.resolve("shards/validation"), Progress.SILENT).close();
    }

    /** Knows the marks of {@link FillInTheMiddle}, and begins documents with BOS where it belongs. */
    static EncodingTokenizer arranged(Tokenizer tokenizer) {
        return new EncodingTokenizer(tokenizer, text -> FillInTheMiddle.encode(tokenizer, text), false);
    }

    /** About {@code bytes} of a store, or all of it: documents chosen by their hashes, in their order, and the first where none is. */
    static Stream<Document> share(DocumentStore store, double bytes, long salt) {
        Predicate<Document> chosen = TextHash.share(bytes / Math.max(1, store.bytes()), salt);
        try (Stream<Document> documents = store.documents()) {
            if (documents.noneMatch(chosen)) {
                return store.documents().limit(1);
            }
        }
        return store.documents().filter(chosen);
    }

    private List<Document> heldOut(Corpus corpus) {
        try (Stream<Document> documents = share(corpus.validation(), HELD_OUT_BYTES, plan.seed() + 3)) {
            return documents.toList();
        }
    }

    private RunNotes notes(DecoderSpec spec, Tokenizer tokenizer) {
        var console = new TrainingConsole(progress, spec, tokenizer, plan.shape().seq(), plan.measured().gflops(), Writer.PROMPT, 1);
        return new RunNotes(console, tokenizer, out.resolve("run"));
    }

    private RunNotes train(DecoderSpec spec, Tokenizer tokenizer, TokenShards train, TokenShards validation) {
        Plan.Shape shape = plan.shape();
        Path run = out.resolve("run");
        try {
            Files.createDirectories(run);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        var rows = new Batches(new PackedRows(train, shape.seq(), plan.seed()), shape.batch());
        var heldOutRows = new PackedRows(validation, shape.seq(), plan.seed());
        int few = (int) Math.min(VALIDATION_ROWS, heldOutRows.rowsPerEpoch());
        int[] tokenBytes = IntStream.range(0, tokenizer.vocabSize()).map(id -> tokenizer.bytes(id).length).toArray();
        var data = new TrainData<>(rows::get, List.of(new Batches(heldOutRows, few).range(0, few)));
        long checkpoint = Math.max(1, Math.round(CHECKPOINT_SECONDS / plan.measured().secondsPerStep()));
        var settings = new TrainOptions(plan.steps(), 1, plan.schedule(), Plan.CLIP, new AdamW.Settings(0.9, 0.95, 1e-8, Plan.WEIGHT_DECAY),
                false, plan.seed(), Math.max(1, plan.steps() / EVALUATIONS), Math.max(1, plan.steps() / SAMPLES), checkpoint, 2);
        try (Decoder model = Decoder.random(spec, plan.seed())) {
            RunNotes notes = notes(spec, tokenizer);
            if (notes.samples().isEmpty()) {
                notes.sample(0, model);
            }
            new Trainer<>(model, new NextToken(model, tokenBytes), data, settings, run, notes).train();
            NetworkFiles.save(model, out, StorageType.F32);
            AtomicFile.writeString(out.resolve(GenerationConfig.FILE), GenerationConfig.of(spec.bosId(), spec.eosIds()).toJson());
            provenance();
            return notes;
        }
    }

    private void provenance() {
        Map<String, Object> recipe = new LinkedHashMap<>();
        recipe.put("minutes", plan.minutes());
        recipe.put("corpus", sources.what());
        recipe.put("shape", plan.shape());
        recipe.put("steps", plan.steps());
        recipe.put("warmup", plan.warmup());
        recipe.put("learning_rate", plan.learningRate());
        recipe.put("fill_in_the_middle", plan.fillInTheMiddle());
        List<Provenance.Input> inputs = sources.inputs().stream()
                .map(input -> new Provenance.Input(String.valueOf(input.getFileName()), ContentHash.of(input))).toList();
        Provenance.of("quickstart", inputs, recipe, plan.seed()).write(out);
    }

    private List<Report.Completion> completions(LanguageModel model, Tokenizer tokenizer) {
        List<Report.Completion> all = new Writer(model, tokenizer).completions();
        for (Report.Completion c : all) {
            log.message("%s", RunNotes.indented(c.fillsGap() ? c.before() + "[[" + c.middle() + "]]" + c.after()
                    : c.before() + "[[" + c.middle() + "]]") + "\n");
        }
        return all;
    }

    /** Null where the corpus gives nothing to fine-tune on, or the run was planned before there was fine-tuning. */
    private Finetuning finetuning(Corpus corpus, Tokenizer tokenizer) {
        Plan.Tuning tuning = plan.tuning();
        if (tuning == null) {
            log.message("no fine-tuning: the plan has none");
            return null;
        }
        MethodPairs.Found found = log.run("pairs", () -> MethodPairs.write(corpus, tokenizer, plan, out, progress),
                () -> MethodPairs.read(out));
        if (!found.lacking().isEmpty()) {
            log.message("no fine-tuning: %s", found.lacking());
            return null;
        }
        long steps = Sizing.tuningSteps(tuning.steps(), plan.shape().tokensPerStep(), found.trainTokens());
        Path adapter = out.resolve(ADAPTER);
        FinetuneEvaluation evaluation = log.run("finetune", () -> tune(adapter, steps), () -> FinetuneEvaluation.read(adapter)).orElseThrow();
        return log.run("compare", () -> {
            Finetuning made = Comparison.of(out, adapter, tokenizer, plan.shape().seq(), found, steps, evaluation, progress);
            made.write(out);
            return made;
        }, () -> Finetuning.read(out));
    }

    private Optional<FinetuneEvaluation> tune(Path adapter, long steps) {
        long checkpoint = Math.max(1, Math.round(CHECKPOINT_SECONDS / plan.measured().secondsPerStep()));
        FinetuneRecipe base = RecipeReader.defaults(FinetuneRecipe.class, List.of("seed=" + plan.seed(), "train.steps=" + steps,
                "train.batch=" + plan.shape().batch(), "train.seq=" + plan.shape().seq(), "train.lr=" + plan.tuning().learningRate(),
                "train.checkpoint_every=" + checkpoint, "adapter.rank=" + plan.tuning().rank(), "adapter.alpha=" + 2 * plan.tuning().rank()));
        var recipe = new FinetuneRecipe(base.kind(), base.seed(), base.device(), base.method(), new FinetuneRecipe.Model(Optional.of(out), base.model().quantize()),
                new FinetuneRecipe.Data(MethodPairs.sources(out), 0, 0, false, 1), base.adapter(), base.dpo(), base.train());
        // it takes less memory than the training that came before it
        return new FinetuneJob(recipe).run(adapter, progress).evaluation();
    }

    private void summary(Report report) {
        Report.HeldOut h = report.heldOut();
        log.message("");
        log.message("held-out text: %,d documents, %,d tokens, %,d bytes", h.documents(), h.tokens(), h.bytes());
        log.message("  %-18s %12s %12s %12s", "", "nats/token", "perplexity", "bits/byte");
        row("this model", h.model());
        row("unigram baseline", h.unigram());
        row("untrained model", h.untrained());
        log.message("  bits per byte are %.3f of the unigram baseline's", h.ratioToUnigram());
        if (report.finetuning() != null) {
            log.message("");
            report.finetuning().lines().forEach(line -> log.message("%s", line));
        }
        log.message("");
        log.message("report    %s", out.resolve(ReportPage.FILE));
        for (String next : NextCommands.of(out, report.finetuning() != null)) {
            log.message("next      %s", next);
        }
    }

    private void row(String name, Report.Score score) {
        log.message("  %-18s %12.4f %12.1f %12.4f", name, score.nats(), score.perplexity(), score.bitsPerByte());
    }
}
