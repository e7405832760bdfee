package dev.zhulong.compress.ladder;

import dev.zhulong.compress.PredictedSize;
import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.compress.ladder.Recipe.Base;
import dev.zhulong.formats.progress.Progress;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/** Carries recipes out, and keeps what several of them share. */
final class Workshop implements AutoCloseable {
    private final Path model;
    private final Path directory;
    private final int threads;
    private final Progress progress;
    private final Map<Base, PredictedSize> sizes = new EnumMap<>(Base.class);

    /** @param directory for what is made on the way */
    Workshop(Path model, Path directory, int threads, Progress progress) {
        this.model = model;
        this.directory = directory;
        this.threads = threads;
        this.progress = progress;
    }

    /** Bytes that a file of it will have. */
    long predicted(Base base, Precision precision) {
        return size(base).bytes(precision);
    }

    PredictedSize size(Base base) {
        return sizes.computeIfAbsent(base, asked -> new PredictedSize(path(asked)));
    }

    private Path path(Base base) {
        return model;
    }

    /** Ids of the model as it was given by the numbers they have in a base; null where they are the same. */
    int[] kept(Base base) {
        return null;
    }

    /** Where a recipe's result lies. */
    Path file(Recipe recipe) {
        return directory.resolve(recipe.toString().replaceAll("[^a-z0-9_]+", "-") + ".gguf");
    }

    /** Writes the file; one that was there is replaced. */
    Path make(Recipe recipe) {
        Path out = file(recipe);
        new Quantization(path(recipe.base()), recipe.precision(), out, false, threads, progress).run();
        return out;
    }

    @Override
    public void close() {}
}
