package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.media.PictureFolder;
import dev.zhulong.data.media.PictureFolder.Entry;
import dev.zhulong.data.pack.PictureBatch;
import dev.zhulong.data.pack.PictureBatches;
import dev.zhulong.data.tune.Sides;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.media.MediaException;
import dev.zhulong.media.MediaLimits;
import dev.zhulong.media.PictureReader;
import dev.zhulong.media.processor.PictureProcessor;
import dev.zhulong.media.processor.PreparedPicture;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.VisionEncoder;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.recipe.label.HeadLogits;
import dev.zhulong.recipe.label.PicturePage;
import dev.zhulong.recipe.label.PicturePage.Mistake;
import dev.zhulong.recipe.label.PictureScores;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.BestWeights;
import dev.zhulong.train.Loss;
import dev.zhulong.train.PictureClasses;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** One start of a {@link LabelJob} whose rows are pictures in directories, one for each label. */
final class PictureRun implements RecipeJob.Run<LabelJob.Result> {
    static final String PAGE = "report.html";
    /** Bytes of prepared pictures that are kept; others are read again each time. */
    private static final long KEPT = 512L << 20;
    /** On the page. */
    private static final int MISTAKES = 48;
    private static final List<String> METRICS = List.of("accuracy", "macro_f1", "weighted_f1");

    private final LabelRecipe recipe;
    private final Ranks ranks;
    private final Path base;
    private final Path run;
    private final Progress line;
    private final PictureReader reader = new PictureReader(MediaLimits.DEFAULT);
    private final PictureProcessor processor;
    private final Map<Path, float[]> kept = new LinkedHashMap<>();
    private long keptBytes;
    private boolean training;

    /** A picture with a digest of its file. */
    private record Item(Entry entry, String sha256) {
        String label() {
            return entry.label().orElseThrow();
        }
    }

    PictureRun(LabelRecipe recipe, Ranks ranks, Path run, Progress line) {
        this.recipe = recipe;
        this.ranks = ranks;
        this.base = recipe.model().from().orElseThrow();
        this.run = run;
        this.line = line;
        this.processor = PictureProcessor.of(base);
    }

    /** Finds what is wrong with a recipe for pictures before its directory is made. */
    static void check(LabelRecipe recipe, Path base, VisionSpec spec, Path directory) {
        spec.family().poolOfClasses();
        PictureProcessor.of(base);
        if (!recipe.tuning().isFull()) {
            throw new IllegalArgumentException("networks that see pictures are trained whole: leave out --method, or give full");
        }
        if (recipe.train().seq() > 0 || recipe.data().multi() || !recipe.data().columns().isEmpty()) {
            throw new IllegalArgumentException("pictures have neither a length in tokens (seq), nor columns, nor several labels (multi)");
        }
        String best = recipe.best().orElse(METRICS.getFirst());
        if (!METRICS.contains(best) && !best.equals(LabelRecipe.LAST) && !best.equals(LabelRecipe.LOSS)) {
            throw new IllegalArgumentException("best must be one of " + String.join(", ", METRICS) + ", loss and last here, found '" + best + "'");
        }
        if (recipe.data().files().isEmpty()) {
            throw new IllegalArgumentException("there is nothing to train on: give data.files, a directory with a directory of pictures for each label");
        }
        Stream.concat(recipe.data().files().stream(), recipe.data().heldOut().stream()).filter(path -> !Files.isDirectory(path)).findFirst().ifPresent(path -> {
            throw new IllegalArgumentException(path + " is no directory: this model sees pictures, and learns them from a directory with a directory for each label");
        });
        Path inside = directory.toAbsolutePath().normalize();
        Stream.concat(recipe.data().files().stream(), recipe.data().heldOut().stream()).filter(inside::startsWith).findFirst().ifPresent(path -> {
            throw new IllegalArgumentException("the run directory " + directory + " lies inside the pictures " + path + ", which would hold its own results: choose another --out");
        });
    }

    /** What training takes. */
    static TrainingMemory memory(LabelRecipe recipe, VisionSpec spec) {
        return recipe.tuning().memory(spec, recipe.train().batch(), tokens(spec), recipe.train().recompute());
    }

