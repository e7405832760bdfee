package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.dedup.Decontaminate;
import dev.zhulong.data.dedup.MinHash;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.read.ReadOptions;
import java.nio.file.Path;
import java.util.List;

/**
 * What {@link Cleaner} is to do.
 *
 * @param inputs             files, directories, archives
 * @param read               how they are read
 * @param steps              cleaning rules in the order in which a document goes through them
 * @param duplicates         which duplicates are removed
 * @param minHash            what counts as nearly equal
 * @param validationFraction share of documents held out, in [0, 1)
 * @param evaluationSets     files whose texts must not appear in the corpus; read like the inputs
 * @param evaluationWords    words in a row that make an overlap
 * @param seed               of the split
 * @param threads            workers
 */
public record CleanConfig(List<Path> inputs, ReadOptions read, List<CleaningStep> steps, Clusters.Kind duplicates, MinHash minHash,
        double validationFraction, List<Path> evaluationSets, int evaluationWords, long seed, int threads) {
    public CleanConfig {
        inputs = List.copyOf(inputs);
        steps = List.copyOf(steps);
        evaluationSets = List.copyOf(evaluationSets);
        if (inputs.isEmpty()) {
            throw new IllegalArgumentException("no input to clean: name at least one file or directory");
        }
        if (!(validationFraction >= 0 && validationFraction < 1)) {
            throw new IllegalArgumentException("validationFraction must be in [0, 1), found " + validationFraction);
        }
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, found " + threads);
        }
    }

    /** Near-duplicates removed, 5 % held out, no evaluation sets, seed 0, all cores. */
    public static CleanConfig of(List<Path> inputs, List<CleaningStep> steps) {
        return new CleanConfig(inputs, ReadOptions.DEFAULT, steps, Clusters.Kind.NEAR, MinHash.DEFAULT, 0.05, List.of(),
                Decontaminate.DEFAULT_WORDS, 0, Runtime.getRuntime().availableProcessors());
    }

    /** The same read otherwise. */
    public CleanConfig withRead(ReadOptions other) {
        return new CleanConfig(inputs, other, steps, duplicates, minHash, validationFraction, evaluationSets, evaluationWords, seed, threads);
    }

    /** The same with other duplicates removed. */
    public CleanConfig withDuplicates(Clusters.Kind other) {
        return new CleanConfig(inputs, read, steps, other, minHash, validationFraction, evaluationSets, evaluationWords, seed, threads);
    }

    /** The same with another share held out, chosen by {@code seed}. */
    public CleanConfig withValidation(double fraction, long splitSeed) {
        return new CleanConfig(inputs, read, steps, duplicates, minHash, fraction, evaluationSets, evaluationWords, splitSeed, threads);
    }

    /** The same with evaluation sets to keep out. */
    public CleanConfig withEvaluationSets(List<Path> sets) {
        return new CleanConfig(inputs, read, steps, duplicates, minHash, validationFraction, sets, evaluationWords, seed, threads);
    }

    /** The same on so many threads; the result does not depend on it. */
    public CleanConfig withThreads(int count) {
        return new CleanConfig(inputs, read, steps, duplicates, minHash, validationFraction, evaluationSets, evaluationWords, seed, count);
    }
}
