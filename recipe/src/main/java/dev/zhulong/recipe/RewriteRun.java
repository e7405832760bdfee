package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.LabelledRows;
import dev.zhulong.data.label.PairReader;
import dev.zhulong.data.label.TextPair;
import dev.zhulong.data.pack.PairBatch;
import dev.zhulong.data.pack.PairBatch.Pair;
import dev.zhulong.data.pack.PairBatches;
import dev.zhulong.data.tune.Sides;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.search.Rewriter;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.text.Companions;
import dev.zhulong.text.encode.EncoderTokenizer;
import dev.zhulong.train.BestWeights;
import dev.zhulong.train.Loss;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.SequenceToSequence;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/** One start of a {@link RewriteJob}. */
final class RewriteRun implements RecipeJob.Run<RewriteJob.Result> {
    private static final String PREDICTIONS = "predictions.jsonl";

    private final RewriteRecipe recipe;
    private final Ranks ranks;
    private final Path run;
    private final Progress line;
    private boolean training;

    RewriteRun(RewriteRecipe recipe, Ranks ranks, Path run, Progress line) {
        this.recipe = recipe;
        this.ranks = ranks;
        this.run = run;
        this.line = line;
    }

    @Override
    public boolean training() {
        return training;
    }

    @Override
    public RewriteJob.Result run() {
        Optional<Path> from = recipe.model().from();
        if (from.isPresent() && ModelDirectory.readNetwork(from.get()) instanceof EncoderDecoderSpec spec) {
            spec.requireReads(from.get());
        }
        RunInputs inputs = RunInputs.of(run, Map.of(), files(), from.orElse(null));
        Sides<TextPair> sides = sides();
        Path described = from.orElse(tokenizer());
        if (from.isEmpty()) {
            if (ranks.rank() == 0) {
                // from the same pairs always the same bytes
                RewriteModel.tokenizer(recipe, sides.train(), described);
            }
            ranks.barrier();
        }
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(described); EncoderDecoder model = model(tokenizer.tokenizer().vocabSize());
                LoraAdapter adapter = recipe.tuning().attach(model, recipe.seed())) {
            EncoderDecoderSpec spec = model.spec();
            if (tokenizer.tokenizer().vocabSize() > Math.min(spec.sourceVocab(), spec.vocabSize())) {
                throw new IllegalArgumentException(described + ": the tokenizer has ids up to " + (tokenizer.tokenizer().vocabSize() - 1) + " but the model only "
                        + Math.min(spec.sourceVocab(), spec.vocabSize()) + " rows");
            }
            OptionalInt target = language(tokenizer, recipe.data().targetLanguage());
            SearchOptions options = SearchOptions.read(described, spec.ids(), spec.longest(), spec.vocabSize()).withBeams(1);
            options = target.isPresent() ? options.withForcedBos(target.getAsInt()) : options;
            var sources = new Rewriter(model, tokenizer, language(tokenizer, recipe.data().sourceLanguage()), options);
            var targets = new Rewriter(model, tokenizer.target(), target, options);
            return train(model, sides, sources, targets, inputs);
        }
    }

    /** Where a tokenizer that is trained lies until the model does. */
    private Path tokenizer() {
        return run.resolve(RunDirectory.DATA).resolve("tokenizer");
    }

    private List<TextPair> read(Path file) {
        LabelledRows<TextPair> read = PairReader.read(file, recipe.data().source(), recipe.data().target());
        line.message(file.getFileName() + ": " + read.report());
        return read.rows();
    }

    private Sides<TextPair> sides() {
        List<TextPair> rows = recipe.data().files().stream().flatMap(file -> read(file).stream()).toList();
        if (recipe.data().heldOut().isPresent()) {
            return new Sides<>(rows, read(recipe.data().heldOut().get()));
        }
        // translations of one text lie on one side
        return Sides.split(rows, pair -> List.of(pair.source()), recipe.data().heldOutFraction(), recipe.seed());
    }

    private EncoderDecoder model(int vocab) {
        return recipe.model().from().map(from -> recipe.tuning().format().map(format -> EncoderDecoder.loadQuantized(from, format)).orElseGet(() -> EncoderDecoder.load(from))).orElseGet(() -> EncoderDecoder.random(RewriteModel.spec(recipe, vocab), recipe.seed()));
    }

    private static OptionalInt language(EncoderTokenizer tokenizer, Optional<String> token) {
        if (token.isEmpty()) {
            return OptionalInt.empty();
        }
        OptionalInt id = tokenizer.tokenizer().id(token.get());
        if (id.isEmpty()) {
            throw new IllegalArgumentException("the tokenizer has no token " + token.get() + ": name a language as it spells it, such as eng_Latn");
        }
        return id;
    }

    /** The pairs that can be learnt, as ids. */
    private record Encoded(List<TextPair> texts, List<Pair> ids) {}

    /** A translation of a part is no translation; a summary is of what is read of its text. Half a text that is to be written is never learnt. */
    private Encoded encode(List<TextPair> pairs, Rewriter sources, Rewriter targets, String side) {
        int seq = recipe.seq(sources.model().spec().longest());
        boolean cut = recipe.task() == RewriteRecipe.Task.SUMMARIZE;
        List<TextPair> texts = new ArrayList<>();
        List<Pair> ids = new ArrayList<>();
        int shortened = 0;
        for (TextPair pair : pairs) {
            // a token more, so that what is too long shows
            int[] source = sources.ids(recipe.data().prefix() + pair.source(), more(seq));
            int[] target = targets.ids(pair.target(), more(seq));
            if (target.length > seq || source.length > seq && !cut) {
                continue;
            }
            if (source.length > seq) {
                source = sources.ids(recipe.data().prefix() + pair.source(), seq);
                shortened++;
            }
            texts.add(pair);
            ids.add(new Pair(source, target));
        }
        if (texts.size() < pairs.size()) {
            line.message(String.format(Locale.ROOT, "%s: %,d pairs of %,d are left out: a text is longer than %,d tokens (train.seq)", side, pairs.size() - texts.size(),
                    pairs.size(), seq));
        }
        if (shortened > 0) {
            line.message(String.format(Locale.ROOT, "%s: %,d sources are cut to %,d tokens", side, shortened, seq));
        }
        return new Encoded(texts, ids);
    }

    private static int more(int seq) {
        return seq == Integer.MAX_VALUE ? seq : seq + 1;
    }

    private RewriteJob.Result train(EncoderDecoder model, Sides<TextPair> sides, Rewriter sources, Rewriter targets, RunInputs inputs) {
        Encoded learnt = encode(sides.train(), sources, targets, "training");
        Encoded held = encode(sides.heldOut(), sources, targets, "held out");
        if (learnt.ids.isEmpty()) {
            throw new IllegalArgumentException("no pair is left to train on: all are longer than " + recipe.seq(model.spec().longest()) + " tokens; give a larger train.seq");
        }
        model.dropout(recipe.dropout());
        var objective = new SequenceToSequence(model, recipe.labelSmoothing());
        int batch = recipe.train().batch();
        int pad = model.spec().ids().pad();
        long steps = recipe.train().steps(learnt.ids.size(), batch);
        announce(model, learnt, held, steps);
        var batches = new PairBatches(learnt.ids, pad, batch, recipe.seed());
        int some = recipe.train().evaluateRows() == 0 ? held.ids.size() : Math.min(recipe.train().evaluateRows(), held.ids.size());
        List<PairBatch> validation = PairBatches.all(held.ids.subList(0, some), pad, batch);
        training = true;
        var data = new TrainData<>(batches::get, validation).among(ranks);
        TrainOptions options = recipe.train().optionsByEpoch(steps, recipe.rate(), recipe.tuning().recompute(recipe.train().recompute()), recipe.seed(), learnt.ids.size())
                .among(ranks.size()).in(RunPrecision.of(recipe.train(), model.spec().stack(), ranks, run, line));
        if (ranks.rank() > 0) {
            new Trainer<>(model, objective, data, ranks, options, run, new TrainListener() {}).train();
            return new RewriteJob.Result(OptionalDouble.empty(), objective.unit().toString(), "");
        }
        inputs.write(run);
        var best = new BestWeights(run, model);
        new Trainer<>(model, objective, data, ranks, options, run, new Listener(sources, best)).train();
        best.restore().ifPresent(step -> line.message(String.format(Locale.ROOT, "the weights of step %,d are kept: least held-out loss", step)));
        Optional<Loss> loss = held.ids.isEmpty() ? Optional.empty()
                : Optional.of(new SequenceToSequence(model, 0).evaluateAll(PairBatches.all(held.ids, pad, batch)));
        loss.ifPresent(l -> report(sources, held, learnt, l, objective.unit().toString()));
        save(model);
        FinishedModel.chart(run, objective.unit(), line);
        provenance().write(run);
        best.remove();
        return new RewriteJob.Result(loss.map(l -> OptionalDouble.of(l.mean())).orElse(OptionalDouble.empty()), objective.unit().toString(),
                recipe.tuning().result() + " is in " + run + "; use it: zhulong translate" + recipe.tuning().use(run) + " --text TEXT");
    }

    private void announce(EncoderDecoder model, Encoded learnt, Encoded held, long steps) {
        EncoderDecoderSpec spec = model.spec();
        line.message(String.format(Locale.ROOT, "%s, %s, %,d weights, %s; %,d tokens in its vocabulary", spec.family().modelType(),
                recipe.model().from().isPresent() ? "trained further" : "new", Parameters.of(spec).count(), recipe.tuning().text(model), spec.vocabSize()));
        line.message(RewriteJob.memory(recipe, spec).text());
        line.message(String.format(Locale.ROOT, "%,d steps of %,d pairs from %,d; held out: %,d", steps, (long) recipe.train().batch() * recipe.train().accumulation(),
                learnt.ids.size(), held.ids.size()));
        if (held.ids.isEmpty()) {
            line.message("nothing is held out, so nothing will be evaluated: give more pairs, a file of others, or data.held_out_fraction");
        }
    }

    private void report(Rewriter sources, Encoded held, Encoded learnt, Loss loss, String unit) {
        List<TextPair> pairs = spread(held.texts, recipe.written() == 0 ? held.texts.size() : Math.min(recipe.written(), held.texts.size()));
        // as long as the longest that was learnt, and what is begun with must fit too
        int most = learnt.ids.stream().mapToInt(pair -> pair.target().length).max().orElse(1);
        var writer = new Rewriter(sources.model(), sources.tokenizer(), sources.language(),
                sources.options().withBeams(recipe.beams()).withNewTokens(Math.max(1, Math.min(most, sources.model().spec().longest() - 1))));
        line.message(String.format(Locale.ROOT, "writing %,d held-out texts, %s", pairs.size(),
                recipe.beams() == 1 ? "the likeliest token each time" : "the best of " + recipe.beams() + " beams"));
        List<String> written = writer.write(pairs.stream().map(pair -> recipe.data().prefix() + pair.source()).toList());
        var predictions = new StringBuilder();
        for (int i = 0; i < written.size(); i++) {
            predictions.append(JsonNodeFactory.instance.objectNode().put("source", pairs.get(i).source()).put("target", pairs.get(i).target())
                    .put("written", written.get(i))).append('\n');
        }
        AtomicFile.writeString(run.resolve(PREDICTIONS), predictions.toString());
        RewriteScores scores = RewriteScores.of(recipe.task(), pairs, written, learnt.texts);
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("task", recipe.task().toString()).put("loss", loss.mean()).put("loss_unit", unit)
                .put("pairs", held.texts.size()).put("written", written.size());
        scores.put(json);
        JsonFile.write(run.resolve(FinalEvaluation.FILE), json);
        line.message(String.format(Locale.ROOT, "held out: loss %.4f %s; of %,d texts written:%n%s", loss.mean(), unit, written.size(), scores.text()));
    }

    /** So many of all, from the first to the last: files are often in the order of their lengths. */
    private static <T> List<T> spread(List<T> all, int count) {
        return IntStream.range(0, count).mapToObj(i -> all.get((int) ((long) i * all.size() / count))).toList();
    }

    private void save(EncoderDecoder model) {
        try {
            Companions.copy(recipe.model().from().orElse(tokenizer()), run);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        recipe.tuning().save(model, run);
    }

    private List<Path> files() {
        List<Path> files = new ArrayList<>(recipe.data().files());
        recipe.data().heldOut().ifPresent(files::add);
        recipe.model().from().ifPresent(base -> files.addAll(RunInputs.describing(base)));
        return files;
    }

    private Provenance provenance() {
        List<Provenance.Input> inputs = new ArrayList<>();
        List<Provenance> parents = new ArrayList<>();
        recipe.data().files().forEach(file -> inputs.add(Provenance.Input.of(file)));
        recipe.data().heldOut().ifPresent(file -> inputs.add(Provenance.Input.of(file)));
        recipe.model().from().ifPresent(base -> FinishedModel.base(base, inputs, parents));
        return Provenance.of(recipe.model().from().isPresent() ? "finetune" : "pretrain", inputs, RunDirectory.tree(recipe), recipe.seed()).withParents(parents);
    }

    /** Reports as every training does, and keeps the best weights. Texts are short, so that attention adds little to the work of the weights and is left out. */
    private final class Listener extends TrainingConsole {
        private final BestWeights best;

        Listener(Rewriter sources, BestWeights best) {
            super(line, sources.tokenizer().tokenizer(), Formulas.flopsPerToken(sources.model().spec(), 0), RunDevice.gflops(recipe.device()), "", 1);
            this.best = best;
        }

        @Override
        public Map<String, Double> measure(long step) {
            if (recipe.best() == RewriteRecipe.Best.LOSS) {
                best.offer(step, -last().orElseThrow().loss());
            }
            return Map.of();
        }
    }
}