    private static int tokens(VisionSpec spec) {
        return spec.patches().positions() + spec.patches().registers();
    }

    @Override
    public boolean training() {
        return training;
    }

    @Override
    public LabelJob.Result run() {
        List<Item> given = items(recipe.data().files());
        List<Item> apart = recipe.data().heldOut().map(folder -> items(List.of(folder))).orElse(List.of());
        RunInputs inputs = RunInputs.of(run, digests(given, apart), RunInputs.describing(base), base);
        Sides<Item> sides = recipe.data().heldOut().isPresent() ? new Sides<>(given, apart)
                : Sides.split(given, item -> List.of(item.sha256), recipe.data().heldOutFraction(), recipe.seed());
        List<String> labels = recipe.data().labels().isEmpty() ? List.copyOf(new TreeSet<>(given.stream().map(Item::label).toList())) : recipe.data().labels();
        Stream.concat(given.stream(), apart.stream()).filter(item -> !labels.contains(item.label())).findFirst().ifPresent(item -> {
            throw new IllegalArgumentException(item.entry.file() + " has the label " + item.label() + ", which is not among those to learn: " + String.join(", ", labels));
        });
        if (labels.size() < 2) {
            throw new IllegalArgumentException("all pictures have the label " + labels.getFirst() + ": there is nothing to tell apart; give a directory for each of two labels or more");
        }
        try (ModelDirectory files = ModelDirectory.open(base)) {
            VisionSpec own = (VisionSpec) files.network();
            VisionSpec spec = own.withClasses(labels, Problem.SINGLE_LABEL);
            try (VisionEncoder model = VisionEncoder.loadAs(files, spec, recipe.seed())) {
                return train(model, sides, labels, inputs, own.head().equals(spec.head()));
            }
        }
    }

