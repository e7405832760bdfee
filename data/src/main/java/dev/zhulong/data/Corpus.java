package dev.zhulong.data;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A cleaned corpus: a directory with {@code train/} and {@code validation/} (each a {@link DocumentStore}), {@code audit.json} and
 * {@code audit.html}.
 *
 * @param directory  where it lies
 * @param train      what tokenizer and model may see
 * @param validation held out; may be empty
 */
public record Corpus(Path directory, DocumentStore train, DocumentStore validation) {
    static final String TRAIN = "train";
    static final String VALIDATION = "validation";
    static final String AUDIT = "audit.json";

    /** Whether {@code directory} holds a corpus; its audit is written last. */
    public static boolean isIn(Path directory) {
        return Files.isRegularFile(directory.resolve(AUDIT));
    }

    /** Opens a corpus that was written whole. */
    public static Corpus open(Path directory) {
        return new Corpus(directory, DocumentStore.open(directory.resolve(TRAIN)), DocumentStore.open(directory.resolve(VALIDATION)));
    }

    /** The readable account of what was removed and why. */
    public Path auditPage() {
        return directory.resolve("audit.html");
    }
}
