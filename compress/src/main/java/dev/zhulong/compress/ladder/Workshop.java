package dev.zhulong.compress.ladder;

import dev.zhulong.compress.Budget;
import dev.zhulong.compress.CalibrationTokens;
import dev.zhulong.compress.Importance;
import dev.zhulong.compress.PredictedSize;
import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.compress.RoundingLosses;
import dev.zhulong.compress.TensorTypes;
import dev.zhulong.compress.ladder.Recipe.Base;
import dev.zhulong.compress.ladder.Recipe.Fit;
import dev.zhulong.compress.prune.DecoderPrune;
import dev.zhulong.compress.prune.LikelyTokens;
import dev.zhulong.compress.prune.PartImportance;
import dev.zhulong.compress.prune.Staying;
import dev.zhulong.compress.prune.Staying.Wanted;
import dev.zhulong.compress.prune.VocabularyTrim;
import dev.zhulong.compress.recover.Recovery;
import dev.zhulong.compress.recover.Student;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Carries recipes out, and keeps what several of them share. */
final class Workshop implements AutoCloseable {
    private static final String TRIMMED = "trimmed";
    private static final String CUT = ".cut";
    private static final String DIRECTORY = "work-";
    private static final int DIGITS = 12;
    /** Of a token, where a vocabulary has long ones. */
    private static final int MOST_CHARACTERS = 8;
    /** Times that a training reads a text. */
    private static final int PASSES = 4;

    private final Path model;
    private final List<String> texts;
    private final Path directory;
    private final EngineChoice choice;
    private final int threads;
    private final Progress progress;
    private final Map<Base, PredictedSize> sizes = new HashMap<>();
    private final Map<Base, RoundingLosses> losses = new HashMap<>();
    private final Map<Base, Importance> importances = new HashMap<>();
    private VocabularyTrim trim;