    private List<Item> items(List<Path> folders) {
        List<Entry> entries = PictureFolder.of(folders);
        List<Item> items = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.label().isEmpty()) {
                throw new IllegalArgumentException(entry.file() + " lies in no directory of a label: expected a directory for each label, with its pictures");
            }
            items.add(new Item(entry, ContentHash.ofFile(entry.file()).sha256()));
            pixels(entry.file());
            line.at("read", items.size(), entries.size(), "pictures");
        }
        return items;
    }

    private static Map<String, String> digests(List<Item> given, List<Item> apart) {
        Map<String, String> digests = new LinkedHashMap<>();
        digests.put("pictures", digest(given));
        if (!apart.isEmpty()) {
            digests.put("held-out pictures", digest(apart));
        }
        return digests;
    }

    private static String digest(List<Item> items) {
        var all = new StringBuilder();
        items.forEach(item -> all.append(item.entry.name()).append(' ').append(item.sha256).append('\n'));
        return ContentHash.ofBytes(all.toString().getBytes(StandardCharsets.UTF_8)).sha256();
    }

    private float[] pixels(Path file) {
        float[] known = kept.get(file);
        if (known != null) {
            return known;
        }
        float[] values = prepared(file).values();
        if (keptBytes + 4L * values.length <= KEPT) {
            kept.put(file, values);
            keptBytes += 4L * values.length;
        }
        return values;
    }

    private PreparedPicture prepared(Path file) {
        try {
            return processor.prepare(reader.read(file));
        } catch (MediaException e) {
            throw new IllegalArgumentException(e.getMessage() + "; take it out (zhulong clean-media finds all such files)", e);
        }
    }

    private PictureBatches batches(List<Item> items, List<String> labels) {
        PreparedPicture one = prepared(items.getFirst().entry.file());
        return new PictureBatches(items.stream().mapToInt(item -> labels.indexOf(item.label())).toArray(), number -> pixels(items.get(number).entry.file()),
                one.plan().tileHeight(), one.plan().tileWidth(), recipe.train().batch(), recipe.seed());
    }

    private LabelJob.Result train(VisionEncoder model, Sides<Item> sides, List<String> labels, RunInputs inputs, boolean continued) {
        var objective = new PictureClasses(model);
        List<Item> held = sides.heldOut();
        PictureBatches batches = batches(sides.train(), labels);
        Optional<PictureBatches> heldBatches = held.isEmpty() ? Optional.empty() : Optional.of(batches(held, labels));
        int some = recipe.train().evaluateRows() == 0 ? held.size() : Math.min(held.size(), recipe.train().evaluateRows());
        long steps = recipe.train().steps(sides.train().size(), recipe.train().batch());
        line.message(String.format(Locale.ROOT, "%s, %,d weights, all trained; %s head: %,d labels", model.spec().family().modelType(), Parameters.of(model.spec()).count(),
                continued ? "its own" : "a new", labels.size()));
        line.message(String.format(Locale.ROOT, "%,d steps of %,d pictures from %,d; held out: %,d", steps, (long) recipe.train().batch() * recipe.train().accumulation(), sides.train().size(), held.size()));
        training = true;
        var data = new TrainData<PictureBatch>(batches::get, heldBatches.map(all -> all.inOrder(some)).orElse(List.of())).among(ranks);
        TrainOptions options = recipe.train().optionsByEpoch(steps, recipe.rate(), recipe.train().recompute(), recipe.seed(), sides.train().size()).among(ranks.size())
                .in(RunPrecision.of(recipe.train(), model.spec().stack(), ranks, run, line));
        if (ranks.rank() > 0) {
            new Trainer<>(model, objective, data, ranks, options, run, new TrainListener() {}).train();
            return new LabelJob.Result(OptionalDouble.empty(), objective.unit().toString(), "");
        }
        inputs.write(run);
        var best = new BestWeights(run, model);
        String metric = recipe.best().orElse(METRICS.getFirst());
        new Trainer<>(model, objective, data, ranks, options, run, new Listener(model, heldBatches, held.subList(0, some), labels, metric, best)).train();
        best.restore().ifPresent(step -> line.message(String.format(Locale.ROOT, "the weights of step %,d are kept: best %s on what is held out", step, metric)));
        Optional<Loss> loss = heldBatches.map(all -> objective.evaluateAll(all.inOrder(held.size())));
        loss.ifPresent(l -> report(model, heldBatches.orElseThrow(), held, labels, l, objective));
        NetworkFiles.save(model, run, StorageType.F32);
        for (String name : new String[] {"preprocessor_config.json", "processor_config.json"}) {
            copy(name);
        }
        FinishedModel.chart(run, objective.unit(), line);
        provenance(inputs).write(run);
        best.remove();
        return new LabelJob.Result(loss.map(l -> OptionalDouble.of(l.mean())).orElse(OptionalDouble.empty()), objective.unit().toString(), "the model is in " + run
                + (held.isEmpty() ? "" : ", and how it does in " + run.resolve(PAGE)) + "; use it: zhulong classify --model " + run + " --data PICTURES");
    }

    private void copy(String name) {
        try {
            if (Files.isRegularFile(base.resolve(name))) {
                AtomicFile.writeBytes(run.resolve(name), Files.readAllBytes(base.resolve(name)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Probabilities of each class for the first {@code n} pictures. */
    private static List<double[]> probabilities(VisionEncoder model, PictureBatches batches, int n) {
        List<double[]> all = new ArrayList<>();
        for (PictureBatch batch : batches.inOrder(n)) {
            try (var scope = TensorScope.open(); var off = NoGrad.open()) {
                float[] logits = model.logits(model.states(model.pixels(batch.pixels(), batch.rows(), batch.height(), batch.width()))).toFloats();
                int classes = logits.length / batch.rows();
                for (int row = 0; row < batch.rows(); row++) {
                    all.add(HeadLogits.softmax(Arrays.copyOfRange(logits, row * classes, (row + 1) * classes)));
                }
            }
        }
        return all;
    }

    private static List<Integer> ranked(double[] p) {
        return IntStream.range(0, p.length).boxed().sorted((a, b) -> Double.compare(p[b], p[a])).toList();
    }

    private static PictureScores scores(List<double[]> probabilities, List<Item> items, List<String> labels) {
        return PictureScores.of(probabilities.stream().map(p -> ranked(p).stream().limit(5).map(labels::get).toList()).toList(), items.stream().map(Item::label).toList(), labels);
    }

    private void report(VisionEncoder model, PictureBatches batches, List<Item> held, List<String> labels, Loss loss, PictureClasses objective) {
        List<double[]> probabilities = probabilities(model, batches, held.size());
        PictureScores scores = scores(probabilities, held, labels);
        var predictions = new StringBuilder();
        List<Integer> wrong = new ArrayList<>();
        for (int i = 0; i < held.size(); i++) {
            double[] p = probabilities.get(i);
            int said = ranked(p).getFirst();
            ObjectNode row = JsonNodeFactory.instance.objectNode().put("file", held.get(i).entry.name()).put("label", held.get(i).label()).put("predicted", labels.get(said));
            ObjectNode each = row.putObject("probabilities");
            IntStream.range(0, p.length).forEach(c -> each.put(labels.get(c), p[c]));
            predictions.append(row).append('\n');
            if (!labels.get(said).equals(held.get(i).label())) {
                wrong.add(i);
            }
        }
        AtomicFile.writeString(run.resolve("predictions.jsonl"), predictions.toString());
        ObjectNode json = scores.scores().json();
        json.put("task", recipe.task().toString()).put("loss", loss.mean()).put("loss_unit", objective.unit().toString());
        scores.labels().forEach(json.putArray("labels")::add);
        var rows = json.putArray("confusion");
        for (long[] row : scores.confusion()) {
            var counts = rows.addArray();
            for (long count : row) {
                counts.add(count);
            }
        }
        JsonFile.write(run.resolve(LabelRun.EVALUATION), json);
        wrong.sort(Comparator.comparingDouble(i -> -probabilities.get(i)[ranked(probabilities.get(i)).getFirst()]));
        List<Mistake> mistakes = wrong.stream().limit(MISTAKES).map(i -> new Mistake(held.get(i).entry.name(), reader.read(held.get(i).entry.file()), held.get(i).label(),
                labels.get(ranked(probabilities.get(i)).getFirst()), probabilities.get(i)[ranked(probabilities.get(i)).getFirst()])).toList();
        AtomicFile.writeString(run.resolve(PAGE), PicturePage.of(run.toAbsolutePath().normalize().getFileName() + ": pictures told apart", scores, mistakes));
        line.message(String.format(Locale.ROOT, "held out: loss %.4f %s%n%s", loss.mean(), objective.unit(), scores.text()));
    }

    private Provenance provenance(RunInputs inputs) {
        List<Provenance.Input> all = new ArrayList<>();
        List<Provenance> parents = new ArrayList<>();
        inputs.hashes().forEach((name, hash) -> {
            if (name.endsWith("pictures")) {
                all.add(new Provenance.Input(name, new ContentHash(hash.sha256())));
            }
        });
        FinishedModel.base(base, all, parents);
        return Provenance.of("finetune", all, RunDirectory.tree(recipe), recipe.seed()).withParents(parents);
    }

    /** Reports as every training does, measures at each evaluation, and keeps the best weights. */
    private final class Listener extends TrainingConsole {
        private final VisionEncoder model;
        private final Optional<PictureBatches> batches;
        private final List<Item> held;
        private final List<String> labels;
        private final String metric;
        private final BestWeights best;

        Listener(VisionEncoder model, Optional<PictureBatches> batches, List<Item> held, List<String> labels, String metric, BestWeights best) {
            super(line, null, Formulas.flopsPerToken(model.spec(), tokens(model.spec())), RunDevice.gflops(recipe.device()), "", 1);
            this.model = model;
            this.batches = batches;
            this.held = held;
            this.labels = labels;
            this.metric = metric;
            this.best = best;
        }

        @Override
        public Map<String, Double> measure(long step) {
            Map<String, Double> values = new LinkedHashMap<>();
            PictureScores scores = scores(probabilities(model, batches.orElseThrow(), held.size()), held, labels);
            scores.scores().metrics().forEach((name, estimate) -> values.put("validation_" + name, estimate.value()));
            line.message(String.format(Locale.ROOT, "step %,d: %s", step, scores.scores().line()));
            if (metric.equals(LabelRecipe.LOSS)) {
                best.offer(step, -last().orElseThrow().loss());
            } else if (!metric.equals(LabelRecipe.LAST)) {
                best.offer(step, scores.scores().metrics().get(metric).value());
            }
            return values;
        }
    }
}
