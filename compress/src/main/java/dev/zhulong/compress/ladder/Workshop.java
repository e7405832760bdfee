package dev.zhulong.compress.ladder;

import dev.zhulong.compress.CalibrationTokens;
import dev.zhulong.compress.Importance;
import dev.zhulong.compress.PredictedSize;
import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.compress.ladder.Recipe.Base;
import dev.zhulong.compress.ladder.Recipe.Fit;
import dev.zhulong.compress.prune.LikelyTokens;
import dev.zhulong.compress.prune.VocabularyTrim;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Carries recipes out, and keeps what several of them share. */
final class Workshop implements AutoCloseable {
    private static final String TRIMMED = "trimmed";

    private final Path model;
    private final List<String> texts;
    private final Path directory;
    private final EngineChoice choice;
    private final int threads;
    private final Progress progress;
    private final Map<Base, PredictedSize> sizes = new EnumMap<>(Base.class);
    private VocabularyTrim trim;
    private Importance importance;

    /**
     * Nothing is done yet.
     *
     * @param texts     to work with
     * @param directory for what is made on the way
     */
    Workshop(Path model, List<String> texts, Path directory, int threads, Progress progress) {
        this.model = model;
        this.texts = texts;
        this.directory = directory;
        this.threads = threads;
        this.progress = progress;
        choice = EngineChoice.DEFAULT.withEngine(Engine.CPU).withThreads(threads);
    }

    /** Ways to round to it, the cheapest first. */
    static List<Fit> fits(Precision precision) {
        return precision == Precision.F16 || precision == Precision.Q8_0 ? List.of(Fit.PLAIN) : List.of(Fit.IMPORTANCE);
    }

    /** Bytes that a file of it will have. */
    long predicted(Base base, Precision precision) {
        return size(base).bytes(precision, fits(precision).getFirst() != Fit.PLAIN);
    }

    /** What a base would take. */
    PredictedSize size(Base base) {
        return sizes.computeIfAbsent(base, asked -> new PredictedSize(path(asked)));
    }

    /** A base's directory, which is made where it is not there. */
    private Path path(Base base) {
        if (base == Base.GIVEN) {
            return model;
        }
        Path trimmed = directory.resolve(TRIMMED);
        VocabularyTrim made = trim();
        if (!Files.isDirectory(trimmed)) {
            made.write(trimmed);
        }
        return trimmed;
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
        return base == Base.GIVEN ? null : trim().oldIds();
    }

    /** Where a recipe's result lies. */
    Path file(Recipe recipe) {
        return directory.resolve(recipe.toString().replaceAll("[^a-z0-9_]+", "-") + ".gguf");
    }

    /** Writes the file; one that was there is replaced. */
    Path make(Recipe recipe) {
        Path out = file(recipe);
        var quantization = new Quantization(path(recipe.base()), recipe.precision(), out, false, threads, progress);
        if (recipe.fit() == Fit.IMPORTANCE) {
            quantization.importance(importance());
        }
        quantization.run().notices().forEach(progress::message);
        return out;
    }

    /** Of the model as it was given; what is cut of the vocabulary changes no projection's inputs. */
    private Importance importance() {
        if (importance == null) {
            try (ModelFiles files = ModelFiles.open(model, choice)) {
                importance = Importance.collect(model, CalibrationTokens.of(List.of("text"), String.join("\n\n", texts), files.tokenizer(), files.spec().contextLength(), CalibrationTokens.USUAL), progress);
            }
        }
        return importance;
    }

    /** Removes what was made on the way. */
    @Override
    public void close() {
        Path trimmed = directory.resolve(TRIMMED);
        if (!Files.isDirectory(trimmed)) {
            return;
        }
        try (Stream<Path> files = Files.list(trimmed)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(trimmed);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