    /**
     * Finds what an earlier call left that was stopped and was about the same, and removes what was about other things: a vocabulary cut for other texts, or a half-trained model, would be taken
     * for this one's.
     *
     * @param texts     to work with
     * @param directory for a directory of what is made on the way
     * @param subject   what that depends on
     */
    Workshop(Path model, List<String> texts, Path directory, ContentHash subject, int threads, Progress progress) {
        this.model = model;
        this.texts = texts;
        this.directory = directory.resolve(DIRECTORY + subject.sha256().substring(0, DIGITS));
        this.threads = threads;
        this.progress = progress;
        choice = EngineChoice.DEFAULT.withEngine(Engine.CPU).withThreads(threads);
        try {
            Files.createDirectories(this.directory);
            try (Stream<Path> all = Files.list(directory)) {
                for (Path left : all.filter(path -> path.getFileName().toString().startsWith(DIRECTORY) && !path.equals(this.directory)).toList()) {
                    FileTree.delete(left);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot work in " + directory + ": " + e, e);
        }
    }

    /** Ways to round to it, the cheapest first. */
    static List<Fit> fits(Precision precision) {
        return precision == Precision.F16 || precision == Precision.Q8_0 ? List.of(Fit.PLAIN) : List.of(Fit.IMPORTANCE, Fit.FEEDBACK);
    }

    /** Bytes that a file of it will have. */
    long predicted(Base base, Precision precision) {
        return size(base).bytes(precision, fits(precision).getFirst() != Fit.PLAIN);
    }

    /**
     * The types that are predicted to lose least in a file of a size, rounded with error feedback.
     *
     * @throws IllegalArgumentException where no types are small enough; says what the smallest file is
     */
    Recipe withinBudget(Base base, long bytes) {
        RoundingLosses known = losses.computeIfAbsent(base, asked -> RoundingLosses.measure(path(asked), calibration(path(asked)), threads, progress));
        Budget budget = Budget.ofFile(known, bytes);
        return new Recipe(base, Fit.FEEDBACK, budget.precision(), new Recipe.Types(bytes, budget.lines()), 0);
    }

    /** What a base would take. */
    PredictedSize size(Base base) {
        return sizes.computeIfAbsent(base, asked -> new PredictedSize(path(asked)));
    }

    /** A base's directory, which is made where it is not there. */
    private Path path(Base base) {
        if (base.equals(Base.GIVEN)) {
            return model;
        }
        if (base.isStudent()) {
            return student(base);
        }
        Path trimmed = directory.resolve(TRIMMED);
        VocabularyTrim made = trim();
        if (!Files.isDirectory(trimmed)) {
            made.write(trimmed);
        }
        return trimmed;
    }

    /** @throws IllegalArgumentException where parts cannot be taken from a model of its kind */
    private Path student(Base base) {
        Path whole = path(base.whole());
        String name = name(base);
        Path student = directory.resolve(name);
        if (Files.isDirectory(student)) {
            return student;
        }
        Path cut = directory.resolve(name + CUT);
        if (!Files.isDirectory(cut)) {
            try (Decoder decoder = DecoderFiles.load(whole)) {
                var wanted = new Wanted(Optional.of(base.layers()), List.of(), base.width() < 1 ? Optional.of(base.width()) : Optional.empty(), Optional.empty(), Optional.empty());
                DecoderPrune.write(whole, decoder, Staying.choose(decoder.spec(), wanted, PartImportance.of(decoder, calibration(whole).chunks(), progress)), cut);
            }
        }
        List<String> given = some(tokens(base.steps()));
        Student.Result result = new Student(whole, cut, progress).run(given, more(base.whole(), base.steps(), given), base.steps(), directory.resolve(name + ".run"), student);
        progress.message(String.format(Locale.ROOT, "distillation: %.4f -> %.4f nats a token from the model on texts held out of it; control, which learned the text alone: %.4f", result.before(),
                result.after(), result.control()));
        return student;
    }

    private static String name(Base student) {
        return String.format(Locale.ROOT, "student%s-%d-%.2f-%d", student.trimmed() ? "-trimmed" : "", student.layers(), student.width(), student.steps());
    }

    private VocabularyTrim trim() {
        if (trim == null) {
            try (ModelFiles files = ModelFiles.open(model, choice); LoadedModel loaded = files.load(LikelyTokens.WINDOW)) {
                Set<Integer> likely = LikelyTokens.of(loaded.model(), loaded.tokenizer(), texts, LikelyTokens.TAIL, progress);
                trim = VocabularyTrim.of(model, texts, likely, progress);
            }
        }
        return trim;
    }

    /** Ids of the model as it was given by the numbers they have in a base; null where they are the same. */
    int[] kept(Base base) {
        return base.trimmed() ? trim().oldIds() : null;
    }

    /** Whether a training was begun and not ended, by a process that was killed. */
    boolean isBegun(Recipe recipe) {
        return Files.isDirectory(run(recipe));
    }

    /** The same of a student's, or whether it has ended. */
    boolean isBegun(Base student) {
        return Files.isDirectory(directory.resolve(name(student) + CUT));
    }

    /** How many the model has. */
    int layers() {
        return ModelDirectory.readSpec(model).layers();
    }

    private Path run(Recipe recipe) {
        return directory.resolve(file(recipe).getFileName() + ".run");
    }

    /** Where a recipe's result lies. */
    Path file(Recipe recipe) {
        String name = recipe.toString().replaceAll("[^a-z0-9_]+", "-");
        return directory.resolve((recipe.types().budget() == 0 ? name : name + "-" + recipe.types().budget()) + ".gguf");
    }

    /** Writes the file; one that was there is replaced. */
    Path make(Recipe recipe) {
        Path out = file(recipe);
        if (recipe.steps() > 0) {
            return train(recipe, out);
        }
        var quantization = new Quantization(path(recipe.base()), recipe.precision(), out, false, threads, progress).types(TensorTypes.parse(recipe.types().lines()));
        switch (recipe.fit()) {
            case PLAIN -> { }
            case IMPORTANCE -> quantization.importance(importance(recipe.base()));
            case FEEDBACK -> quantization.calibration(calibration(path(recipe.base())));
        }
        quantization.run().notices().forEach(progress::message);
        return out;
    }

    private Path train(Recipe recipe, Path out) {
        Path start = file(recipe.untrained());
        if (!Files.exists(start)) {
            make(recipe.untrained());
        }
        List<String> given = some(tokens(recipe.steps()));
        Recovery.Result result = new Recovery(path(recipe.base()), start, progress).run(given, more(recipe.base(), recipe.steps(), given), recipe.steps(), run(recipe), out);
        progress.message(String.format(Locale.ROOT, "training: %.4f -> %.4f nats a token from the model on texts held out of it, best after step %,d", result.before(), result.after(), result.step()));
        return out;
    }

    private long tokens(long steps) {
        return steps * Recovery.tokens(ModelDirectory.readSpec(model).contextLength());
    }

    /** What the model itself writes after the beginnings of the texts, where these are so few that training would learn them by heart. */
    private List<String> more(Base base, long steps, List<String> given) {
        Path of = path(base);
        long tokens;
        try (ModelFiles files = ModelFiles.open(of, choice)) {
            tokens = given.stream().mapToLong(text -> files.tokenizer().encode(text).length).sum();
        }
        long missing = tokens(steps) / PASSES - tokens;
        return missing <= 0 ? List.of() : OwnTexts.of(of, given, (int) Math.ceilDiv(missing, OwnTexts.TOKENS), threads, progress);
    }

    /** As many of the texts as are so many tokens in any case, or all: their order is that of their hashes, so that the first of them are as good as any. */
    private List<String> some(long tokens) {
        long left = tokens * MOST_CHARACTERS;
        int count = 0;
        while (count < texts.size() && left > 0) {
            left -= texts.get(count++).length();
        }
        return texts.subList(0, count);
    }

    /** Some texts as a model cuts them. */
    private CalibrationTokens calibration(Path of) {
        try (ModelFiles files = ModelFiles.open(of, choice)) {
            return CalibrationTokens.of(List.of("texts"), String.join("\n\n", some(CalibrationTokens.USUAL)), files.tokenizer(), files.spec().contextLength(), CalibrationTokens.USUAL);
        }
    }

    /** Of a student, or else of the model as it was given: what is cut of the vocabulary changes no projection's inputs. */
    private Importance importance(Base base) {
        return importances.computeIfAbsent(base.isStudent() ? base : Base.GIVEN, of -> Importance.collect(path(of), calibration(path(of)), progress));
    }

    /** Removes what was made on the way: what was learnt from it is written down. */
    @Override
    public void close() {
        try {
            FileTree.delete(directory);
            if (isEmpty(directory.getParent())) {
                Files.delete(directory.getParent());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.findAny().isEmpty();
        }
    }
}
